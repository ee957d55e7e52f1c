import { LatestFirst } from './latest-first.ts';
import type { SimulatedPolicy } from './replay.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { Trace } from './trace.ts';

/** After every use: the place of the next one. */
const NEVER = Number.MAX_SAFE_INTEGER;

/** By use, for each layer of its image: the place of the next use that needs it. */
function nextNeeds({ layers, sizes, uses }: Trace): readonly (readonly number[])[] {
  const next = new Array<number>(sizes.length).fill(NEVER);
  const needs = new Array<readonly number[]>(uses.length);
  for (let place = uses.length - 1; place >= 0; place--) {
    const own = layers[uses[place]?.image ?? -1] ?? [];
    needs[place] = own.map((layer) => next[layer] ?? NEVER);
    for (const layer of own) next[layer] = place;
  }
  return needs;
}

/**
 * The fewest bytes that any policy could pull again on a disk of this size (eviction.md §2): each byte may be dropped alone, and the bytes
 * that are needed last go first. Warm-up costs nothing here, and leaves on the disk whatever is needed soonest of all that was seen.
 *
 * @returns bytes after the warm-up
 */
export function boundRepulledBytes(trace: Trace, capacityBytes: number, warmUpUses: number): number {
  const needs = nextNeeds(trace);
  const disk = new ByteDisk(trace.sizes, capacityBytes);
  let repulled = 0;
  for (const [place, { image }] of trace.uses.entries()) {
    const own = trace.layers[image] ?? [];
    if (place === warmUpUses) disk.fill();
    const missing = disk.need(own, needs[place] ?? []);
    if (place >= warmUpUses) repulled += missing;
  }
  return repulled;
}

/** A disk on which every byte lies for itself. */
class ByteDisk {
  readonly #sizes: readonly number[];
  readonly #capacityBytes: number;
  readonly #heldBytes: Float64Array;
  /** By layer: when it is needed next; 0: it was never seen. */
  readonly #next: Float64Array;
  readonly #queue = new LatestFirst();
  #usedBytes = 0;

  constructor(sizes: readonly number[], capacityBytes: number) {
    this.#sizes = sizes;
    this.#capacityBytes = capacityBytes;
    this.#heldBytes = new Float64Array(sizes.length);
    this.#next = new Float64Array(sizes.length);
  }

  /** Holds all bytes of the layers. @returns those that had been here and were not any more */
  need(layers: readonly number[], nextNeeds: readonly number[]): number {
    let repulled = 0;
    layers.forEach((layer, at) => {
      const size = this.#sizes[layer] ?? 0;
      const missing = size - (this.#heldBytes[layer] ?? 0);
      if (this.#next[layer] !== 0) repulled += missing;
      this.#usedBytes += missing;
      this.#heldBytes[layer] = size;
      this.#next[layer] = nextNeeds[at] ?? NEVER;
    });
    this.#drop();
    for (const layer of layers) this.#queue.add(layer, this.#next[layer] ?? NEVER);
    return repulled;
  }

  /** Takes as much as there is room for of all that was seen, what is needed soonest first. */
  fill(): void {
    const seen = [...this.#sizes.keys()].filter((layer) => this.#next[layer] !== 0);
    seen.sort((one, other) => (this.#next[one] ?? 0) - (this.#next[other] ?? 0));
    this.#queue.clear();
    this.#usedBytes = 0;
    for (const layer of seen) {
      const held = Math.min(this.#sizes[layer] ?? 0, this.#capacityBytes - this.#usedBytes);
      this.#heldBytes[layer] = held;
      this.#usedBytes += held;
      if (held > 0) this.#queue.add(layer, this.#next[layer] ?? NEVER);
    }
  }

  /** What is needed now is not in the queue under its next need, so it stays. */
  #drop(): void {
    while (this.#usedBytes > this.#capacityBytes) {
      const found = this.#queue.takeLatest();
      if (found === null) return;
      const { item, at } = found;
      const held = this.#heldBytes[item] ?? 0;
      if (this.#next[item] !== at || held === 0) continue;
      const dropped = Math.min(held, this.#usedBytes - this.#capacityBytes);
      this.#heldBytes[item] = held - dropped;
      this.#usedBytes -= dropped;
      if (held > dropped) this.#queue.add(item, at);
    }
  }
}

/**
 * Layer-Belady: knows the future, and removes whole images, the one whose own layers are needed latest, by their bytes. What it reaches can be
 * reached; that nothing can do better is not said.
 */
export function layerBelady(trace: Trace): SimulatedPolicy {
  const needs = nextNeeds(trace);
  const next = new Float64Array(trace.sizes.length).fill(NEVER);
  /** Of the layers that only this image needs; one that has none comes last of all that may go. */
  const worthOf = (image: number, { counts }: SimulatedDisk, place: number): number => {
    let [needed, total] = [0, 0];
    for (const layer of counts.exclusiveLayers(image)) {
      const size = trace.sizes[layer] ?? 0;
      needed += size / Math.max(1, (next[layer] ?? NEVER) - place);
      total += size;
    }
    return total === 0 ? Number.MAX_VALUE : needed / total;
  };
  return {
    note: ({ image }, place) => {
      for (const [at, layer] of (trace.layers[image] ?? []).entries()) next[layer] = needs[place]?.[at] ?? NEVER;
    },
    makeRoom: (disk, shortBytes, use, place) => {
      const enough = disk.usedBytes - shortBytes;
      while (disk.usedBytes > enough) {
        let [worst, least] = [-1, Number.POSITIVE_INFINITY];
        for (const image of disk.removable(use.atMs)) {
          const worth = image === use.image ? Number.POSITIVE_INFINITY : worthOf(image, disk, place);
          if (worth < least) [worst, least] = [image, worth];
        }
        if (worst === -1) return;
        disk.remove(worst);
      }
    },
  };
}
