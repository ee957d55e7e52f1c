import { accessSync, constants, existsSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { OperatingError, type OperatingErrorKind, readOrNull } from '../model/error.ts';

/** A row that is not what was written: its seal does not fit, or its content has another form. */
export class BrokenRow extends Error {}

/** `words`: what a person reads instead of "EACCES: permission denied, access '…'"; absent where the error itself says more. */
type Cause = readonly [kind: OperatingErrorKind, hint: string, words?: string];

const DISK_FULL: Cause = ['disk-full', 'free some space on this file system; nothing was changed', 'the file system is full'];
const DISK_READ_ONLY: Cause = [
  'disk-read-only',
  'mount the file system for writing, or set [store] path to a place that can be written',
  'the file system is mounted read-only',
];
const PERMISSION: Cause = [
  'permission',
  'run as the user that owns the store, or set [store] path to a directory of your own',
  'permission denied',
];
const DAMAGED: Cause = ['store-damaged', 'run any command again: the file is then set aside as evidence and a new store begun'];
const BUSY: Cause = ['lock-held', 'another imagegc is writing; try again when it is done'];
const UNUSABLE: Cause = [
  'store-damaged',
  'set [store] path to a directory that can be made and written; nothing was changed',
  'no file or directory can be there',
];
const DISK_BROKEN: Cause = ['store-damaged', 'check the disk: the operating system could not read or write the file'];

const CLOSED: Cause = ['store-damaged', 'what was begun is begun again', 'it was deleted, replaced or given up meanwhile'];
const OPENED_TO_READ: Cause = ['permission', 'the store was opened for reading only'];

const BY_CODE: Readonly<Record<string, Cause>> = {
  ENOSPC: DISK_FULL,
  EDQUOT: DISK_FULL,
  EROFS: DISK_READ_ONLY,
  EACCES: PERMISSION,
  EPERM: PERMISSION,
  // node:sqlite: an integer beyond 2^53, which none of ours is.
  ERR_OUT_OF_RANGE: DAMAGED,
  // The same: a database or statement that was closed under a look or a collection.
  ERR_INVALID_STATE: CLOSED,
};
/** A path that cannot be: its parent is no real directory, it is too long, or its links run in a circle. */
const IMPOSSIBLE_PATH = ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP'];
/** SQLite's primary result codes (sqlite.org/rescode.html). */
const BY_SQLITE_CODE: Readonly<Record<number, Cause>> = {
  // No such table or column: every statement is a constant that the tests run, so it is the schema that changed.
  1: DAMAGED,
  3: PERMISSION,
  5: BUSY,
  6: BUSY,
  11: DAMAGED,
  13: DISK_FULL,
  26: DAMAGED,
};
/** READONLY, IOERR and CANTOPEN do not tell why: the file system is asked, and this is said when it sees no obstacle. */
const UNTOLD_SQLITE_CODES: Readonly<Record<number, Cause>> = { 8: OPENED_TO_READ, 10: DISK_BROKEN, 14: DISK_BROKEN };

/**
 * Turns what SQLite or the file system threw into an `OperatingError`; what is neither is a programmer error and passes unchanged.
 *
 * @returns kind `disk-full`, `disk-read-only`, `permission`, `store-damaged`, or `lock-held` (another process kept its write lock)
 */
export function storeError(operation: string, path: string, error: unknown): unknown {
  const cause = findCause(path, error);
  if (cause === null || !(error instanceof Error)) return error;
  const [kind, hint, words] = cause;
  return new OperatingError({ kind, operation, subject: path, problem: words ?? error.message, hint, cause: error });
}

/** Whether an error means that the file itself is damaged, not the disk, the rights or the program. */
export function isDamage(error: unknown): error is Error {
  return findCause('', error) === DAMAGED;
}

function findCause(path: string, error: unknown): Cause | null {
  if (error instanceof BrokenRow) return DAMAGED;
  if (!(error instanceof Error) || error instanceof OperatingError) return null;
  if ('errcode' in error && typeof error.errcode === 'number') {
    const code = error.errcode & 0xff;
    const untold = UNTOLD_SQLITE_CODES[code];
    return untold === undefined ? (BY_SQLITE_CODE[code] ?? null) : (findObstacle(path) ?? untold);
  }
  if (!('code' in error)) return null;
  const code = String(error.code);
  return BY_CODE[code] ?? (IMPOSSIBLE_PATH.includes(code) ? UNUSABLE : 'syscall' in error ? DISK_BROKEN : null);
}

/** Asks the file system what SQLite does not say. */
function findObstacle(path: string): Cause | null {
  const directory = dirname(path);
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    const cause = error instanceof Error && 'code' in error ? BY_CODE[String(error.code)] : undefined;
    if (cause !== undefined) return cause;
  }
  return readOrNull(() => statfsSync(directory))?.bavail === 0 ? DISK_FULL : null;
}

/** Notes that a row or page turned out to be damaged while reading; the next open then sets the database aside. */
export function markSuspect(path: string, problem: string): void {
  try {
    if (existsSync(path)) writeFileSync(suspectPath(path), problem, { flag: 'wx', mode: 0o600 });
  } catch {
    // Noted already, or read-only: the reader is told of the damage anyway.
  }
}

/** Where the note lies. */
export function suspectPath(path: string): string {
  return `${path}.suspect`;
}
