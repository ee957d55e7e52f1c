import type { SimulatedPolicy } from './replay.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { Trace, TraceUse } from './trace.ts';

// What other tools do, with their own ways of counting (docs/background/eviction.md §6); none of them puts a removal back.

const DAY_MS = 24 * 3_600_000;

/** Removes whichever has the lowest score, until there is room. */
function removeLowest(disk: SimulatedDisk, use: TraceUse, isDone: () => boolean, scoreOf: (image: number) => number): void {
  const left = new Set(disk.removable(use.atMs));
  left.delete(use.image);
  while (!isDone() && left.size > 0) {
    let lowest = -1;
    let lowestScore = Number.POSITIVE_INFINITY;
    for (const image of left) {
      const score = scoreOf(image);
      if (score < lowestScore || (score === lowestScore && image < lowest)) [lowest, lowestScore] = [image, score];
    }
    // None is left that frees anything.
    if (lowest === -1) return;
    left.delete(lowest);
    disk.remove(lowest);
  }
}

function untilFreed(disk: SimulatedDisk, shortBytes: number): () => boolean {
  const enough = disk.usedBytes - shortBytes;
  return () => disk.usedBytes <= enough;
}

function lastUse(disk: SimulatedDisk): (image: number) => number {
  return (image) => disk.lastUsedMs[image] ?? 0;
}

/** The longest unused first, but none on which another image on the disk is built: what goes are leaves. */
export class LeafLru implements SimulatedPolicy {
  /** By image: those that begin with all of its layers and have more. */
  readonly #builtOn: readonly (readonly number[])[];

  constructor(trace: Trace) {
    this.#builtOn = findBuiltOn(trace);
  }

  note(): void {}

  makeRoom(disk: SimulatedDisk, shortBytes: number, use: TraceUse): void {
    const isLeaf = (image: number): boolean => !(this.#builtOn[image] ?? []).some((other) => disk.holds(other));
    const scoreOf = (image: number): number => (isLeaf(image) ? (disk.lastUsedMs[image] ?? 0) : Number.POSITIVE_INFINITY);
    removeLowest(disk, use, untilFreed(disk, shortBytes), scoreOf);
  }
}

function findBuiltOn({ layers }: Trace): readonly (readonly number[])[] {
  const byChain = Map.groupBy(layers.keys(), (image) => (layers[image] ?? []).join());
  const builtOn: number[][] = layers.map(() => []);
  for (const [image, own] of layers.entries()) {
    let chain = '';
    for (const layer of own.slice(0, -1)) {
      chain = chain === '' ? `${layer}` : `${chain},${layer}`;
      for (const base of byChain.get(chain) ?? []) builtOn[base]?.push(image);
    }
  }
  return builtOn;
}

/** Kubernetes' kubelet: every two minutes, from 85 % down to 80 %, as if each image freed its whole size (pkg/kubelet/images/image_gc_manager.go). */
export class Kubelet implements SimulatedPolicy {
  readonly #fullBytes: Float64Array;
  readonly #capacityBytes: number;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor({ layers, sizes }: Trace, capacityBytes: number) {
    this.#fullBytes = Float64Array.from(layers, (own) => own.reduce((sum, layer) => sum + (sizes[layer] ?? 0), 0));
    this.#capacityBytes = capacityBytes;
  }

  note(): void {}

