/** The single executable: built, measured, and used on a real engine in a folder with nothing else. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { PROJECT_ROOT, readProjectFile } from '../code/project-files.ts';
import { openLabOfRun } from '../contract/lab-of-run.ts';
import type { Lab } from '../lab/lab.ts';
import { startDaemon, wordsFor } from './daemon-process.ts';
import { makeFolder, runImagegc, runWell } from './imagegc-process.ts';

const { version }: { readonly version: string } = JSON.parse(readProjectFile('package.json'));
const STARTS = 10;
const [major = 0] = process.versions.node.split('.').map(Number);
const missing = major < 26 ? 'missing: Node 26, which can build single executables' : false;

const lab = missing === false ? await openLabOfRun(['the single executable on an engine']) : null;
if (lab !== null) after(() => lab.close());

describe('the single executable', { skip: missing }, () => {
  const folder = makeFolder();
  const program = join(folder.path, 'imagegc');
  after(() => folder[Symbol.dispose]());

  test('is built in one step, of a few files, and leaves nothing beside it', () => {
    execFileSync(process.execPath, [join(PROJECT_ROOT, 'tools/build-executable.mjs'), program]);
    assert.deepEqual(readdirSync(folder.path), ['imagegc']);
    // A test that runs it as another user has to get there.
    chmodSync(folder.path, 0o755);
  });

  test('says its version, whatever NODE_OPTIONS says, and how long that takes', async (context) => {
    const environment = { NODE_OPTIONS: '--no-such-flag' };
    assert.equal(await runWell(['--version'], { program, environment }), `${version}\n`);
    const median = (path: string) => {
      const took = Array.from({ length: STARTS }, () => timeOf(path)).sort((a, b) => a - b);
      return `${Math.round(took[STARTS / 2] ?? 0)} ms`;
    };
    const size = (statSync(program).size / 1e6).toFixed(1);
    context.diagnostic(`${size} MB; --version takes ${median(program)}, ${median(join(PROJECT_ROOT, 'bin/imagegc'))} through the launcher`);
  });

  test('has the flags of the launcher for a daemon', () => {
    const flags = /exec "\$node" (--jitless.*) "\$bundle"/.exec(readProjectFile('bin/imagegc'))?.[1];
    assert.ok(readProjectFile('tools/start-executable.cjs').includes(`'${flags}'`));
  });

  test('reads YAML, whose reader lies in it apart from the bundle', async () => {
    const file = join(folder.path, 'kubelet.yaml');
    writeFileSync(file, 'kind: KubeletConfiguration\nimageMinimumGCAge: 3h\n');
    assert.match(await runWell(['import', 'kubelet-config', file], { program }), /min_age = "3h"/);
  });

  if (lab !== null) {
    describeOnEngine(lab, program);
    describeOnContainerd(lab, program);
  }
});

function describeOnEngine(lab: Lab, program: string): void {
  test('plans on an engine, and is a daemon that keeps itself small', async (context) => {
    const engine = await lab.start('docker-new-overlay2');
    await using ends = new AsyncDisposableStack();
    ends.defer(() => engine.stop());
    await engine.loadImages([{ repository: 'lab/app', tags: ['1'], layers: [{ key: 'base', kb: 4 }] }]);
    using folder = makeFolder();
    const { status, stdout, stderr } = await runImagegc(['plan', ...wordsFor(folder.path, engine.socketPath)], { program });
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /Nothing to remove|Would remove/);
    await using daemon = startDaemon(folder.path, engine.socketPath, [], { program });
    await daemon.logged(/watching docker/);
    const words = readFileSync(`/proc/${daemon.pid}/cmdline`, 'utf8').split('\0');
    assert.match(words[1] ?? '', /^--node-options=--jitless /);
    const memory = readFileSync(`/proc/${daemon.pid}/status`, 'utf8');
    context.diagnostic(
      `the daemon: ${[...memory.matchAll(/^Rss(Anon|File):\s+(\d+) kB/gm)].map(([, of, kb]) => `${of} ${kb} kB`).join(', ')}`,
    );
    daemon.signal('SIGTERM');
    assert.equal((await daemon.finished).status, 0);
    assert.doesNotMatch(daemon.log(), /Warning/);
  });
}

function describeOnContainerd(lab: Lab, program: string): void {
  test('speaks gRPC with containerd, which lies in it apart from the bundle', async () => {
    const engine = await lab.startContainerd('containerd-old');
    await using ends = new AsyncDisposableStack();
    ends.defer(() => engine.stop());
    using folder = makeFolder();
    const words = ['--engine-address', `containerd://${engine.socketPath}`, '--store-path', join(folder.path, 'store')];
    assert.match(await runWell(['plan', ...words], { program }), /Nothing to remove/);
  });
}

function timeOf(path: string): number {
  const start = performance.now();
  spawnSync(path, ['--version']);
  return performance.now() - start;
}
