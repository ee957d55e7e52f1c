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
  /** Where each image's layers begin in `#layers`, and where they end. */
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  readonly #layers: Int32Array;
  /** NaN: unknown. */
  readonly #sizes: Float64Array;
  readonly #needs: Int32Array;
  /** Whether any layer of an image has an unknown size. */
  readonly hasUnknownSizes: boolean;
  /** Unique known bytes of all layers that images need. */
  readonly totalBytes: Bytes;

  /** What the images are called in the index, by what they are called here; null: the same. */
  readonly #names: readonly number[] | null;

  constructor(
    { starts, ends, layers, sizes, needs }: LayerIndex,
    { hasUnknownSizes, totalBytes }: Totals,
    names: readonly number[] | null = null,
  ) {
    this.#names = names;
    this.#starts = starts;
    this.#ends = ends;
    this.#layers = layers;
    this.#sizes = sizes;
    this.#needs = needs;
    this.hasUnknownSizes = hasUnknownSizes;
    this.totalBytes = totalBytes;
  }

  /** The very same counts and totals, by other names: that of an image is its place among `images`. */
  renamed(images: readonly number[]): LayerCounts {
    const index = { starts: this.#starts, ends: this.#ends, layers: this.#layers, sizes: this.#sizes, needs: this.#needs };
    return new LayerCounts(index, this, images);
  }

  /** Takes the image's needs away. @returns bytes that come free; NaN-free: unknown sizes count 0 and set `isExact` false */
  remove(image: number): Freed {
    let freed = 0;
    let isExact = true;
    const named = this.#named(image);
    for (let at = this.#starts[named] ?? 0; at < (this.#ends[named] ?? 0); at++) {
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
    const named = this.#named(image);
    for (let at = this.#starts[named] ?? 0; at < (this.#ends[named] ?? 0); at++) {
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
    const named = this.#named(image);
    for (let at = this.#starts[named] ?? 0; at < (this.#ends[named] ?? 0); at++) {
      const layer = this.#layers[at] ?? 0;
      if (this.#needs[layer] === 1) exclusive += this.#sizes[layer] ?? Number.NaN;
    }
    return Number.isNaN(exclusive) ? null : bytes(exclusive);
  }

  /** Places of the layers that only this image needs: known layers in the order of the inventory's, then those of images without. */
  exclusiveLayers(image: number): readonly number[] {
    const named = this.#named(image);
    const own = this.#layers.subarray(this.#starts[named], this.#ends[named]);
    return Array.from(own).filter((layer) => this.#needs[layer] === 1);
  }

  /** Known bytes of the image's layers that no earlier call with the same `claimed` took. */
  claim(image: number, claimed: Set<number>): number {
    let taken = 0;
    const named = this.#named(image);
    for (let at = this.#starts[named] ?? 0; at < (this.#ends[named] ?? 0); at++) {
      const layer = this.#layers[at] ?? 0;
      if (claimed.has(layer)) continue;
      claimed.add(layer);
      taken += this.#knownSize(layer);
    }
    return taken;
  }

  #named(image: number): number {
    return this.#names === null ? image : (this.#names[image] ?? -1);
  }

  #knownSize(layer: number): number {
    const size = this.#sizes[layer] ?? 0;
    return Number.isNaN(size) ? 0 : size;
  }
}

/** Counts an inventory. */
export function countLayerNeeds(inventory: CountedInventory): LayerCounts {
  const index = indexLayers(inventory);
  const { sizes, needs, places } = index;
  let total = 0;
  let unknown = 0;
  for (let layer = 0; layer < sizes.length; layer++) {
    if (needs[layer] === 0) continue;
    const size = sizes[layer] ?? Number.NaN;
    if (Number.isNaN(size)) unknown++;
    else total += size;
  }
  for (const key of inventory.buildCache?.layers ?? []) {
    const layer = inventory.layers.get(key)?.place ?? places.get(key);
    if (layer !== undefined) needs[layer] = (needs[layer] ?? 0) + 1;
  }
  return new LayerCounts(index, { totalBytes: bytes(total), hasUnknownSizes: unknown > 0 });
}

/** What each image frees if it goes alone; null where a layer's size is unknown. */
export function exclusiveBytes(inventory: Inventory): ReadonlyMap<ImageId, Bytes | null> {
  const counts = countLayerNeeds(inventory);
  return new Map(inventory.images.map((image, index) => [image.id, counts.exclusiveBytes(index)]));
}

/** What a removal frees; not exact when a layer that came free has an unknown size. */
export interface Freed {
  readonly bytes: number;
  readonly isExact: boolean;
}

/** What {@link LayerCounts} goes by. */
interface LayerIndex {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly layers: Int32Array;
  readonly sizes: Float64Array;
  readonly needs: Int32Array;
}

type Totals = Pick<LayerCounts, 'hasUnknownSizes' | 'totalBytes'>;

/** Listed layers at their places, and others behind them as they come. Walked with nothing made on the way. */
function indexLayers({ images, layers: listed }: CountedInventory): LayerIndex & { readonly places: ReadonlyMap<ChainId, number> } {
  const places = new Map<ChainId, number>();
  const starts = new Int32Array(images.length + 1);
  const layers = new Int32Array(images.reduce((sum, image) => sum + (image.layers?.length ?? 1), 0));
  const others: number[] = [];
  let end = 0;
  for (let at = 0; at < images.length; at++) {
    const image = images[at];
    if (image === undefined) continue;
    starts[at] = end;
    const keys = image.layers ?? [ownLayer(image)];
    // An iterator for each image is a tenth of all garbage of a large plan.
    for (let each = 0; each < keys.length; each++) {
      const key = keys[each];
      if (key === undefined) continue;
      let layer = listed.get(key)?.place ?? places.get(key);
      if (layer === undefined) {
        layer = listed.size + places.size;
        places.set(key, layer);
        others.push((image.layers === null ? image.sizeBytes : null) ?? Number.NaN);
      }
      layers[end++] = layer;
    }
  }
  starts[images.length] = end;
  const sizes = new Float64Array(listed.size + others.length);
  let next = 0;
  for (const { place, sizeBytes } of listed.values()) {
    if (place !== next) throw new RangeError(`layer ${next} is listed at place ${place}`);
    sizes[next++] = sizeBytes ?? Number.NaN;
  }
  sizes.set(others, next);
  return { starts, ...countNeeds(starts, layers, sizes.length), layers, sizes, places };
}

/** A chain that is listed twice in one image is still one need: the second is taken out of `layers`. */
function countNeeds(starts: Int32Array, layers: Int32Array, count: number): Pick<LayerIndex, 'ends' | 'needs'> {
  const needs = new Int32Array(count);
  const ends = new Int32Array(starts.length - 1);
  /** By layer: the last image that was seen to need it, counted from 1. */
  const lastNeeded = new Int32Array(count);
  for (let image = 0; image < ends.length; image++) {
    let end = starts[image] ?? 0;
    for (let at = end; at < (starts[image + 1] ?? 0); at++) {
      const layer = layers[at] ?? 0;
      if (lastNeeded[layer] === image + 1) continue;
      lastNeeded[layer] = image + 1;
      needs[layer] = (needs[layer] ?? 0) + 1;
      layers[end++] = layer;
    }
    ends[image] = end;
  }
  return { ends, needs };
}

/** Stands for all layers of an image that the engine did not take apart. */
function ownLayer(image: Pick<Image, 'id'>): ChainId {
  return chainId(`image ${image.id}`);
}
