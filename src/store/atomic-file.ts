import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { storeError } from './store-error.ts';

/**
 * Replaces a file so that a reader, a crash or a power loss finds the old content or the new, whole: temporary file, sync, rename,
 * sync of the directory (without which the rename itself may be lost).
 *
 * @throws OperatingError `disk-full`, `disk-read-only` or `permission`; the old file is then untouched and no temporary one stays
 */
export function writeFileAtomically(path: string, content: string | Uint8Array, mode = 0o600): void {
  const temporary = `${path}.new-${process.pid}`;
  try {
    // Left by a killed process that had our number; `wx` below follows no link and shares no file.
    rmSync(temporary, { force: true });
    writeFileSync(temporary, content, { flag: 'wx', mode, flush: true });
    renameSync(temporary, path);
    syncDirectory(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true, recursive: true });
    throw storeError('write the file', path, error);
  }
}

/** Makes names that were created, renamed or removed in a directory durable. */
export function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
