import { Agent, type IncomingMessage, request } from 'node:http';

/** The engine's own calls with nothing around them: what every client of it has to wait for at least. */
export interface RawCalls extends Disposable {
  /** @returns the answer's text. @throws where the status tells of an error */
  ask(method: string, path: string): Promise<string>;
}

/** Opens kept-alive connections. @param connections at most so many at once, as the product has */
export function openRawCalls(socketPath: string, connections: number): RawCalls {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return {
    ask: (method, path) => ask(agent, socketPath, method, path),
    [Symbol.dispose]: () => agent.destroy(),
  };
}

function ask(agent: Agent, socketPath: string, method: string, path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const sent = request({ agent, socketPath, method, path, headers: { host: 'docker' } }, (answer) => {
    const isError = (answer.statusCode ?? 500) >= 400;
    readText(answer).then(
      (text) => (isError ? reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`)) : resolve(text)),
      reject,
    );
  });
  sent.on('error', reject);
  sent.end();
  return promise;
}

function readText(answer: IncomingMessage): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  answer.on('data', (chunk: Buffer) => chunks.push(chunk));
  answer.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
  answer.on('error', reject);
  return promise;
}

/** Does all of it, so many at once. */
export async function inFlight<Item>(items: readonly Item[], count: number, work: (item: Item) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: count }, worker));
}
