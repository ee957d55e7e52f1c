import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { OperatingError, type OperatingErrorKind } from '../../model/error.ts';
import { explainSocketFailure } from '../socket-failure.ts';

/** The newest API version this adapter was tested with; an engine that knows less is spoken to in its own newest. */
const API_VERSION_NEWEST = [1, 51] as const;
/** Docker 20.10: the oldest version the contract suite runs on. */
const API_VERSION_OLDEST = [1, 41] as const;
/** Docker 28 with the containerd store needs 15 s to list 500 images; a small device needs longer. */
const TIMEOUT_MS_DEFAULT = 120_000;
const CONNECTIONS_MAX = 8;
/** An event carries all labels of its image; more than this is no event. */
const LINE_LENGTH_MAX = 4_000_000;
/** An idle connection is given up before an engine does, so that a request never meets a closing one. */
const CONNECTION_IDLE_MS = 60_000;
/** Without a name for TLS, Node looks whether the host header is an IPv6 address, with an expression that takes 10 ms to compile. */
const NO_SERVER_NAME = { servername: '' } as const;

/** One answer of the engine, whatever its status. */
export interface DockerAnswer {
  /** What was asked: `GET /info`. */
  readonly call: string;
  readonly status: number;
  /** Parsed JSON; null where the body is empty. Unknown until a schema has looked at it. */
  readonly body: unknown;
}

/** Speaks HTTP to an engine on a unix socket. Throws `OperatingError`s where no answer comes; a status is never an error here. */
export interface DockerClient {
  readonly address: string;
  /** Whether the version agreed on is this one or newer: `1.42`. */
  speaks(version: string): boolean;
  /** @param path without the version, parameters included */
  call(method: 'GET' | 'HEAD' | 'POST' | 'DELETE', path: string): Promise<DockerAnswer>;
  /**
   * Reads an answer that goes on, a line at a time, until `signal` is aborted.
   *
   * @throws OperatingError when no answer begins in time, its status is not 200, or it ends
   */
  stream(path: string, listener: StreamListener): Promise<void>;
  close(): void;
}

/** Who reads a stream. */
export interface StreamListener {
  readonly signal: AbortSignal;
  /** @param date when the engine began to answer, as its header says */
  readonly onOpen: (date: string | undefined) => void;
  readonly onLines: (lines: readonly string[]) => void;
}

/** Where the engine is and how long one call may take. */
export interface DockerClientOptions {
  readonly socketPath: string;
  readonly timeoutMs?: number;
}

interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/**
 * Reads an address as DOCKER_HOST writes it.
 *
 * @returns the socket's path
 * @throws OperatingError `settings` for every scheme but `unix`
 */
export function parseDockerAddress(address: string): string {
  const match = /^unix:\/\/(\/.+)$/.exec(address);
  if (match?.[1] !== undefined) return match[1];
  const isOther = /^(tcp|ssh|https?|npipe|fd):/.test(address);
  const problem = isOther ? 'this transport is not in this version' : 'it is not a unix socket address';
  const hint = 'write unix:// and an absolute path, such as unix:///var/run/docker.sock';
  throw new OperatingError({ kind: 'settings', operation: 'use the engine address', subject: address, problem, hint });
}

/**
 * Connects and agrees on an API version: the newest that both sides know.
 *
 * @throws OperatingError `engine-unreachable`, `permission`, `engine-nonsense`; `engine-refused` when the engine is too old
 */
export async function connectDocker(options: DockerClientOptions): Promise<DockerClient> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX, timeout: CONNECTION_IDLE_MS });
  const address = `unix://${options.socketPath}`;
  const send = (method: string, path: string) => sendRequest(agent, options, method, path);
  try {
    const agreed = negotiateVersion(await send('HEAD', '/_ping'), address);
    const prefix = `/v${agreed}`;
    return {
      address,
      speaks: (version) => Number(agreed.split('.')[1]) >= Number(version.split('.')[1]),
      close: () => agent.destroy(),
      stream: (path, listener) => readStream(options, prefix + path, listener),
      async call(method, path) {
        const { status, text } = await send(method, prefix + path);
        const call = `${method} ${path}`;
        return { call, status, body: parseBody(text, status, call) };
      },
    };
  } catch (error) {
    agent.destroy();
    throw error;
  }
}

