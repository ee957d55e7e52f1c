import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, type Server } from 'node:net';
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
  if (await isAnswered(path)) throw socketError('lock-held', path, 'another process listens there', null);
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

/** Whether someone listens at a socket file. */
function isAnswered(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ path });
  const finish = (answered: boolean): void => {
    socket.destroy();
    resolve(answered);
  };
  socket.on('connect', () => finish(true)).on('error', () => finish(false));
  return promise;
}

function socketError(kind: 'settings' | 'lock-held' | 'permission', subject: string, problem: string, cause: unknown): OperatingError {
  return new OperatingError({ kind, operation: 'listen', subject, problem, hint: null, cause });
}
