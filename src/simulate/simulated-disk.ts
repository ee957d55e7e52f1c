import { bytes, type ChainId, chainId, type ImageId, imageId } from '../model/brands.ts';
import type { Layer } from '../model/inventory.ts';
import { countLayerNeeds, type LayerCounts } from '../plan/layer-counts.ts';
import type { Trace } from './trace.ts';

/** Name of an image in a simulation, by its index. */
export function simulatedId(image: number): ImageId {
  return imageId(`${image}`);
}

/** A disk in a simulation: which images it holds, when they were used, and, counted by the planner's own counts, how many bytes they take. */
export class SimulatedDisk {
  readonly counts: LayerCounts;
  /** By image; of one that was never here, 0. */
  readonly lastUsedMs: Float64Array;
  readonly firstSeenMs: Float64Array;
  /** By image: until when a container needs it. */
  readonly #neededUntilMs: Float64Array;
  readonly #present: number[] = [];
  /** By image: its place in `#present`; -1: it is not here. */
  readonly #places: Int32Array;
  usedBytes = 0;
  removals = 0;
  freedBytes = 0;

  constructor({ layers, sizes }: Trace) {
    const names = sizes.map((_, layer) => chainId(`${layer}`));
    const facts = new Map<ChainId, Layer>(names.map((name, layer) => [name, { place: layer, sizeBytes: bytes(sizes[layer] ?? 0) }]));
    const images = layers.map((own, image) => {
      return { id: simulatedId(image), layers: own.flatMap((layer) => names[layer] ?? []), sizeBytes: null };
    });
    this.counts = countLayerNeeds({ images, layers: facts, buildCache: null });
    for (let image = 0; image < layers.length; image++) this.counts.remove(image);
    this.lastUsedMs = new Float64Array(layers.length);
    this.firstSeenMs = new Float64Array(layers.length).fill(-1);
    this.#neededUntilMs = new Float64Array(layers.length);
    this.#places = new Int32Array(layers.length).fill(-1);
  }

  holds(image: number): boolean {
    return this.#places[image] !== -1;
  }

  /** Images that are here, in no order that means anything. */
  get present(): readonly number[] {
    return this.#present;
  }

  /** Images that may go: all but those that a container needs. */
  removable(atMs: number): readonly number[] {
    return this.#present.filter((image) => !this.isNeeded(image, atMs));
  }

  /** Whether a container needs it. */
  isNeeded(image: number, atMs: number): boolean {
    return (this.#neededUntilMs[image] ?? 0) > atMs;
  }

  /** The layers that the image lacks take their place, whether there is room or not. */
  add(image: number): void {
    this.usedBytes += this.counts.restore(image);
    this.#places[image] = this.#present.push(image) - 1;
  }

  /** @returns the bytes that came free */
  remove(image: number): number {
    const place = this.#places[image] ?? -1;
    const moved = this.#present.pop();
    if (moved !== undefined && moved !== image) {
      this.#present[place] = moved;
      this.#places[moved] = place;
    }
    this.#places[image] = -1;
    this.removals += 1;
    const freed = this.counts.remove(image).bytes;
    this.usedBytes -= freed;
    this.freedBytes += freed;
    return freed;
  }

  /** Notes a use. */
  use(image: number, atMs: number, lastedMs: number): void {
    this.lastUsedMs[image] = atMs;
    if (this.firstSeenMs[image] === -1) this.firstSeenMs[image] = atMs;
    this.#neededUntilMs[image] = Math.max(this.#neededUntilMs[image] ?? 0, atMs + lastedMs);
  }
}
