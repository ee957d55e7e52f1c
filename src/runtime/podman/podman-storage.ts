import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { type Bytes, bytes, type ChainId, type ImageId, imageId } from '../../model/brands.ts';
import { readOrNull } from '../../model/error.ts';
import type { LayerFacts } from '../../model/inventory.ts';
import { chainIds } from '../chain-ids.ts';
import { fullId, type PodmanImage, type PodmanInfo } from './podman-answers.ts';

/** An image may vanish between the listing and the look; then the next look proves it. */
const PROOFS = 8;

const storedImages = v.array(v.object({ id: v.string(), layer: v.optional(v.string(), '') }));
const storedLayers = v.array(
  v.object({
    id: v.string(),
    parent: v.optional(v.string(), ''),
    'diff-digest': v.optional(v.string(), ''),
    'diff-size': v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  }),
);
type StoredLayer = v.InferOutput<typeof storedLayers>[number];

/**
 * Finds the directory where Podman keeps images and layers.
 *
 * @returns null when the path that it names is not proven to be its own as this process sees it: the listed images lie elsewhere
 */
export function findGraphRoot({ store }: PodmanInfo, list: readonly PodmanImage[]): string | null {
  const images = join(store.graphRoot, `${store.graphDriverName}-images`);
  const proofs = list.filter(({ ReadOnly }) => !ReadOnly).slice(0, PROOFS);
  const isThere = ({ Id }: PodmanImage) => existsSync(join(images, Id.replace(/^sha256:/, '')));
  return proofs.length > 0 && proofs.every(isThere) ? store.graphRoot : null;
}

/**
 * Reads layers and their sizes from the storage's own two files: Podman 4.3 needs a tenth of a second to tell as much of one image.
 *
 * @returns what is written there completely; the rest has to be asked for
 */
export function readStorage(graphRoot: string, driver: string): LayerFacts {
  const images = readDocument(storedImages, join(graphRoot, `${driver}-images/images.json`)) ?? [];
  const layers = new Map(readDocument(storedLayers, join(graphRoot, `${driver}-layers/layers.json`))?.map((layer) => [layer.id, layer]));
  const layersByImage = new Map<ImageId, readonly ChainId[]>();
  const sizeByLayer = new Map<ChainId, Bytes>();
  for (const { id, layer } of images) {
    const stack = stackOf(layer, layers);
    if (stack === null) continue;
    const chain = chainIds(stack.map((each) => each['diff-digest']));
    layersByImage.set(imageId(fullId(id)), chain);
    for (const [index, key] of chain.entries()) {
      const size = stack[index]?.['diff-size'];
      if (size !== undefined) sizeByLayer.set(key, bytes(size));
    }
  }
  return { layersByImage, sizeByLayer };
}

/** @returns the layers of an image, base first; null when one is not there, or does not say what is in it */
function stackOf(top: string, layers: ReadonlyMap<string, StoredLayer>): readonly StoredLayer[] | null {
  const stack: StoredLayer[] = [];
  for (let id = top; id !== ''; ) {
    const layer = layers.get(id);
    if (layer === undefined || layer['diff-digest'] === '' || stack.length > layers.size) return null;
    stack.unshift(layer);
    id = layer.parent;
  }
  return stack;
}

function readDocument<Value>(schema: v.GenericSchema<unknown, Value>, path: string): Value | null {
  return readOrNull(() => v.parse(schema, JSON.parse(readFileSync(path, 'utf8'))));
}
