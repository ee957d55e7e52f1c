import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, type Server, type Socket } from 'node:net';
import { OperatingError } from '../model/error.ts';

/** `sun_path` of unix(7) less its final zero. */
const PATH_BYTES_MAX = 107;
const ONLY_FOR_OWNER = 0o177;

/**
 * Listens on a socket file that only its owner may open. What a dead process left there is removed; a living one is not disturbed.
 *
 * @throws OperatingError `settings` for a path too long for a socket, `lock-held` when someone listens there, `permission` and the like
 */
export async function listenOnFile(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    throw socketError('settings', path, `the path is longer than the ${PATH_BYTES_MAX} bytes that a socket may have`, null);
  }
  const listener = await connectToFile(path);
  listener?.destroy();
  if (listener !== null) throw socketError('lock-held', path, 'another process listens there', null);
  rmSync(path, { force: true });
  // The mask stands while the socket is made, so that there is no moment in which others may open it.
  const mask = process.umask(ONLY_FOR_OWNER);
  try {
    await once(server.listen({ path }), 'listening');
  } catch (error) {
    throw socketError('permission', path, error instanceof Error ? error.message : String(error), error);
  } finally {
    process.umask(mask);
  }
}

/** Connects to a socket file. @returns null where nobody listens, or not for this user */
export async function connectToFile(path: string): Promise<Socket | null> {
  const socket = connect({ path });
  try {
    await once(socket, 'connect');
    return socket;
  } catch {
    return null;
  }
}

/** A server that ends when it is disposed of, and with it what is connected. */
export function closing(server: Server, hangUp: () => void): AsyncDisposable {
  const close = async (): Promise<void> => {
    const closed = once(server.close(), 'close');
    hangUp();
    await closed;
  };
  return { [Symbol.asyncDispose]: close };
}

function socketError(kind: 'settings' | 'lock-held' | 'permission', subject: string, problem: string, cause: unknown): OperatingError {
  return new OperatingError({ kind, operation: 'listen', subject, problem, hint: null, cause });
}
