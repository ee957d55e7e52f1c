import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { killGroup, listGroup, waitForGroup } from './process-group.ts';
import type { TestEvent } from './test-events.ts';
import { parseTestOutput } from './test-events.ts';

/** What became of one test file. `failures` holds failed tests and what was wrong with the file itself. */
export interface FileResult {
  readonly path: string;
  readonly passed: number;
  /** Which engine each passed test of the contract was on. */
  readonly contractEngines: readonly string[];
  readonly failures: readonly TitledDetail[];
  readonly skips: readonly TitledDetail[];
  /** Figures and remarks of the tests. */
  readonly notes: readonly string[];
  /** Whatever the file's process printed. */
  readonly printed: string;
  readonly elapsedMs: number;
}

/** A test and why it failed or was skipped. */
export interface TitledDetail {
  readonly title: string;
  readonly detail: string;
}

/** How a test file is run. */
export interface RunFileOptions {
  /** The folder that paths are relative to; the file's process runs there. */
  readonly root: string;
  /** An empty place of its own for this file; it becomes its TMPDIR and has to be empty again in the end. */
  readonly scratch: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly testTimeoutMs: number;
  /** Ends the file's process, and all it started, early. */
  readonly signal: AbortSignal;
}

interface Ending {
  readonly output: string;
  readonly errorOutput: string;
  /** `status 1` or `signal SIGKILL`. */
  readonly manner: string;
  readonly isHung: boolean;
  /** Processes that outlived the file's own. */
  readonly orphans: readonly string[];
}

/** The suite of test/contract/runtime-contract.ts, before the titles of what is in it. */
const CONTRACT = /^runtime contract on (.+?) › /;
const REPORTER = join(import.meta.dirname, 'event-reporter.ts');
/** After a test's own timeout has passed, node:test needs a moment to say so. */
const HANG_GRACE_MS = 10_000;
/** How long a process that the file started may outlive it: a child that was just killed is still being cleared away. */
const FAREWELL_MS = 1_000;
/** Made by `module.enableCompileCache()` of what is run; a cache is no litter. */
const CACHES: readonly string[] = ['node-compile-cache'];

/**
 * Runs one test file in a process group of its own. node:test's `run()` does nearly this, but waits for ever for a file that
 * hangs, and takes a file that calls `process.exit(0)` midway for passed (seen with Node 24.21 and 26.10).
 */
export async function runFile(path: string, options: RunFileOptions): Promise<FileResult> {
  const startedAt = performance.now();
  mkdirSync(options.scratch, { recursive: true, mode: 0o755 });
  const ending = await runProcess(path, options);
  const { events, printed } = parseTestOutput(ending.output);
  const tests = events.filter((event) => event.kind === 'test');
  const faults = findFaults(ending, events, listLeftovers(options.scratch), options.testTimeoutMs);
  rmSync(options.scratch, { recursive: true, force: true });
  return {
    path,
    passed: tests.filter((test) => test.outcome === 'passed').length,
    contractEngines: tests.flatMap(({ outcome, title }) => (outcome === 'passed' ? (CONTRACT.exec(title)?.slice(1) ?? []) : [])),
    failures: [...tests.filter((test) => test.outcome === 'failed'), ...faults.map((detail) => ({ title: 'the file as a whole', detail }))],
    skips: tests.filter((test) => test.outcome === 'skipped'),
    notes: events.flatMap((event) => (event.kind === 'note' ? [event.text] : [])),
    printed: printed + ending.errorOutput,
    elapsedMs: performance.now() - startedAt,
  };
}

function findFaults(ending: Ending, events: readonly TestEvent[], leftovers: readonly string[], testTimeoutMs: number): readonly string[] {
  const tests = events.filter((event) => event.kind === 'test');
  const isComplete = events.some((event) => event.kind === 'end');
  const faults: string[] = [];
  if (ending.isHung) faults.push(`no test ended for ${testTimeoutMs + HANG_GRACE_MS} ms: killed. Something may have been left open.`);
  else if (!isComplete && ending.manner !== 'status 0') faults.push(`ended with ${ending.manner} before its tests did`);
  else if (!isComplete || tests.length === 0) faults.push('holds no test, or called process.exit before its tests ended');
  else if (ending.manner !== 'status 0' && tests.every((test) => test.outcome !== 'failed'))
    faults.push(`ended with ${ending.manner} although no test failed: something was thrown outside a test`);
  if (ending.orphans.length > 0 && !ending.isHung) faults.push(`left running: ${ending.orphans.join(', ')}`);
  if (leftovers.length > 0) faults.push(`left behind in its temporary folder: ${leftovers.join(', ')}`);
  return faults;
}

function listLeftovers(scratch: string): readonly string[] {
  return readdirSync(scratch).filter((name) => !CACHES.includes(name));
}

async function runProcess(path: string, options: RunFileOptions): Promise<Ending> {
  const flags = ['--test-reporter', REPORTER, '--test-reporter-destination', 'stdout', '--test-timeout', String(options.testTimeoutMs)];
  const child = spawn(process.execPath, [...flags, path], {
    cwd: options.root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...options.environment, TMPDIR: options.scratch },
  });
  const group = child.pid ?? 0;
  const end = () => killGroup(group);
  options.signal.addEventListener('abort', end, { once: true });
  let isHung = false;
  // waits: for nothing to happen, which is what it is there to notice
  const hang = setTimeout(() => {
    isHung = true;
    end();
  }, options.testTimeoutMs + HANG_GRACE_MS);
  let output = '';
  let errorOutput = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    hang.refresh();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errorOutput += text;
  });
  const exited = Promise.withResolvers<string>();
  child.once('error', (error) => exited.resolve(String(error)));
  child.once('exit', (status, signal) => exited.resolve(signal === null ? `status ${status}` : `signal ${signal}`));
  const manner = await exited.promise;
  clearTimeout(hang);
  await waitForGroup(group, FAREWELL_MS);
  const orphans = listGroup(group);
  end();
  // what is killed is there for a moment longer, on a busy machine for a long one
  await waitForGroup(group, FAREWELL_MS);
  // whoever held the pipes is gone now, so they end
  if (!child.stdout.closed) await new Promise((resolve) => child.stdout.once('close', resolve));
  options.signal.removeEventListener('abort', end);
  return { output, errorOutput, manner, isHung, orphans };
}
