import { createServer, type Socket } from 'node:net';
import { readOrNull } from '../model/error.ts';
import { closing, listenOnFile } from './socket-file.ts';

/** One message in either direction, a line of JSON each; whoever reads it checks its form. */
export type Frame = Readonly<Record<string, unknown>>;

/** The other end of a control connection. */
export interface ControlPeer {
  send(frame: Frame): void;
  /** The next message of the other side; null when it has hung up. */
  receive(): Promise<Frame | null>;
  /** Aborted when the other side hangs up. */
  readonly gone: AbortSignal;
}

/** A request is a few settings; more is none. */
const LINE_LENGTH_MAX = 64_000;

/**
 * Takes orders on a socket file that only its owner may open. Each connection is one order.
 *
 * @param serve handles one connection, which is closed when it is done
 * @throws OperatingError when nothing can be served there
 */
export async function serveControl(path: string, serve: (peer: ControlPeer) => Promise<void>): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    void serve(peerOf(socket)).finally(() => socket.end());
  });
  await listenOnFile(server, path);
  return closing(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

/** Speaks frames over a connected socket. */
export function peerOf(socket: Socket): ControlPeer {
  const gone = new AbortController();
  const arrived: Frame[] = [];
  let wake: () => void = () => undefined;
  let rest = '';
  const hangUp = (): void => {
    gone.abort();
    wake();
  };
  socket.setEncoding('utf8').on('error', hangUp).on('end', hangUp).on('close', hangUp);
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    const frames = lines.map(parseFrame);
    if (rest.length > LINE_LENGTH_MAX || frames.includes(null)) socket.destroy();
    arrived.push(...frames.filter((frame) => frame !== null));
    wake();
  });
  return {
    gone: gone.signal,
    send: (frame) => void (socket.writable && socket.write(`${JSON.stringify(frame)}\n`)),
    async receive() {
      while (arrived.length === 0 && !gone.signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
      return arrived.shift() ?? null;
    },
  };
}

function parseFrame(line: string): Frame | null {
  const value: unknown = readOrNull(() => JSON.parse(line));
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
}
