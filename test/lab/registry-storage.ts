/**
 * Writes images straight into the storage of docker-registry (distribution's filesystem driver), with no push. The
 * registry keeps no cache of it, so images can be added, and tags moved, while it runs.
 * @see https://distribution.github.io/distribution/storage-drivers/filesystem/
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuiltImage, ImageSpec } from './make-images.ts';
import { ImageBuilder } from './make-images.ts';

const ROOT = 'docker/registry/v2';

/** Adds images to a registry's storage; a tag that is there already moves to the new image. */
export function writeRegistryStorage(directory: string, specs: readonly ImageSpec[], busybox: Buffer): readonly BuiltImage[] {
  const builder = new ImageBuilder({ busybox, compression: 'gzip', put: ({ digest, data }) => writeBlob(directory, digest, data) });
  return specs.map((spec) => {
    const image = builder.build(spec);
    writeRepository(join(directory, ROOT, 'repositories', image.repository), image);
    return image;
  });
}

function writeRepository(repository: string, image: BuiltImage): void {
  for (const { digest, configDigest } of image.manifests) {
    writeLink(repository, '_layers', configDigest);
    writeLink(repository, '_manifests/revisions', digest);
  }
  for (const { digest } of image.layers) writeLink(repository, '_layers', digest);
  writeLink(repository, '_manifests/revisions', image.digest);
  for (const tag of image.tags) {
    writeLink(repository, `_manifests/tags/${tag}/index`, image.digest);
    writeFileAt(join(repository, '_manifests/tags', tag, 'current/link'), image.digest);
  }
}

function writeBlob(directory: string, digest: string, data: Buffer): void {
  const [algorithm = '', hex = ''] = digest.split(':');
  writeFileAt(join(directory, ROOT, 'blobs', algorithm, hex.slice(0, 2), hex, 'data'), data);
}

function writeLink(repository: string, under: string, digest: string): void {
  writeFileAt(join(repository, under, digest.replace(':', '/'), 'link'), digest);
}

function writeFileAt(path: string, data: Buffer | string): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, data);
}