  tidy(disk: SimulatedDisk, use: TraceUse): void {
    if (use.atMs - this.#lookedMs < 120_000) return;
    this.#lookedMs = use.atMs;
    if (disk.usedBytes < 0.85 * this.#capacityBytes) return;
    let leftBytes = disk.usedBytes - 0.8 * this.#capacityBytes;
    for (const image of disk.removable(use.atMs).toSorted((one, other) => lastUse(disk)(one) - lastUse(disk)(other))) {
      if (leftBytes <= 0) return;
      leftBytes -= this.#fullBytes[image] ?? 0;
      disk.remove(image);
    }
  }

  /** A pull that does not fit ends in eviction by the node's disk pressure. */
  makeRoom(disk: SimulatedDisk, shortBytes: number, use: TraceUse): void {
    removeLowest(disk, use, untilFreed(disk, shortBytes), lastUse(disk));
  }
}

/** docuum: the longest unused first, after the pull that went beyond the mark; until then the disk holds more than it should. */
export class Docuum implements SimulatedPolicy {
  readonly #capacityBytes: number;

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes;
  }

  note(): void {}

  tidy(disk: SimulatedDisk, use: TraceUse): void {
    removeLowest(disk, { ...use, image: -1 }, () => disk.usedBytes <= this.#capacityBytes, lastUse(disk));
  }

  makeRoom(): void {}
}

/** Whatever was unused for a week goes, needed room or not; where that is not enough, the longest unused. */
export class TimeToLive implements SimulatedPolicy {
  note(): void {}

  tidy(disk: SimulatedDisk, use: TraceUse): void {
    for (const image of disk.removable(use.atMs)) if (use.atMs - (disk.lastUsedMs[image] ?? 0) >= 7 * DAY_MS) disk.remove(image);
  }

  makeRoom(disk: SimulatedDisk, shortBytes: number, use: TraceUse): void {
    removeLowest(disk, use, untilFreed(disk, shortBytes), lastUse(disk));
  }
}

/** GreedyDual-Size-Frequency: uses times pull time over size, on a clock that each removal moves on. */
export class Gdsf implements SimulatedPolicy {
  readonly #trace: Trace;
  readonly #uses: Float64Array;
  readonly #values: Float64Array;
  #clock = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
    this.#uses = new Float64Array(trace.layers.length);
    this.#values = new Float64Array(trace.layers.length);
  }

  note({ image }: TraceUse): void {
    const size = (this.#trace.layers[image] ?? []).reduce((sum, layer) => sum + (this.#trace.sizes[layer] ?? 0), 1);
    const uses = (this.#uses[image] ?? 0) + 1;
    this.#uses[image] = uses;
    this.#values[image] = this.#clock + uses * (1 / 25_000_000 + 1 / size);
  }

  makeRoom(disk: SimulatedDisk, shortBytes: number, use: TraceUse): void {
    const valueAt = (image: number): number => this.#values[image] ?? 0;
    const before = new Set(disk.present);
    removeLowest(disk, use, untilFreed(disk, shortBytes), valueAt);
    for (const image of before) if (!disk.holds(image)) this.#clock = Math.max(this.#clock, valueAt(image));
  }
}

/** SIEVE (NSDI'24): a queue in order of arrival, and a hand that spares what was used since it last passed. */
export class Sieve implements SimulatedPolicy {
  #queue: number[] = [];
  readonly #isVisited = new Set<number>();
  #hand = 0;

  note({ image }: TraceUse): void {
    this.#isVisited.add(image);
  }

  makeRoom(disk: SimulatedDisk, shortBytes: number, use: TraceUse): void {
    const isDone = untilFreed(disk, shortBytes);
    const removable = new Set(disk.removable(use.atMs));
    const known = new Set(this.#queue);
    const arrived = disk.present.filter((image) => !known.has(image)).sort((one, other) => lastUse(disk)(one) - lastUse(disk)(other));
    this.#queue = [...this.#queue.filter((image) => disk.holds(image)), ...arrived];
    for (let steps = 3 * this.#queue.length; !isDone() && steps > 0; steps--) {
      if (this.#hand >= this.#queue.length) this.#hand = 0;
      const image = this.#queue[this.#hand] ?? -1;
      if (image === use.image || !removable.has(image) || this.#isVisited.delete(image)) this.#hand += 1;
      else {
        this.#queue.splice(this.#hand, 1);
        disk.remove(image);
      }
    }
  }
}

/** Any image, by chance. */
export class AnyImage implements SimulatedPolicy {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  note(): void {}

  makeRoom(disk: SimulatedDisk, shortBytes: number, use: TraceUse): void {
    const scores = new Map(disk.removable(use.atMs).map((image) => [image, this.#next()]));
    removeLowest(disk, use, untilFreed(disk, shortBytes), (image) => scores.get(image) ?? 1);
  }

  /** Mulberry32, which is as random as this needs. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
