/** Stands between the product and an engine, so that a test can act at any call: kill the product, move a tag, end the engine. */
import { createServer, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { imageServiceApi, imagesApi } from '../../src/runtime/containerd/messages.ts';
import { greetingOf } from '../contract/engine-proxy.ts';

/** One call at one of its two moments. */
export interface GateCall {
  /** Counted from 1 since {@link EngineGate.watch}. */
  readonly number: number;
  readonly method: string;
  readonly path: string;
  /** The message of a gRPC call; empty for any other, because Docker's are told by their paths. */
  readonly asked: Uint8Array;
  /** `before`: the engine has not seen it. `after`: the engine has answered, the product does not know. */
  readonly moment: 'before' | 'after';
}

/** What a test does at a call. @returns `drop` to break the connection there */
export type AtCall = (call: GateCall) => Promise<'drop' | undefined> | 'drop' | undefined;

/** A gate that is open; `socketPath` is what the product is given for an engine. */
export interface EngineGate extends AsyncDisposable {
  readonly socketPath: string;
  /** Counts anew from here. */
  watch(atCall: AtCall): void;
}

/** Counts the calls of a gate, and knows who is told of them. */
export class CallWatch {
  #number = 0;
  #atCall: AtCall = () => undefined;

  /** Counts one more call. @returns its number, and who is told of it to its end */
  begin(): { readonly number: number; readonly atCall: AtCall } {
    this.#number += 1;
    return { number: this.#number, atCall: this.#atCall };
  }

  readonly watch = (atCall: AtCall): void => {
    this.#number = 0;
    this.#atCall = atCall;
  };
}

/** @param socketPath where the gate listens @param enginePath where the engine does */
export async function openEngineGate(socketPath: string, enginePath: string): Promise<EngineGate> {
  const calls = new CallWatch();
  const server = createServer(async (incoming, outgoing) => {
    const { number, atCall } = calls.begin();
    const { method = 'GET', url: path = '/' } = incoming;
    const call = { number, method, path, asked: new Uint8Array() };
    outgoing.on('error', () => undefined);
    if ((await atCall({ ...call, moment: 'before' })) === 'drop') return outgoing.destroy();
    const onward = request({ socketPath: enginePath, method, path, agent: false }, async (answer) => {
      const body = await buffer(answer);
      if ((await atCall({ ...call, moment: 'after' })) === 'drop') return outgoing.destroy();
      return outgoing.writeHead(answer.statusCode ?? 500, greetingOf(answer.headers)).end(body);
    });
    onward.on('error', () => outgoing.destroy()).end();
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    socketPath,
    watch: calls.watch,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** gRPC calls that change nothing; all of HTTP's that do not are GET and HEAD. */
const LOOKS = /\/(List\w*|Get|Read|Usage|Stat|Status|Version|Server|Plugins|Image\w*Info|ImageStatus|ContainerStatus)$/;

/** Whether an engine is another one after a call. */
export function changesEngine({ method, path }: Pick<GateCall, 'method' | 'path'>): boolean {
  return method !== 'GET' && method !== 'HEAD' && !LOOKS.test(path);
}

/** The name that a call takes off an image, by the API of Docker, Podman, containerd or CRI; null where it takes none off. */
export function nameTakenOff({ method, path, asked }: Pick<GateCall, 'method' | 'path' | 'asked'>): string | null {
  if (path === imagesApi.delete.path) return imagesApi.delete.asked.decode(asked).name;
  if (path === imageServiceApi.removeImage.path) return imageServiceApi.removeImage.asked.decode(asked).image?.image ?? null;
  const { pathname, searchParams } = new URL(path, 'http://engine');
  if (method === 'POST' && pathname.endsWith('/untag')) return `${searchParams.get('repo')}:${searchParams.get('tag')}`;
  if (method !== 'DELETE') return null;
  return searchParams.get('images') ?? /\/images\/(.*)$/.exec(decodeURIComponent(pathname))?.[1] ?? null;
}
