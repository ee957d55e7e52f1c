import { access, readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { bytes } from '../../model/brands.ts';
import type { DiskUsage } from '../../model/inventory.ts';
import type { EngineInfo, ListedImage } from './docker-answers.ts';

/** An image may vanish between the listing and the look, so several are tried. */
const PROOFS = 8;

/**
 * Finds the directory where a graph driver keeps its layers.
 *
 * @returns null when the path that the engine names is not proven to be the engine's as this process sees it: the engine may run in
 *   another mount namespace or on another machine
 */
export async function findGraphDriverRoot(info: EngineInfo, list: readonly ListedImage[]): Promise<string | null> {
  return (await isEngineRoot(info, list)) ? join(info.DockerRootDir, info.Driver) : null;
}

/** Figures of the filesystem at a path; null when it cannot be read. `used` counts what is reserved for root as free. */
export async function readDisk(path: string): Promise<DiskUsage | null> {
  const figures = await statfs(path, { bigint: true }).catch(() => null);
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

/** Docker 23 and later write their ID below their root; before that, only an engine's own images tell it from another's. */
async function isEngineRoot(info: EngineInfo, list: readonly ListedImage[]): Promise<boolean> {
  const engineId = await readFile(join(info.DockerRootDir, 'engine-id'), 'utf8').catch(() => null);
  if (engineId !== null) return engineId.trim() === info.ID;
  for (const { Id } of list.slice(0, PROOFS)) {
    const path = join(info.DockerRootDir, 'image', info.Driver, 'imagedb/content/sha256', Id.replace(/^sha256:/, ''));
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return true;
  }
  return false;
}
