/** What the tests of bad input share: what a refusal looks like, what must not change, other users, other mounts, false engines. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { type Finished, PRODUCT, type RunOptions } from './imagegc-process.ts';

/** How a command must refuse. */
export interface Refusal {
  readonly status: number;
  /** What standard error says, hint included. */
  readonly says: RegExp;
}

/** Checks that a run said one clear thing, with the right exit status, and printed nothing else. */
export function checkRefusal(finished: Finished, { status, says }: Refusal): void {
  checkMessage(finished.stderr, says);
  assert.deepEqual({ status: finished.status, stdout: finished.stdout }, { status, stdout: '' }, finished.stderr);
}

/** Checks that standard error has one message of at most two lines and no trace of the program's inside. */
export function checkMessage(stderr: string, says: RegExp): void {
  assert.match(stderr, says);
  assert.match(stderr, /^imagegc: [^\n]+\n(?: {2}[^\n]+\n)?$/);
  assert.doesNotMatch(stderr, /internal error|undefined|\[object|node:|E[A-Z]{4,}:/);
}

/** Everything below a folder with its content, to be compared; a socket or a device has none. */
export function readTree(folder: string, prefix = ''): Readonly<Record<string, string>> {
  const entries = readdirSync(folder).sort();
  return Object.assign({}, ...entries.map((name) => readEntry(join(folder, name), prefix + name)));
}

function readEntry(path: string, name: string): Readonly<Record<string, string>> {
  const stat = lstatSync(path);
  if (stat.isDirectory()) return { [`${name}/`]: '', ...readTree(path, `${name}/`) };
  return { [name]: stat.isFile() ? readFileSync(path, 'latin1') : 'special' };
}

/** How to run the product in other circumstances, or what is missing for that. */
export type Circumstances = { readonly kind: 'ready'; readonly options: RunOptions } | { readonly kind: 'missing'; readonly skip: string };

const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];

/** As a user without any rights. */
export function asNobody(): Circumstances {
  return through(NOBODY, 'a checkout that other users can read, and setpriv');
}

/** With mounts that nobody else sees. @param before for sh, run before the product @param afterwards run after it, with the product as `$1` */
export function withMounts(before: string, afterwards = ''): Circumstances {
  const run = (script: string) => ['unshare', '--mount', 'sh', '-ec', script, 'sh'];
  const able = through(run('mount -t tmpfs none /mnt; exec "$@"'), 'the right to mount');
  if (able.kind === 'missing') return able;
  return { kind: 'ready', options: { through: run(`${before}\nstatus=0; "$@" || status=$?\n${afterwards}\nexit $status`) } };
}

function through(command: readonly string[], needed: string): Circumstances {
  const uid = process.getuid?.() ?? -1;
  if (uid !== 0) return { kind: 'missing', skip: `missing: root (this runs as uid ${uid})` };
  const [program = '', ...words] = [...command, PRODUCT, '--version'];
  const { status, stderr } = spawnSync(program, words, { encoding: 'utf8' });
  if (status !== 0) return { kind: 'missing', skip: `missing: ${needed} (${stderr?.trim()})` };
  return { kind: 'ready', options: { through: command } };
}

/** Listens on a socket and closes it at the end of the scope. */
export async function listenFalsely(path: string, answer: FalseEngine): Promise<AsyncDisposable> {
  const server = 'http' in answer ? createHttpServer(answer.http) : createServer(answer.raw);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  chmodSync(path, 0o600);
  return { [Symbol.asyncDispose]: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** What listens where an engine should. */
export type FalseEngine = { readonly http: RequestListener } | { readonly raw: (socket: Socket) => void };

/** Answers the first question as an engine of that version and the others with a text. */
export function speakHttp(apiVersion: string | null, text: string, status = 200): FalseEngine {
  return {
    http: ({ url }, outgoing) => {
      if (apiVersion !== null) outgoing.setHeader('api-version', apiVersion);
      outgoing.setHeader('connection', 'close');
      outgoing.writeHead(url === '/_ping' ? 200 : status).end(url === '/_ping' ? 'OK' : text);
    },
  };
}
