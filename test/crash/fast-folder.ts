import { accessSync, constants, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A new folder, in memory where there is such a place: these tests open and close stores by the thousand, and a sync takes milliseconds on
 * a disk. Whoever asked for it removes it.
 */
export function makeFastFolder(): string {
  return mkdtempSync(join(isWritable('/dev/shm') ? '/dev/shm' : tmpdir(), 'imagegc-crash-'));
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
