import * as files from 'node:fs';
import { dirname } from 'node:path';
import { OperatingError, readOrNull } from '../model/error.ts';
import { syncDirectory } from './atomic-file.ts';
import { APPLICATION_ID, refuseNewer } from './schema.ts';
import { storeError, suspectPath } from './store-error.ts';
import { findLostTransactions } from './write-ahead-log.ts';

/** SQLite's companions of a database file: the write-ahead log, its index, and a rollback journal. */
const COMPANIONS = ['-wal', '-shm', '-journal'];
const HEADER_BYTES = 100;
/** `user_version` in the header (sqlite.org/fileformat2.html §1.3). */
const VERSION_OFFSET = 60;
const MAGIC = 'SQLite format 3\0';

/** What lies where the database belongs. `problem` says why it is not ours or not whole. */
export type FileFinding = { readonly kind: 'absent' } | { readonly kind: 'ours' } | { readonly kind: 'damaged'; readonly problem: string };

function damaged(problem: string): FileFinding {
  return { kind: 'damaged', problem };
}

/**
 * Judges the file by its header, before SQLite may touch it: opening a foreign database would change it.
 *
 * @throws OperatingError `store-damaged` for a directory or a device, and for a newer schema; `permission` when it cannot be read
 */
export function inspectStoreFile(path: string, isWriter: boolean): FileFinding {
  try {
    const header = readHeader(path);
    // Before any note that lies beside it: what a newer program wrote may well look damaged.
    if (isOurs(header)) refuseNewer(path, header.readUInt32BE(VERSION_OFFSET));
    if (files.existsSync(suspectPath(path))) return damaged(files.readFileSync(suspectPath(path), 'utf8'));
    if (header === null)
      return sizeOf(`${path}-wal`) > 0 ? damaged('its log is there, but the database itself is gone') : { kind: 'absent' };
    // A database of ours comes into being whole (createStoreFile), so an empty file was one once.
    if (header.length < HEADER_BYTES) return damaged('the file is cut off within its header');
    if (!isSqlite(header)) return damaged('the file is no SQLite database');
    if (!isOurs(header)) return damaged('the file is the database of another program');
    if (header.readUInt32BE(VERSION_OFFSET) === 0) return damaged('the database does not say its version');
    // SQLite would open it for reading only, and say so at the first write.
    if (isWriter) files.accessSync(path, files.constants.W_OK);
    const loss = findLoss(path, header);
    return loss === null ? { kind: 'ours' } : damaged(loss);
  } catch (error) {
    throw storeError('open the store', path, error);
  }
}

/** @returns a text that stays the same as long as the same database of ours lies there; null when none does */
export function identifyStoreFile(path: string): string | null {
  return readOrNull(() => {
    const header = readHeader(path);
    const { dev, ino } = files.statSync(path);
    return isOurs(header) ? `${dev}:${ino}` : null;
  });
}

/** Whether a whole header is that of a database of ours. */
function isOurs(header: Buffer | null): header is Buffer {
  return header?.length === HEADER_BYTES && isSqlite(header) && header.readUInt32BE(68) === APPLICATION_ID;
}

function isSqlite(header: Buffer): boolean {
  return header.toString('latin1', 0, MAGIC.length) === MAGIC;
}

/** @returns what is missing of the database or its log; null when nothing is */
function findLoss(path: string, header: Buffer): string | null {
  const logPath = `${path}-wal`;
  // While there is a log, the file may lag behind its own header.
  const pageBytes = header.readUInt16BE(16);
  if (sizeOf(logPath) === 0) return sizeOf(path) < header.readUInt32BE(28) * pageBytes ? 'the file is cut off' : null;
  // Looked at twice: a log that another process begins anew while it is read looks damaged once.
  return findLostTransactions(logPath) === null ? null : findLostTransactions(logPath);
}

/** @returns the first 100 bytes (sqlite.org/fileformat2.html §1.3), fewer when the file is shorter; null when there is none */
function readHeader(path: string): Buffer | null {
  const stat = files.statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  if (!stat.isFile()) throw notAFile(path, stat.isDirectory());
  const handle = files.openSync(path, 'r');
  try {
    const header = Buffer.alloc(Math.min(HEADER_BYTES, files.fstatSync(handle).size));
    files.readSync(handle, header);
    return header;
  } finally {
    files.closeSync(handle);
  }
}

