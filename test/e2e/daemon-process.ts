/** The daemon as a service manager starts it, and what it says of itself. */
import { request } from 'node:http';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import * as v from 'valibot';
import { type Finished, type RunOptions, runImagegc, startImagegc } from './imagegc-process.ts';

const status = v.object({
  ready: v.boolean(),
  problems: v.array(v.object({ subject: v.string(), problem: v.string(), engine: v.nullable(v.string()) })),
  nextRunAt: v.nullable(v.string()),
  engines: v.array(v.object({ address: v.string(), engine: v.nullable(v.string()), ready: v.boolean() })),
});

/** What the daemon serves as its health. */
export type ServedStatus = v.InferOutput<typeof status> & { readonly httpStatus: number };

/** One daemon under test. */
export interface DaemonProcess extends AsyncDisposable {
  readonly pid: number;
  readonly finished: Promise<Finished>;
  /** Waits for a line of the log that was not waited for before. */
  logged(line: RegExp): Promise<string>;
  readonly log: () => string;
  signal(name: NodeJS.Signals): void;
  status(path?: '/healthz' | '/readyz'): Promise<ServedStatus>;
}

/** Starts it, with its store and sockets in a folder. */
export function startDaemon(folder: string, engineSocket: string, more: readonly string[] = [], options: RunOptions = {}): DaemonProcess {
  const http = join(folder, 'http.sock');
  const words = ['daemon', ...wordsFor(folder, engineSocket), '--http-listen', `unix://${http}`, ...more];
  const { child, finished } = startImagegc(words, options);
  let log = '';
  let seen = 0;
  let wake: () => void = () => undefined;
  child.stderr?.on('data', (text: string) => {
    log += text;
    wake();
  });
  child.once('close', () => wake());
  return {
    pid: child.pid ?? 0,
    finished,
    log: () => log,
    signal: (name) => void child.kill(name),
    async logged(line) {
      for (;;) {
        const found = line.exec(log.slice(seen));
        if (found !== null) {
          seen += found.index + found[0].length;
          return found[0];
        }
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the daemon ended without saying ${line}:\n${log}`);
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
    },
    status: (path = '/healthz') => readStatus(http, path),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await finished;
    },
  };
}

/** Settings that a command beside the daemon has to be given. */
export function wordsFor(folder: string, engineSocket: string): readonly string[] {
  return ['--engine-address', `unix://${engineSocket}`, '--store-path', join(folder, 'store')];
}

const used = v.object({ uses: v.array(v.object({ imageId: v.string(), evidence: v.string() })) });

/** Uses that are on stable storage, as `history` prints them, newest first: `evidence image-ID`. */
export async function readUses(folder: string, engineSocket: string): Promise<readonly string[]> {
  const { stdout, stderr } = await runImagegc(['history', '--limit', '500', '--json', ...wordsFor(folder, engineSocket)]);
  if (stdout === '') throw new Error(stderr);
  return v.parse(used, JSON.parse(stdout)).uses.map(({ evidence, imageId }) => `${evidence} ${imageId}`);
}

/** Asks again and again until the answer is right. */
export async function until<Value>(ask: () => Promise<Value>, isRight: (value: Value) => boolean, limitMs = 30_000): Promise<Value> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const value = await ask();
    if (isRight(value)) return value;
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(value)} after ${limitMs} ms`);
    const { promise, resolve } = Promise.withResolvers<void>();
    // waits: what another process does
    setTimeout(resolve, 50);
    await promise;
  }
}

async function readStatus(socketPath: string, path: string): Promise<ServedStatus> {
  const { promise, resolve, reject } = Promise.withResolvers<ServedStatus>();
  const asked = request({ agent: false, socketPath, path, headers: { host: 'localhost' } }, (answer) => {
    readText(answer).then((text) => resolve({ ...v.parse(status, JSON.parse(text)), httpStatus: answer.statusCode ?? 0 }), reject);
  });
  asked.on('error', reject).end();
  return promise;
}
