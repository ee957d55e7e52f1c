/** Runs the built product as a person does: `bin/imagegc`, a process of its own. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../code/project-files.ts';

/** How a run of the product ended. */
export interface Finished {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run under way. */
export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
}

/** What differs from an ordinary run as this user. */
export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** A command that runs the product, such as setpriv; the product's own words follow it. */
  readonly through?: readonly string[];
  /** Another build of the product; absent: the launcher of this checkout. */
  readonly program?: string;
}

/** The launcher of this checkout. */
export const PRODUCT: string = join(PROJECT_ROOT, 'bin', 'imagegc');

/** Settings by which nothing is too young, and nothing is kept for what may come. */
export const UNPROTECTED: readonly string[] = ['--rules-min-age', '0s', '--protect-local', 'no', '--protect-keep-last', '0'];

/** Starts the product. Nothing of this process's settings reaches it. */
export function startImagegc(args: readonly string[], options: RunOptions = {}): Running {
  const product = options.program ?? PRODUCT;
  const [program = product, ...words] = [...(options.through ?? []), product, ...args];
  const { PATH = '/usr/bin:/bin', TMPDIR = tmpdir() } = process.env;
  const child = spawn(program, words, { cwd: '/', env: { PATH, TMPDIR, HOME: '/nonexistent', ...options.environment } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // a product that is killed closes its input before it has read it
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal, stdout, stderr: withoutBuildWarning(stderr) }));
  });
  return { child, finished };
}

/** Runs the product to its end. */
export function runImagegc(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return startImagegc(args, options).finished;
}

/** The same, for a run that must succeed. @throws with what it printed */
export async function runWell(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { status, signal, stdout, stderr } = await runImagegc(args, options);
  if (status !== 0) throw new Error(`imagegc ${args.join(' ')} ended with ${status ?? signal}:\n${stdout}${stderr}`);
  return stdout;
}

/** A folder that is gone at the end of the scope. */
export interface Folder extends Disposable {
  readonly path: string;
}

/** Makes a folder in the test's temporary folder. */
export function makeFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'e2e-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** While sources change during development, the launcher says that the bundle is older. */
function withoutBuildWarning(text: string): string {
  return text.replace(/^imagegc: warning: the bundle is older than the source.*\n/m, '');
}
