import { type Bytes, bytes, type ChainId, chainId, type ImageId } from '../model/brands.ts';
import type { Image, Inventory } from '../model/inventory.ts';

/** Of an inventory, what its bytes are counted by. */
export interface CountedInventory extends Pick<Inventory, 'layers' | 'buildCache'> {
  readonly images: readonly Pick<Image, 'id' | 'layers' | 'sizeBytes'>[];
}

/**
 * Counts, for every layer, the images that still need it: bytes are freed by the removal that takes a layer's last need away, and by
 * no other (engines.md §2). Images are named by their index in the inventory. Layers are keyed by chain ID; the build cache counts
 * as one more need. An image whose layers are unknown counts as one layer of its own.
 *
 * Flat arrays, because a plan walks 600,000 layer needs several times; walked by index, which takes a third of what an iterator does.
 */
export class LayerCounts {
  /** Where each image's layers begin in `#layers`; one entry more than images. */
  readonly #starts: Int32Array;
  readonly #layers: Int32Array;
  /** NaN: unknown. */
  readonly #sizes: Float64Array;
  readonly #needs: Int32Array;
  /** Whether any layer of an image has an unknown size. */
  readonly hasUnknownSizes: boolean;
  /** Unique known bytes of all layers that images need. */
  readonly totalBytes: Bytes;

  constructor(inventory: CountedInventory) {
    const { starts, layers, sizes } = indexLayers(inventory);
    this.#starts = starts;
    this.#layers = layers;
    this.#sizes = sizes.values;
    this.#needs = new Int32Array(sizes.values.length);
    for (let at = 0; at < layers.length; at++) {
      const layer = layers[at] ?? 0;
      this.#needs[layer] = (this.#needs[layer] ?? 0) + 1;
    }
    let total = 0;
    let unknown = 0;
    for (let layer = 0; layer < sizes.values.length; layer++) {
      if (this.#needs[layer] === 0) continue;
      const size = sizes.values[layer] ?? Number.NaN;
      if (Number.isNaN(size)) unknown++;
      else total += size;
    }
    this.totalBytes = bytes(total);
    this.hasUnknownSizes = unknown > 0;
    for (const layer of inventory.buildCache?.layers ?? []) {
      const index = sizes.indexOf.get(layer);
      if (index !== undefined) this.#needs[index] = (this.#needs[index] ?? 0) + 1;
    }
  }

  /** Takes the image's needs away. @returns bytes that come free; NaN-free: unknown sizes count 0 and set `isExact` false */
  remove(image: number): Freed {
    let freed = 0;
    let isExact = true;
    for (let at = this.#starts[image] ?? 0; at < (this.#starts[image + 1] ?? 0); at++) {
      const layer = this.#layers[at] ?? 0;
      const left = (this.#needs[layer] ?? 0) - 1;
      this.#needs[layer] = left;
      if (left > 0) continue;
      const size = this.#sizes[layer] ?? Number.NaN;
      if (Number.isNaN(size)) isExact = false;
      else freed += size;
    }
    return { bytes: freed, isExact };
  }

  /** Gives the image's needs back. @returns known bytes that are needed again */
  restore(image: number): number {
    let needed = 0;
    for (let at = this.#starts[image] ?? 0; at < (this.#starts[image + 1] ?? 0); at++) {
      const layer = this.#layers[at] ?? 0;
      const before = this.#needs[layer] ?? 0;
      this.#needs[layer] = before + 1;
      if (before === 0) needed += this.#knownSize(layer);
    }
    return needed;
  }

  /** Known bytes that only this image needs; null when one of those sizes is unknown. */
  exclusiveBytes(image: number): Bytes | null {
    let exclusive = 0;
    for (let at = this.#starts[image] ?? 0; at < (this.#starts[image + 1] ?? 0); at++) {
      const layer = this.#layers[at] ?? 0;
      if (this.#needs[layer] === 1) exclusive += this.#sizes[layer] ?? Number.NaN;
    }
    return Number.isNaN(exclusive) ? null : bytes(exclusive);
  }

  /** Places of the layers that only this image needs: known layers in the order of the inventory's, then those of images without. */
  exclusiveLayers(image: number): readonly number[] {
    const own = this.#layers.subarray(this.#starts[image], this.#starts[image + 1]);
    return Array.from(own).filter((layer) => this.#needs[layer] === 1);
  }

  /** Known bytes of the image's layers that no earlier call with the same `claimed` took. */
  claim(image: number, claimed: Set<number>): number {
    let taken = 0;
    for (let at = this.#starts[image] ?? 0; at < (this.#starts[image + 1] ?? 0); at++) {
      const layer = this.#layers[at] ?? 0;
      if (claimed.has(layer)) continue;
      claimed.add(layer);
      taken += this.#knownSize(layer);
    }
    return taken;
  }

  #knownSize(layer: number): number {
    const size = this.#sizes[layer] ?? 0;
    return Number.isNaN(size) ? 0 : size;
  }
}

/** What each image frees if it goes alone; null where a layer's size is unknown. */
export function exclusiveBytes(inventory: Inventory): ReadonlyMap<ImageId, Bytes | null> {
  const counts = new LayerCounts(inventory);
  return new Map(inventory.images.map((image, index) => [image.id, counts.exclusiveBytes(index)]));
}

/** What a removal frees; not exact when a layer that came free has an unknown size. */
export interface Freed {
  readonly bytes: number;
  readonly isExact: boolean;
}

interface LayerIndex {
  readonly starts: Int32Array;
  readonly layers: Int32Array;
  readonly sizes: { readonly values: Float64Array; readonly indexOf: ReadonlyMap<string, number> };
}

/** Known layers first and at once: an image's layers are then looked up, one by one, in one place. */
function indexLayers({ images, layers: facts }: CountedInventory): LayerIndex {
  const indexOf = new Map<string, number>();
  const sizes: number[] = [];
  for (const [key, { sizeBytes }] of facts) indexOf.set(key, sizes.push(sizeBytes ?? Number.NaN) - 1);
  const starts = new Int32Array(images.length + 1);
  const layers = new Int32Array(images.reduce((sum, image) => sum + (image.layers?.length ?? 1), 0));
  let end = 0;
  for (const [at, image] of images.entries()) {
    starts[at] = end;
    const start = end;
    for (const key of image.layers ?? [ownLayer(image)]) {
      let layer = indexOf.get(key);
      if (layer === undefined) {
        layer = sizes.push((image.layers === null ? image.sizeBytes : null) ?? Number.NaN) - 1;
        indexOf.set(key, layer);
      }
      // A chain that is listed twice in one image is still one need.
      if (isAmong(layer, layers, start, end)) continue;
      layers[end++] = layer;
    }
  }
  starts[images.length] = end;
  return { starts, layers: layers.subarray(0, end), sizes: { values: new Float64Array(sizes), indexOf } };
}

/** Stands for all layers of an image that the engine did not take apart. */
function ownLayer(image: Pick<Image, 'id'>): ChainId {
  return chainId(`image ${image.id}`);
}

function isAmong(layer: number, layers: Int32Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (layers[at] === layer) return true;
  return false;
}