function notAFile(path: string, isDirectory: boolean): OperatingError {
  const problem = isDirectory ? 'there is a directory where the database file belongs' : 'it is not a regular file';
  const hint = 'move it away, or set [store] path to another directory; nothing was changed';
  return new OperatingError({ kind: 'store-damaged', operation: 'open the store', subject: path, problem, hint });
}

/** Makes the directory, for its owner only, and makes sure that it and the database can be written. @throws OperatingError `permission`, `disk-full`, `disk-read-only`, `settings` */
export function makeStoreDirectory(directory: string): void {
  try {
    makeDirectories(directory);
    files.accessSync(directory, files.constants.W_OK | files.constants.X_OK);
  } catch (error) {
    const isFile = error instanceof Error && 'code' in error && (error.code === 'EEXIST' || error.code === 'ENOTDIR');
    const operation = 'use the store directory';
    if (!isFile) throw storeError(operation, directory, error);
    const hint = 'set [store] path to a directory; nothing was changed';
    throw new OperatingError({ kind: 'settings', operation, subject: directory, problem: 'a file is in its place', hint });
  }
}

/** Not with `recursive`: Node 26 then never returns where nothing can be made although the parent is there, as in /proc. */
function makeDirectories(directory: string): void {
  if (files.statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(directory);
  if (!files.existsSync(parent)) makeDirectories(parent);
  try {
    files.mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Another process may have been first.
    if (!files.statSync(directory, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
  // Else a power cut may take the directory, and everything in it that was synced.
  syncDirectory(parent);
}

/**
 * Brings a new database into being whole: it is filled under another name and then linked to its own, so that a crash leaves no
 * half of one and of two processes the first wins.
 *
 * @param fill writes the schema to the file of that name and closes it
 */
export function createStoreFile(path: string, fill: (temporary: string) => void): void {
  const temporary = `${path}.new-${process.pid}`;
  try {
    removeWithCompanions(temporary);
    // SQLite gives the log the same mode.
    files.writeFileSync(temporary, '', { flag: 'wx', mode: 0o600 });
    fill(temporary);
    linkOrRename(temporary, path);
    syncDirectory(dirname(path));
  } catch (error) {
    throw storeError('create the store', path, error);
  } finally {
    removeWithCompanions(temporary);
  }
}

function linkOrRename(from: string, to: string): void {
  try {
    files.linkSync(from, to);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'EEXIST') return;
    // Some file systems (FAT, some FUSE) have no hard links.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    files.renameSync(from, to);
  }
}

function removeWithCompanions(path: string): void {
  for (const suffix of ['', ...COMPANIONS]) files.rmSync(path + suffix, { force: true });
}

/**
 * Sets a damaged database aside under a new name in the same directory, log included, so that the evidence can be looked at. One that was
 * set aside by half is followed by its log.
 */
export function setAside(path: string): void {
  try {
    const evidencePath = evidencePathOf(path, countEvidence(path) + (isHalfAside(path) ? 0 : 1));
    // The database first: should we die in between, a log without a database is damage still, a database without its log would look sound.
    for (const suffix of ['', ...COMPANIONS]) moveDurably(path + suffix, evidencePath + suffix);
    files.rmSync(suspectPath(path), { force: true });
    syncDirectory(dirname(path));
  } catch (error) {
    throw storeError('set the damaged store aside', path, error);
  }
}

/** Two renames may reach the disk in any order, unless the first is synced before the second is made. */
function moveDurably(from: string, to: string): void {
  if (!files.existsSync(from)) return;
  files.renameSync(from, to);
  syncDirectory(dirname(to));
}

/** Whether a log lies here whose database is evidence already. */
function isHalfAside(path: string): boolean {
  const evidencePath = findEvidence(path);
  return evidencePath !== null && !files.existsSync(path) && files.existsSync(evidencePath) && !files.existsSync(`${evidencePath}-wal`);
}

/** @returns the latest evidence beside the database; null when nothing was ever set aside */
export function findEvidence(path: string): string | null {
  const count = countEvidence(path);
  return count === 0 ? null : evidencePathOf(path, count);
}

function countEvidence(path: string): number {
  let count = 0;
  while (['', '-wal'].some((suffix) => files.existsSync(evidencePathOf(path, count + 1) + suffix))) count += 1;
  return count;
}

function evidencePathOf(path: string, number: number): string {
  return `${path}.damaged-${number}`;
}

/** @returns bytes; 0 when there is no such file */
export function sizeOf(path: string): number {
  return files.statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
