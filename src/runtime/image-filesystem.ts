import { readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bytes } from '../model/brands.ts';
import { readOrNull } from '../model/error.ts';
import type { DiskUsage } from '../model/inventory.ts';
import type { Receiving } from './runtime.ts';

/** Figures of the filesystem at a path; null when it cannot be read. `used` counts what is reserved for root as free. */
export function readDisk(path: string): DiskUsage | null {
  const figures = readOrNull(() => statfsSync(path, { bigint: true }));
  if (figures === null) return null;
  const { bsize, blocks, bfree, bavail, files, ffree } = figures;
  return {
    capacityBytes: bytes(Number(blocks * bsize)),
    usedBytes: bytes(Number((blocks - bfree) * bsize)),
    availableBytes: bytes(Number(bavail * bsize)),
    // btrfs has no fixed number of inodes and says 0.
    inodes: files === 0n ? null : Number(files),
    inodesUsed: files === 0n ? null : Number(files - ffree),
  };
}

/** What containerd is getting: a folder for each blob, with what has come of it and, where it is known, how much it will be. */
export function readIngests(imageRoot: string): Receiving {
  const folder = join(imageRoot, 'io.containerd.content.v1.content/ingest');
  const names = listNames(folder);
  const missing = names.map((name) => {
    const total = Number(readOrNull(() => readFileSync(join(folder, name, 'total'), 'utf8')));
    return Math.max(0, total - (readOrNull(() => statSync(join(folder, name, 'data')).size) ?? total));
  });
  return {
    isUnderWay: names.length > 0,
    missingBytes: bytes(missing.reduce((sum, size) => sum + (Number.isSafeInteger(size) ? size : 0), 0)),
  };
}

/** What lies in a folder; nothing where it cannot be read. */
export function listNames(folder: string): readonly string[] {
  return readOrNull(() => readdirSync(folder)) ?? [];
}
