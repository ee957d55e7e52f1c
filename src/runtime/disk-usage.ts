import { statfsSync } from 'node:fs';
import { bytes } from '../model/brands.ts';
import { readOrNull } from '../model/error.ts';
import type { DiskUsage } from '../model/inventory.ts';

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
