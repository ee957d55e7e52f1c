import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatFileResult, formatSummary, judgeReadme } from './report.ts';
import type { FileResult } from './run-file.ts';
import { runFile } from './run-file.ts';

const HEAD = "import { describe, test } from 'node:test';\nimport assert from 'node:assert/strict';\n";

/** Writes a test file, runs it and clears it away. */
async function run(body: string, testTimeoutMs = 20_000): Promise<FileResult> {
  const root = mkdtempSync(join(tmpdir(), 'planted-'));
  writeFileSync(join(root, 'planted.test.ts'), HEAD + body);
  mkdirSync(join(root, 'scratch'));
  const signal = new AbortController().signal;
  try {
    const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
    return await runFile('planted.test.ts', { root, scratch: join(root, 'scratch', 'own'), environment, testTimeoutMs, signal });
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('runFile() counts tests, not suites, and to-do tests as skipped', async () => {
  const result = await run(`
    describe('a suite', () => { test('one', () => {}); test('two', async (t) => { await t.test('part', () => {}); }); });
    test('three', { skip: 'no engine' }, () => {});
    test('four', { todo: true }, () => { assert.fail(); });
    describe('five', { skip: 'all of it' }, () => { test('never', () => {}); });`);
  assert.deepEqual(result.failures, []);
  assert.equal(result.passed, 3);
  assert.deepEqual(
    result.skips.map(({ title, detail }) => ({ title, detail })),
    [
      { title: 'three', detail: 'no engine' },
      { title: 'four', detail: 'to do' },
      { title: 'five', detail: 'all of it' },
    ],
  );
});

test('formatSummary() says how many cases of the contract each engine passed, and counts none that failed; README.md has to say the same', async () => {
  const suite = (engine: string) => `describe('runtime contract on ${engine}', () => { test('a', () => {}); test('b', () => {}); });\n`;
  const failing = "describe('runtime contract on docker-old-overlay2', () => { test('a', () => { assert.fail(); }); });\n";
  const sound = [await run(suite('podman-old') + suite('podman-new')), await run(suite('podman-new'))];
  const summary = formatSummary([...sound, await run(failing)]);
  assert.match(summary, /^\| podman-old \| 2 \|.*\n\| podman-new \| 4 \|/m);
  assert.doesNotMatch(summary, /\| docker-old/);
  assert.deepEqual(judgeReadme(summary, sound), []);
  const stale = judgeReadme(summary.replace('podman-new | 4', 'podman-new | 3'), sound).flatMap(({ failures }) => failures);
  assert.deepEqual(stale, [{ title: 'the matrix says how many cases of the contract passed on podman-new', detail: 'they were 4' }]);
  assert.equal(judgeReadme('', sound)[0]?.failures.length, 2);
});

test('runFile() tells where a failed test stands, its error, and the cause below it', async () => {
  const result = await run(
    `describe('a suite', () => { test('breaks', () => { throw new Error('boo', { cause: new Error('inner') }); }); });`,
  );
  assert.deepEqual(
    result.failures.map((failure) => failure.title),
    ['a suite › breaks'],
  );
  assert.match(result.failures[0]?.detail ?? '', /Error: boo[\s\S]+cause[\s\S]+Error: inner/);
});

test('runFile() fails a file whose suite cannot be set up', async () => {
  const result = await run(`import { before } from 'node:test';
    describe('a suite', () => { before(() => { throw new Error('no ground'); }); test('never runs', () => {}); });`);
  assert.match(result.failures.map((failure) => failure.detail).join(), /no ground/);
});

test('runFile() fails a file that crashes while it loads, and keeps what it printed', async () => {
  const result = await run(`throw new Error('at load');`);
  assert.match(result.failures[0]?.detail ?? '', /ended with status 1 before its tests did/);
  assert.match(formatFileResult(result), /FAIL {2}planted\.test\.ts[\s\S]+Error: at load/);
});

test('runFile() fails a file that leaves by process.exit(0) between two tests', async () => {
  const result = await run(`test('one', () => {}); test('leaves', () => process.exit(0)); test('never', () => {});`);
  assert.equal(result.failures.length, 1);
});

test('runFile() fails a file without a test', async () => {
  const result = await run(`console.log('nothing here', typeof test);`);
  assert.match(result.failures[0]?.detail ?? '', /holds no test/);
});

test('runFile() fails a file in which something is thrown after its test has passed', async () => {
  const result = await run(`test('passes too early', () => { setImmediate(() => { throw new Error('late'); }); });
    test('waits', async () => { await new Promise((resolve) => setImmediate(() => setImmediate(resolve))); });`);
  assert.equal(result.passed, 2);
  assert.match(result.failures[0]?.detail ?? '', /although no test failed/);
});

test('runFile() fails a file that leaves something in its temporary folder', async () => {
  const result = await run(`import { writeFileSync } from 'node:fs'; import { tmpdir } from 'node:os';
    test('litters', () => writeFileSync(tmpdir() + '/litter', ''));`);
  assert.match(result.failures[0]?.detail ?? '', /left behind in its temporary folder: litter/);
});

test('runFile() fails a file that leaves a process running, and ends that process', async () => {
  const result = await run(`import { spawn } from 'node:child_process';
    test('starts one', () => { const child = spawn('sleep', ['600'], { stdio: 'ignore' }); console.log('pid=' + child.pid); child.unref(); });`);
  const pid = Number(/pid=(\d+)/.exec(result.printed)?.[1]);
  assert.match(result.failures[0]?.detail ?? '', /left running: sleep/);
  assert.ok(pid > 1);
  assert.equal(readCommandLine(pid), '');
});

test('runFile() ends a test that takes longer than its time', async () => {
  const result = await run(`test('hangs', () => new Promise((resolve) => { setTimeout(resolve, 1_000); }));`, 100);
  assert.match(result.failures[0]?.detail ?? '', /timed out after 100/);
});

test('runFile() keeps what a test says about itself, and what it prints, apart', async () => {
  const result = await run(`test('measures', (t) => { t.diagnostic('41 ms'); process.stdout.write('half a line'); });`);
  assert.deepEqual(result.notes, ['41 ms']);
  assert.equal(result.printed, 'half a line');
});

/** Empty for a process that is gone, and for one that was killed and waits to be reaped. */
function readCommandLine(pid: number): string {
  const path = `/proc/${pid}/cmdline`;
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
