import { DAY_MS } from '../model/brands.ts';
import type { SimulatedPolicy } from './replay.ts';
import { randomFrom } from './seeded-random.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import { imageBytes, type Trace, type TraceUse } from './trace.ts';

// What other tools do, with their own ways of counting (docs/background/eviction.md §6); none of them puts a removal back.

/** Removes whichever has the lowest score, until so much is free. */
function removeLowest(disk: SimulatedDisk, shortBytes: number, use: TraceUse, scoreOf: (image: number) => number): void {
  const enough = disk.usedBytes - shortBytes;
  const left = new Set(disk.removable(use.atMs));
  left.delete(use.image);
  while (disk.usedBytes > enough && left.size > 0) {
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

function lastUse(disk: SimulatedDisk): (image: number) => number {
  return (image) => disk.lastUsedMs[image] ?? 0;
}

/** Removes the longest unused. */
const makeRoomByAge: SimulatedPolicy['makeRoom'] = (disk, shortBytes, use) => removeLowest(disk, shortBytes, use, lastUse(disk));

/** The longest unused first, but none on which another image on the disk is built: what goes are leaves. */
export function leafLru(trace: Trace): SimulatedPolicy {
  const builtOn = findBuiltOn(trace);
  return {
    makeRoom: (disk, shortBytes, use) => {
      const isLeaf = (image: number): boolean => !(builtOn[image] ?? []).some((other) => disk.holds(other));
      const scoreOf = (image: number): number => (isLeaf(image) ? (disk.lastUsedMs[image] ?? 0) : Number.POSITIVE_INFINITY);
      removeLowest(disk, shortBytes, use, scoreOf);
    },
  };
}

/** By image: those that begin with all of its layers and have more. */
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
export function kubelet(trace: Trace, capacityBytes: number): SimulatedPolicy {
  let lookedMs = Number.NEGATIVE_INFINITY;
  return {
    tidy: (disk, use) => {
      if (use.atMs - lookedMs < 120_000) return;
      lookedMs = use.atMs;
      if (disk.usedBytes < 0.85 * capacityBytes) return;
      let leftBytes = disk.usedBytes - 0.8 * capacityBytes;
      for (const image of disk.removable(use.atMs).toSorted((one, other) => lastUse(disk)(one) - lastUse(disk)(other))) {
        if (leftBytes <= 0) return;
        leftBytes -= imageBytes(trace, image);
        disk.remove(image);
      }
    },
    // A pull that does not fit ends in eviction by the node's disk pressure.
    makeRoom: makeRoomByAge,
  };
}

/** docuum: the longest unused first, after the pull that went beyond the mark; until then the disk holds more than it should. */
export function docuum(capacityBytes: number): SimulatedPolicy {
  return {
    tidy: (disk, use) => removeLowest(disk, disk.usedBytes - capacityBytes, { ...use, image: -1 }, lastUse(disk)),
    makeRoom: () => {},
  };
}

/** Whatever was unused for a week goes, needed room or not; where that is not enough, the longest unused. */
export const TIME_TO_LIVE: SimulatedPolicy = {
  tidy: (disk, use) => {
    for (const image of disk.removable(use.atMs)) if (use.atMs - (disk.lastUsedMs[image] ?? 0) >= 7 * DAY_MS) disk.remove(image);
  },
  makeRoom: makeRoomByAge,
};

/** GreedyDual-Size-Frequency: uses times pull time over size, on a clock that each removal moves on. */
export function gdsf(trace: Trace): SimulatedPolicy {
  const usesOf = new Float64Array(trace.layers.length);
  const values = new Float64Array(trace.layers.length);
  const worthOf = (image: number): number => values[image] ?? 0;
  let clock = 0;
  return {
    note: ({ image }) => {
      const uses = (usesOf[image] ?? 0) + 1;
      usesOf[image] = uses;
      values[image] = clock + uses * (1 / 25_000_000 + 1 / (1 + imageBytes(trace, image)));
    },
    makeRoom: (disk, shortBytes, use) => {
      const before = new Set(disk.present);
      removeLowest(disk, shortBytes, use, worthOf);
      for (const image of before) if (!disk.holds(image)) clock = Math.max(clock, worthOf(image));
    },
  };
}

/** SIEVE (NSDI'24): a queue in order of arrival, and a hand that spares what was used since it last passed. */
export function sieve(): SimulatedPolicy {
  const isVisited = new Set<number>();
  let queue: number[] = [];
  let hand = 0;
  return {
    note: ({ image }) => isVisited.add(image),
    makeRoom: (disk, shortBytes, use) => {
      const enough = disk.usedBytes - shortBytes;
      const removable = new Set(disk.removable(use.atMs));
      const known = new Set(queue);
      const arrived = disk.present.filter((image) => !known.has(image)).sort((one, other) => lastUse(disk)(one) - lastUse(disk)(other));
      queue = [...queue.filter((image) => disk.holds(image)), ...arrived];
      for (let steps = 3 * queue.length; disk.usedBytes > enough && steps > 0; steps--) {
        if (hand >= queue.length) hand = 0;
        const image = queue[hand] ?? -1;
        if (image === use.image || !removable.has(image) || isVisited.delete(image)) hand += 1;
        else {
          queue.splice(hand, 1);
          disk.remove(image);
        }
      }
    },
  };
}

/** Any image, by chance. */
export function anyImage(seed: number): SimulatedPolicy {
  const next = randomFrom(seed);
  return {
    makeRoom: (disk, shortBytes, use) => {
      const scores = new Map(disk.removable(use.atMs).map((image) => [image, next()]));
      removeLowest(disk, shortBytes, use, (image) => scores.get(image) ?? 1);
    },
  };
}
