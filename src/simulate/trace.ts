/** One use of an image, at its place in time. */
export interface TraceUse {
  /** Milliseconds; never less than that of the use before. */
  readonly atMs: number;
  /** Index of the image. */
  readonly image: number;
  /** What asked for it: repository and tag stream. */
  readonly lineage: string;
  /** How long a container kept the image in use from then on. */
  readonly lastedMs: number;
}

/** Uses of images on one disk, and what the images are made of. */
export interface Trace {
  /** By image: its layers, by index, base first; each once. */
  readonly layers: readonly (readonly number[])[];
  /** By layer: its bytes; 0 is unknown. */
  readonly sizes: readonly number[];
  readonly uses: readonly TraceUse[];
}

/** What a trace asks of a disk. */
export interface TraceFacts {
  /**
   * The live set, W: the most bytes of layers, over time, that are needed now or were and will be. A disk of this size can do without
   * pulling anything twice.
   */
  readonly liveSetBytes: number;
  /** Of the images that are used, the one with the most bytes: a smaller disk can not hold it. */
  readonly largestImageBytes: number;
  /** By layer: the place of the use that first needed it; -1: none did. */
  readonly firstNeeded: Int32Array;
}

/** The whole size of an image: the bytes of all its layers. */
export function imageBytes({ layers, sizes }: Pick<Trace, 'layers' | 'sizes'>, image: number): number {
  return (layers[image] ?? []).reduce((sum, layer) => sum + (sizes[layer] ?? 0), 0);
}

/** Measures a trace, in one pass over its uses and one back. */
export function measureTrace({ layers, sizes, uses }: Trace): TraceFacts {
  const firstNeeded = new Int32Array(sizes.length).fill(-1);
  const lastNeeded = new Int32Array(sizes.length).fill(-1);
  let largestImageBytes = 0;
  for (const [place, { image }] of uses.entries()) {
    for (const layer of layers[image] ?? []) {
      if (firstNeeded[layer] === -1) firstNeeded[layer] = place;
      lastNeeded[layer] = place;
    }
    largestImageBytes = Math.max(largestImageBytes, imageBytes({ layers, sizes }, image));
  }
  return { liveSetBytes: mostAlive(sizes, firstNeeded, lastNeeded, uses.length), largestImageBytes, firstNeeded };
}

function mostAlive(sizes: readonly number[], firstNeeded: Int32Array, lastNeeded: Int32Array, places: number): number {
  const changes = new Float64Array(places + 1);
  for (const [layer, size] of sizes.entries()) {
    const from = firstNeeded[layer] ?? -1;
    if (from === -1) continue;
    const until = (lastNeeded[layer] ?? from) + 1;
    changes[from] = (changes[from] ?? 0) + size;
    changes[until] = (changes[until] ?? 0) - size;
  }
  let [alive, most] = [0, 0];
  for (const change of changes) {
    alive += change;
    most = Math.max(most, alive);
  }
  return most;
}