/** Writes a name into a path: slashes stay, everything else that a URL could misread is escaped. */
export function imagePath(nameOrId: string): string {
  return `/images/${nameOrId.split('/').map(encodeURIComponent).join('/')}`;
}

function negotiateVersion({ status, headers }: RawAnswer, address: string): string {
  const theirs = String(headers['api-version'] ?? '');
  const match = /^(\d+)\.(\d+)$/.exec(theirs);
  const problem = (kind: OperatingErrorKind, text: string, hint: string): OperatingError =>
    new OperatingError({ kind, operation: 'agree with the engine on an API version', subject: address, problem: text, hint });
  // Podman speaks Docker's API, but removes by rules of its own (engines.md §3).
  if (headers['libpod-api-version'] !== undefined)
    throw problem('engine-refused', 'Podman answers there, which is not in this version', 'name a Docker Engine');
  if (match === null)
    throw problem('engine-nonsense', `the answer to /_ping (status ${status}) names no API version`, 'does a Docker engine listen there?');
  const [major, minor] = [Number(match[1]), Number(match[2])];
  const isBelow = ([ourMajor, ourMinor]: readonly [number, number]) => major < ourMajor || (major === ourMajor && minor < ourMinor);
  if (isBelow(API_VERSION_OLDEST)) {
    const needed = API_VERSION_OLDEST.join('.');
    throw problem('engine-refused', `it speaks ${theirs}, and ${needed} is needed`, 'update to Docker 20.10 or newer');
  }
  return isBelow(API_VERSION_NEWEST) ? `${major}.${minor}` : API_VERSION_NEWEST.join('.');
}

function sendRequest(agent: Agent, options: DockerClientOptions, method: string, path: string): Promise<RawAnswer> {
  const { socketPath, timeoutMs = TIMEOUT_MS_DEFAULT } = options;
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => {
      clearTimeout(timer);
      reject(explainSocketFailure(cause, socketPath, `${method} ${path}`));
    };
    const outgoing = request({ agent, socketPath, method, path, ...NO_SERVER_NAME, headers: { host: 'docker' } }, (answer) => {
      readText(answer).then((text) => {
        clearTimeout(timer);
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text });
      }, fail);
    });
    const timer = setTimeout(() => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    outgoing.on('error', fail);
    outgoing.end();
  });
}

/** By its events: iterating over a stream takes as long as the rest of a small call. */
function readText(answer: IncomingMessage): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  answer.on('data', (chunk: Buffer) => chunks.push(chunk));
  answer.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
  // A connection that breaks in the middle of an answer is an error of the answer alone.
  answer.on('error', reject);
  return promise;
}

/** On a connection of its own, which ends with it. */
function readStream(options: DockerClientOptions, path: string, { signal, onOpen, onLines }: StreamListener): Promise<void> {
  const { socketPath, timeoutMs = TIMEOUT_MS_DEFAULT } = options;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const outgoing = request({ agent: false, socketPath, path, ...NO_SERVER_NAME, headers: { host: 'docker' } });
  const end = (cause: unknown): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    outgoing.destroy();
    if (signal.aborted) resolve();
    else reject(cause instanceof OperatingError ? cause : explainSocketFailure(cause, socketPath, `GET ${path.split('?')[0]}`));
  };
  const abort = (): void => end(null);
  const timer = setTimeout(() => end(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  signal.addEventListener('abort', abort);
  outgoing.on('error', end).on('response', (answer) => {
    clearTimeout(timer);
    if (answer.statusCode !== 200) return end(new Error(`status ${answer.statusCode}`));
    onOpen(answer.headers.date);
    let rest = '';
    answer.setEncoding('utf8').on('error', end);
    answer.on('end', () => end(new Error('the engine ended the stream')));
    answer.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LINE_LENGTH_MAX) return end(new Error(`a line of the stream is longer than ${LINE_LENGTH_MAX} characters`));
      if (lines.length > 0) onLines(lines.filter((line) => line.trim() !== ''));
    });
  });
  outgoing.end();
  return promise;
}

/** An error's body is for a person, so it may be anything; an answer that is used must be JSON. */
function parseBody(text: string, status: number, subject: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (status >= 400) return { message: text.slice(0, 300) };
    const parts = { operation: 'read the engine’s answer', subject, problem: 'it is not JSON', hint: 'does a Docker engine listen there?' };
    throw new OperatingError({ kind: 'engine-nonsense', ...parts, cause });
  }
}
