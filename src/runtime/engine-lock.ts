import { connect, createServer, type Server } from 'node:net';
import * as v from 'valibot';
import { readOrNull } from '../model/error.ts';

/** What a holder says of itself; since when in RFC 3339. */
const HOLDER = v.object({ pid: v.nullable(v.number()), command: v.nullable(v.string()), startedAt: v.nullable(v.string()) });

/** Another collector works on the engine. What it says of itself; null where it did not answer in time, or not in our form. */
export type HeldBy = Readonly<v.InferOutput<typeof HOLDER>>;

/** The lock is ours until `release()`, or until this process ends, however it ends. */
export interface EngineLock {
  release(): void;
}

/** unix(7), `sun_path`. */
const PATH_BYTES_MAX = 107;
const ANSWER_TIMEOUT_MS = 500;
const ANSWER_BYTES_MAX = 4_096;
/** A holder may die between our attempt and our question; more often than this it is not dying but fighting. */
const ATTEMPTS_MAX = 5;

const SILENT: HeldBy = { pid: null, command: null, startedAt: null };

/**
 * Takes the one lock of an engine: an abstract unix socket, which the kernel takes back when its holder dies, which needs no file
 * and no rights, and which root, the docker group and containers on the host's network all see (unix(7)). A container with a
 * network of its own does not see it: there the holds on the images are what keeps two collectors apart.
 *
 * @param engineId the engine's own ID
 * @param me what those who come second are told
 * @throws what `net` throws when there is no socket to be had at all
 */
export async function acquireEngineLock(engineId: string, me: HeldBy): Promise<EngineLock | HeldBy> {
  const path = lockPath(engineId);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const server = await listen(path, me);
    if (server !== null) return { release: () => void server.close() };
    const holder = await askHolder(path);
    if (holder !== null) return holder;
  }
  return SILENT;
}

/** Whether someone else has the lock. */
export function isHeld(lock: EngineLock | HeldBy): lock is HeldBy {
  return !('release' in lock);
}

/** The socket's name: the engine's ID, or its hash where that is longer than a socket's name may be. */
export function lockPath(engineId: string): string {
  const path = `\0imagegc/${engineId}`;
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return path;
  // Loaded here, because it takes 1.5 MB and longer than all else that a lock needs.
  const { createHash } = process.getBuiltinModule('node:crypto');
  return `\0imagegc/${createHash('sha256').update(engineId).digest('hex')}`;
}

/** @returns null when the name is taken */
function listen(path: string, me: HeldBy): Promise<Server | null> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    // Whoever asks and then stays must not keep us alive, nor cost a descriptor.
    socket.unref().end(`${JSON.stringify(me)}\n`, () => socket.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once('error', (error) => ('code' in error && error.code === 'EADDRINUSE' ? resolve(null) : reject(error)));
    server.listen({ path }, () => resolve(server.unref()));
  });
}

/** @returns null when nobody listens any more */
function askHolder(path: string): Promise<HeldBy | null> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ path });
    const finish = (holder: HeldBy | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(holder);
    };
    const timer = setTimeout(() => finish(SILENT), ANSWER_TIMEOUT_MS);
    socket.setEncoding('utf8');
    socket.on('error', (error) => finish('code' in error && error.code === 'ECONNREFUSED' ? null : SILENT));
    socket.on('data', (part) => {
      answer += part;
      if (answer.includes('\n') || answer.length > ANSWER_BYTES_MAX) finish(parseHolder(answer));
    });
    socket.on('end', () => finish(parseHolder(answer)));
  });
}

function parseHolder(answer: string): HeldBy {
  return readOrNull(() => v.parse(HOLDER, JSON.parse(answer.slice(0, answer.indexOf('\n'))))) ?? SILENT;
}
