// Not from node:fs/promises: in the bundle this loads that module where it is first used, and most engines need no blobs read.
import { existsSync, promises as files } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { type Bytes, bytes, type ChainId } from '../../model/brands.ts';
import { blobKey } from '../chain-ids.ts';
import type { ListedImage } from './docker-answers.ts';

const BLOBS = 'io.containerd.content.v1.content/blobs/sha256';
/** Where a containerd that the distribution runs keeps its data; Docker's own one keeps it below Docker's root. */
const SYSTEM_CONTAINERD_ROOT = '/var/lib/containerd';
/** A candidate is tried with so many images, because one image's blobs may be incomplete. */
const PROOFS = 8;

const size = v.pipe(v.number(), v.integer(), v.minValue(0));
const descriptor = v.object({ digest: v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/)), size });
/** An index or a manifest of OCI image-spec or of Docker's schema 2. */
const blobDocument = v.object({
  manifests: v.optional(v.array(descriptor), []),
  config: v.optional(descriptor),
  layers: v.optional(v.array(descriptor), []),
});
/** OCI image-spec `config.md` */
const configDocument = v.object({ rootfs: v.object({ diff_ids: v.array(v.string()) }) });

/**
 * Finds the directory of the containerd that holds the engine's images: proven to be the right one by the blobs of listed images.
 *
 * @returns null when there is none, or this user may not read it
 */
export function findContainerdRoot(dockerRoot: string, list: readonly ListedImage[]): string | null {
  const isProven = (root: string) => list.slice(0, PROOFS).some(({ Id }) => existsSync(blobPath(root, Id)));
  return [join(dockerRoot, 'containerd/daemon'), SYSTEM_CONTAINERD_ROOT].find(isProven) ?? null;
}

/**
 * Which blobs each image refers to and which of them are there. The Docker API tells the sum per image only, and images share
 * blobs; Docker's own `LayersSize` is the sum of unpacked layers and blobs (measured on Docker 28).
 *
 * @returns blobs under {@link blobKey}; an image whose manifest cannot be read is absent
 */
export async function readBlobs(root: string, list: readonly ListedImage[]): Promise<ReadonlyMap<string, ReadonlyMap<ChainId, Bytes>>> {
  const present = new Set((await files.readdir(join(root, BLOBS))).map((hex) => `sha256:${hex}`));
  const blobsByImage = new Map<string, ReadonlyMap<ChainId, Bytes>>();
  for (const { Id } of list) {
    const blobs = new Map<ChainId, Bytes>();
    if (await collectBlobs(root, Id, present, blobs)) blobsByImage.set(Id, blobs);
  }
  return blobsByImage;
}

/** Reads diff IDs, base first, of an image's first platform that is there, from its configuration; null when none is. */
export async function readDiffIds(root: string, digest: string): Promise<readonly string[] | null> {
  const document = await readDocument(blobDocument, root, digest);
  const config = document?.config === undefined ? null : await readDocument(configDocument, root, document.config.digest);
  if (config !== null) return config.rootfs.diff_ids;
  for (const manifest of document?.manifests ?? []) {
    const diffIds = await readDiffIds(root, manifest.digest);
    if (diffIds !== null) return diffIds;
  }
  return null;
}

/** Of an index only what was pulled is there; the other platforms' manifests take no room. */
async function collectBlobs(root: string, digest: string, present: ReadonlySet<string>, blobs: Map<ChainId, Bytes>): Promise<boolean> {
  const document = present.has(digest) ? await readDocument(blobDocument, root, digest) : null;
  if (document === null) return false;
  blobs.set(blobKey(digest), bytes(document.sizeBytes));
  for (const part of [document.config, ...document.layers]) {
    if (part !== undefined && present.has(part.digest)) blobs.set(blobKey(part.digest), bytes(part.size));
  }
  for (const manifest of document.manifests) await collectBlobs(root, manifest.digest, present, blobs);
  return true;
}

/** @returns null for what is not there, cannot be read, or is of another form */
async function readDocument<Value>(schema: v.GenericSchema<unknown, Value>, root: string, digest: string): Promise<Measured<Value> | null> {
  try {
    const data = await files.readFile(blobPath(root, digest));
    return { ...v.parse(schema, JSON.parse(data.toString('utf8'))), sizeBytes: data.length };
  } catch {
    return null;
  }
}

type Measured<Value> = Value & { readonly sizeBytes: number };

function blobPath(root: string, digest: string): string {
  return join(root, BLOBS, digest.replace(/^sha256:/, ''));
}
