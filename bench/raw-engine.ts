import { Agent, type RequestOptions, request } from 'node:http';

/** The engine's own calls with nothing around them: what no tool can be faster than. */
export interface RawEngine extends Disposable {
  readonly call: (method: 'GET' | 'DELETE', path: string) => Promise<string>;
}

/** Speaks to an engine over kept-alive connections, and reads every answer to its end. */
export function openRawEngine(socketPath: string, connections = 8): RawEngine {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return {
    call: (method, path) => send({ agent, socketPath, method, path: `/v1.41${path}` }),
    [Symbol.dispose]: () => agent.destroy(),
  };
}

function send(options: RequestOptions): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const outgoing = request(options, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (part) => {
      text += part;
    });
    answer.on('end', () => resolve(text)).on('error', reject);
  });
  outgoing.on('error', reject).end();
  return promise;
}

/** The IDs of all images. */
export async function listIds(engine: RawEngine): Promise<readonly string[]> {
  const images: readonly { readonly Id: string }[] = JSON.parse(await engine.call('GET', '/images/json?all=1'));
  return images.map(({ Id }) => Id);
}

/** What a first look costs the engine: the two listings, and an inspection and a history of every image, 8 at a time. */
export async function lookCold(engine: RawEngine): Promise<void> {
  const ids = await listIds(engine);
  await Promise.all(ids.map((id) => engine.call('GET', `/images/${id}/json`)));
  await Promise.all(ids.map((id) => engine.call('GET', `/images/${id}/history`)));
  await engine.call('GET', '/containers/json?all=1');
}

/** What every later look costs it: the two listings. */
export async function lookWarm(engine: RawEngine): Promise<void> {
  await listIds(engine);
  await engine.call('GET', '/containers/json?all=1');
}
