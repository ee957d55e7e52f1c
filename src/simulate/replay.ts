import { SimulatedDisk } from './simulated-disk.ts';
import type { Trace, TraceFacts, TraceUse } from './trace.ts';

/** What decides in a simulation which images go. It removes them itself, with {@link SimulatedDisk.remove}. */
export interface SimulatedPolicy {
  /** Told of each use, in their order, before room is made for it. */
  readonly note?: (use: TraceUse, place: number) => void;
  /** Makes room. @param incoming is on the disk already, and must stay @param shortBytes more than 0 */
  readonly makeRoom: (disk: SimulatedDisk, shortBytes: number, use: TraceUse, place: number) => void;
  /** Called before each use: whatever is removed without need. */
  readonly tidy?: (disk: SimulatedDisk, use: TraceUse) => void;
}

/** What a replay came to; warm-up left out of all but the peak. */
export interface ReplayFigures {
  /** Bytes that were pulled though they had been here before. */
  readonly repulledBytes: number;
  /** Uses that had to wait for such bytes. */
  readonly coldStarts: number;
  /** Of these, uses of a version that another one had taken over from: rollbacks that were not possible offline. */
  readonly supersededColdStarts: number;
  readonly removals: number;
  readonly freedBytes: number;
  /** What cold starts cost, at {@link PULL_SECONDS} and {@link PULL_BYTES_PER_SECOND}. */
  readonly seconds: number;
  readonly peakBytes: number;
}

/** How a replay is made. */
export interface ReplayInput {
  readonly trace: Trace;
  readonly facts: TraceFacts;
  readonly capacityBytes: number;
  readonly policy: SimulatedPolicy;
  /** Uses that fill the disk, and are not counted. */
  readonly warmUpUses: number;
  /** Told of bytes that are pulled again, warm-up or not. */
  readonly onRepull?: (use: TraceUse, repulledBytes: number) => void;
  /** Called from time to time, with how many uses are done. */
  readonly onProgress?: (done: number) => void;
}

/** A pull takes this long whatever its size. */
const PULL_SECONDS = 1;
const PULL_BYTES_PER_SECOND = 25_000_000;
const PROGRESS_USES = 1_024;

/** The first tenth of a trace fills the disk. */
export function warmUpOf({ uses }: Trace): number {
  return Math.floor(uses.length / 10);
}

/** Lives a trace through on one disk, under one policy. */
export function replay(input: ReplayInput): ReplayFigures {
  const steps = replayInSteps(input);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** The same, use by use, for whoever has other things to do in between. */
export function* replayInSteps(input: ReplayInput): Generator<void, ReplayFigures> {
  const { trace, policy, warmUpUses, onRepull, onProgress } = input;
  const disk = new SimulatedDisk(trace);
  const isReturnTo = watchVersions(trace);
  const figures = { repulledBytes: 0, coldStarts: 0, supersededColdStarts: 0, removals: 0, freedBytes: 0, seconds: 0, peakBytes: 0 };
  let before = { removals: 0, freedBytes: 0 };
  for (const [place, use] of trace.uses.entries()) {
    yield;
    if (place % PROGRESS_USES === 0) onProgress?.(place);
    if (place === warmUpUses) before = { removals: disk.removals, freedBytes: disk.freedBytes };
    policy.tidy?.(disk, use);
    policy.note?.(use, place);
    const repulledBytes = disk.holds(use.image) ? 0 : bring(disk, input, use, place);
    disk.use(use.image, use.atMs, use.lastedMs);
    figures.peakBytes = Math.max(figures.peakBytes, disk.usedBytes);
    const isReturn = isReturnTo(use);
    if (repulledBytes === 0) continue;
    onRepull?.(use, repulledBytes);
    if (place < warmUpUses) continue;
    figures.repulledBytes += repulledBytes;
    figures.coldStarts += 1;
    figures.seconds += PULL_SECONDS + repulledBytes / PULL_BYTES_PER_SECOND;
    if (isReturn) figures.supersededColdStarts += 1;
  }
  return { ...figures, removals: disk.removals - before.removals, freedBytes: disk.freedBytes - before.freedBytes };
}

/** Pulls what an image lacks. @returns how much of it had been here before */
function bring(disk: SimulatedDisk, { trace, facts, capacityBytes, policy }: ReplayInput, use: TraceUse, place: number): number {
  const before = disk.usedBytes;
  disk.add(use.image);
  let pulled = disk.usedBytes - before;
  for (const layer of trace.layers[use.image] ?? []) if (facts.firstNeeded[layer] === place) pulled -= trace.sizes[layer] ?? 0;
  const shortBytes = disk.usedBytes - capacityBytes;
  if (shortBytes > 0) policy.makeRoom(disk, shortBytes, use, place);
  return pulled;
}

/** Tells uses of a version that another one had taken over from. */
function watchVersions({ layers }: Trace): (use: TraceUse) => boolean {
  const heads = new Map<string, number>();
  const isKnown = new Uint8Array(layers.length);
  return ({ image, lineage }) => {
    const head = heads.get(lineage);
    const isReturn = head !== undefined && head !== image && isKnown[image] === 1;
    heads.set(lineage, image);
    isKnown[image] = 1;
    return isReturn;
  };
}
