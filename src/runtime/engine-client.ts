import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { OperatingError } from '../model/error.ts';
import { type EngineTransport, type HttpAddress, openTransport } from './engine-transport.ts';
import { explainSocketFailure } from './socket-failure.ts';

/** Docker 28 with the containerd store needs 15 s to list 500 images; a small device needs longer. */
const TIMEOUT_MS_DEFAULT = 120_000;
const CONNECTIONS_MAX = 8;
/** An event carries all labels of its image; more than this is no event. */
const LINE_LENGTH_MAX = 4_000_000;
/** An idle connection is given up before an engine does, so that a request never meets a closing one. */
const CONNECTION_IDLE_MS = 60_000;

/** One answer of the engine, whatever its status. */
export interface EngineAnswer {
  /** What was asked: `GET /info`. */
  readonly call: string;
  readonly status: number;
  /** Parsed JSON; null where the body is empty. Unknown until a schema has looked at it. */
  readonly body: unknown;
}

/** Speaks HTTP to an engine. Throws `OperatingError`s where no answer comes; a status is never an error here. */
export interface EngineClient {
  readonly address: string;
  /** @param path without what every path begins with, parameters included */
  call(method: 'GET' | 'HEAD' | 'POST' | 'DELETE', path: string): Promise<EngineAnswer>;
  /**
   * Reads an answer that goes on, a line at a time, until `signal` is aborted.
   *
   * @throws OperatingError when no answer begins in time, its status is not 200, or it ends
   */
  stream(path: string, listener: StreamListener): Promise<void>;
  close(): void;
}

/** An engine that has answered once, before anybody knows which one it is. */
export interface EngineConnection {
  readonly address: string;
  /** Whether it is on this host, so that its files may be ours to see. */
  readonly isLocal: boolean;
  /** What it said of itself. */
  readonly greeting: { readonly status: number; readonly headers: IncomingHttpHeaders };
  /** @param prefix what every path begins with: `/v1.41` */
  speak(prefix: string): EngineClient;
  close(): void;
}

/** Stands for the paths of an engine on another host: nothing on this one is its own, whatever lies there. */
export const ELSEWHERE = '/dev/null/another-host';

/** Who reads a stream. */
export interface StreamListener {
  readonly signal: AbortSignal;
  /** @param date when the engine began to answer, as its header says */
  readonly onOpen: (date: string | undefined) => void;
  readonly onLines: (lines: readonly string[]) => void;
}

/** Where the engine is and how long one call may take. */
export type EngineClientOptions = ({ readonly socketPath: string } | { readonly address: HttpAddress }) & { readonly timeoutMs?: number };

type RawAnswer = EngineConnection['greeting'] & { readonly text: string };

/** Connects and asks who is there. @throws OperatingError `engine-unreachable`, `permission`, `engine-nonsense` */
export async function connectEngine(options: EngineClientOptions): Promise<EngineConnection> {
  const { timeoutMs = TIMEOUT_MS_DEFAULT } = options;
  const found = 'address' in options ? options.address : ({ kind: 'unix', socketPath: options.socketPath } as const);
  const transport = await openTransport(found, { keepAlive: true, maxSockets: CONNECTIONS_MAX, timeout: CONNECTION_IDLE_MS });
  const { address } = transport;
  const isLocal = found.kind === 'unix';
  const send = (method: string, path: string) => sendRequest(transport, timeoutMs, method, path);
  const close = () => transport.close();
  const speak = (prefix: string): EngineClient => ({
    address,
    close,
    stream: (path, listener) => readStream(transport, timeoutMs, prefix + path, listener),
    async call(method, path) {
      const { status, text } = await send(method, prefix + path);
      const call = `${method} ${path}`;
      return { call, status, body: parseBody(text, status, call) };
    },
  });
  try {
    const greeting = await send('HEAD', '/_ping');
    return { address, isLocal, greeting, close, speak };
  } catch (error) {
    close();
    throw error;
  }
}

/** Writes a name into a path: slashes stay, everything else that a URL could misread is escaped. */
export function imagePath(nameOrId: string): string {
  return `/images/${nameOrId.split('/').map(encodeURIComponent).join('/')}`;
}

function sendRequest(transport: EngineTransport, timeoutMs: number, method: string, path: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => {
      clearTimeout(timer);
      reject(explainSocketFailure(cause, transport.address, `${method} ${path}`));
    };
    const outgoing = transport.request({ method, path }).on('response', (answer) => {
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
function readStream(transport: EngineTransport, timeoutMs: number, path: string, listener: StreamListener): Promise<void> {
  const { signal, onOpen, onLines } = listener;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const outgoing = transport.request({ path }, true);
  const end = (cause: unknown): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    outgoing.destroy();
    if (signal.aborted) resolve();
    else reject(cause instanceof OperatingError ? cause : explainSocketFailure(cause, transport.address, `GET ${path.split('?')[0]}`));
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
  if (text.trim() === '') return null;
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (status >= 400) return { message: text.slice(0, 300) };
    const parts = { operation: 'read the engine’s answer', subject, problem: 'it is not JSON', cause };
    throw new OperatingError({ kind: 'engine-nonsense', ...parts, hint: 'does a container engine listen there?' });
  }
}
