import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
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
export function findGraphDriverRoot(info: EngineInfo, list: readonly ListedImage[]): string | null {
  return isEngineRoot(info, list) ? join(info.DockerRootDir, info.Driver) : null;
}

/** Figures of the filesystem at a path; null when it cannot be read. `used` counts what is reserved for root as free. */
export function readDisk(path: string): DiskUsage | null {
  const figures = orNull(() => statfsSync(path, { bigint: true }));
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

/**
 * Whether there is anything that an image is made of while it is pulled or loaded: blobs that containerd has not got whole, or what Docker with
 * a graph driver puts into its folder for temporary files.
 */
export function isReceiving(imageRoot: string, hasContentStore: boolean): boolean {
  const folder = hasContentStore ? join(imageRoot, 'io.containerd.content.v1.content/ingest') : join(dirname(imageRoot), 'tmp');
  const names = orNull(() => readdirSync(folder)) ?? [];
  return names.some((name) => hasContentStore || /^(?:GetImageBlob|docker-import-)/.test(name));
}

/** Docker 23 and later write their ID below their root; before that, only an engine's own images tell it from another's. */
function isEngineRoot(info: EngineInfo, list: readonly ListedImage[]): boolean {
  const engineId = orNull(() => readFileSync(join(info.DockerRootDir, 'engine-id'), 'utf8'));
  if (engineId !== null) return engineId.trim() === info.ID;
  const content = join(info.DockerRootDir, 'image', info.Driver, 'imagedb/content/sha256');
  return list.slice(0, PROOFS).some(({ Id }) => existsSync(join(content, Id.replace(/^sha256:/, ''))));
}

/** Two small reads: to begin a pool of threads for them, as asynchronous ones do, takes longer than they do. */
function orNull<Value>(read: () => Value): Value | null {
  try {
    return read();
  } catch {
    return null;
  }
}
