import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bytes } from '../../model/brands.ts';
import { readOrNull } from '../../model/error.ts';
import { listNames } from '../image-filesystem.ts';
import type { Receiving } from '../runtime.ts';
import type { EngineInfo, ListedImage } from './docker-answers.ts';

// Read at once: to begin a pool of threads for a few small reads, as asynchronous ones do, takes longer than they do.

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

/** What Docker with a graph driver is pulling or loading: it keeps the blobs in its folder for temporary files, and no size of them. */
export function readTemporaryFiles(imageRoot: string): Receiving {
  const names = listNames(join(dirname(imageRoot), 'tmp'));
  return { isUnderWay: names.some((name) => /^(?:GetImageBlob|docker-import-)/.test(name)), missingBytes: bytes(0) };
}

/** Docker 23 and later write their ID below their root; before that, only an engine's own images tell it from another's. */
function isEngineRoot(info: EngineInfo, list: readonly ListedImage[]): boolean {
  const engineId = readOrNull(() => readFileSync(join(info.DockerRootDir, 'engine-id'), 'utf8'));
  if (engineId !== null) return engineId.trim() === info.ID;
  const content = join(info.DockerRootDir, 'image', info.Driver, 'imagedb/content/sha256');
  return list.slice(0, PROOFS).some(({ Id }) => existsSync(join(content, Id.replace(/^sha256:/, ''))));
}
