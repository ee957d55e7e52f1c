/** Raw calls over an engine's socket, for setting tests up. What is being tested has its own client and never uses this. */
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { text as readText } from 'node:stream/consumers';

export type Reply = {
  readonly status: number;
  readonly text: string;
  /** The text parsed as JSON, or the text itself where it is not JSON (streams of progress lines are not). */
  readonly body: unknown;
};

/** `undefined` sends nothing, a stream or bytes go as they are, anything else as JSON. */
export type Body = unknown;

/** Asks once; a status that tells of an error is a reply like any other, only a broken connection rejects. */
export async function callEngine(
  socketPath: string,
  method: string,
  path: string,
  body?: Body,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const raw = body instanceof Readable || Buffer.isBuffer(body);
  const type = raw ? 'application/x-tar' : 'application/json';
  const sent = request(
    { socketPath, method, path, headers: { ...(body === undefined ? {} : { 'Content-Type': type }), ...headers } },
    (response) => {
      readText(response).then((text) => resolve({ status: response.statusCode ?? 0, text, body: parseOrKeep(text) }), reject);
    },
  );
  sent.on('error', reject);
  if (body instanceof Readable) body.on('error', reject).pipe(sent);
  else if (body === undefined || Buffer.isBuffer(body)) sent.end(body);
  else sent.end(JSON.stringify(body));
  return promise;
}

/** Like {@link callEngine}, but a status of 400 or more rejects with what was asked and what the engine said. */
export async function callOrThrow(socketPath: string, method: string, path: string, body?: Body): Promise<Reply> {
  const reply = await callEngine(socketPath, method, path, body);
  if (reply.status >= 400) throw new Error(`${method} ${path}: ${reply.status} ${reply.text.trim()}`);
  return reply;
}

/** Waits until the engine answers; its socket exists earlier. */
export async function waitUntilAnswering(socketPath: string, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const reply = await callEngine(socketPath, 'GET', '/_ping').catch((error: unknown) => ({ status: 0, text: String(error) }));
    if (reply.status === 200) return;
    if (performance.now() > deadline) throw new Error(`${socketPath} does not answer: ${reply.status} ${reply.text.trim()}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 20);
    await promise;
  }
}

/** Pull and load answer 200 before they start; what went wrong stands in one of the lines. */
export function refuseErrorLines(operation: string, reply: Reply): void {
  const line = reply.text.split('\n').find((each) => each.includes('"error"') || each.includes('"errorDetail"'));
  if (line !== undefined) throw new Error(`${operation}: ${line.trim()}`);
}

/** A member of a JSON object that must be a string. */
export function stringOf(body: unknown, key: string): string {
  const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, key) : undefined;
  if (typeof value !== 'string') throw new TypeError(`no string "${key}" in ${JSON.stringify(body)}`);
  return value;
}

function parseOrKeep(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
