/** What may go wrong with what the planner learns from, or with the host that it learned of. */
import type { RemovalOrder } from '../../src/model/policy.ts';
import { reuseRateOn } from '../../src/plan/reuse-rate.ts';
import { PlannedOrder } from '../../src/simulate/planned-order.ts';
import type { SimulatedPolicy } from '../../src/simulate/replay.ts';
import { randomFrom } from '../../src/simulate/seeded-random.ts';
import type { SimulatedDisk } from '../../src/simulate/simulated-disk.ts';
import type { Trace, TraceUse } from '../../src/simulate/trace.ts';
import { DAY_MS } from '../worlds/world.ts';
import { type MakePolicy, makePlanned } from './paired-replay.ts';

/** One of them. */
export interface Disturbance {
  readonly title: string;
  /** The hosts that a trace becomes. */
  readonly hostsOf: (trace: Trace) => readonly Trace[];
  readonly make: MakePolicy;
  /** From the middle of the uses on, images have half of the disk, or what the largest of them needs. */
  readonly isHalved: boolean;
}

const SEED = 1;
const NODES = 4;
const JOB_GAP_MS = 5 * 60_000;
const MISSED = 0.1;
const REMEMBERED_MS = 7 * DAY_MS;
const AS_IT_IS = { hostsOf: (trace: Trace): readonly Trace[] => [trace], make: makePlanned, isHalved: false } as const;

function withLineages(trace: Trace, nameOf: (use: TraceUse, place: number) => string): Trace {
  return { ...trace, uses: trace.uses.map((use, place) => ({ ...use, lineage: nameOf(use, place) })) };
}

/** The same in an order that chance makes (Fisher and Yates). */
function shuffled<Item>(items: readonly Item[]): readonly Item[] {
  const random = randomFrom(SEED);
  const left = [...items];
  return items.flatMap(() => left.splice(Math.floor(random() * left.length), 1));
}

/** Every name is another, and still one. */
function renameLineages(trace: Trace): Trace {
  const names = [...new Set(trace.uses.map(({ lineage }) => lineage))];
  const numbers = new Map(shuffled(names).map((name, number) => [name, `${number}`]));
  return withLineages(trace, ({ lineage }) => numbers.get(lineage) ?? '');
}

/** No image is used a second time: what is pulled again are layers that images share. */
function useOnce(trace: Trace): Trace {
  const first = new Map(trace.uses.map(({ image }, place) => [image, place] as const).toReversed());
  return { ...trace, uses: trace.uses.filter(({ image }, place) => first.get(image) === place) };
}

/** Each image is asked for by the name of another one, always the same. */
function dealToImages(trace: Trace): Trace {
  const lineages = new Map(trace.uses.map(({ image, lineage }) => [image, lineage]));
  const dealt = shuffled([...lineages.values()]);
  const nameOf = new Map([...lineages.keys()].map((image, at) => [image, dealt[at] ?? '']));
  return withLineages(trace, ({ image }) => nameOf.get(image) ?? '');
}

/** Each use is by the name of another one: a lineage tells nothing of an image any more. */
function dealToUses(trace: Trace): Trace {
  const dealt = shuffled(trace.uses.map(({ lineage }) => lineage));
  return withLineages(trace, (_, place) => dealt[place] ?? '');
}

/** What was one host's work is done by four: each job, of uses that follow upon each other this closely, by any of them. */
function spreadOverNodes(trace: Trace, jobGapMs: number): readonly Trace[] {
  const random = randomFrom(SEED);
  let [lastMs, node] = [Number.NEGATIVE_INFINITY, 0];
  const nodes = trace.uses.map(({ atMs }) => {
    if (atMs - lastMs >= jobGapMs) node = Math.floor(random() * NODES);
    lastMs = atMs;
    return node;
  });
  return Array.from({ length: NODES }, (_, own) => ({ ...trace, uses: trace.uses.filter((_use, place) => nodes[place] === own) }));
}

/** Nobody uses an image that another one is built on: as on a host that builds nothing, or whose builder keeps bases to itself. */
function withoutBases(trace: Trace): Trace {
  const chains = trace.layers.map((own) => own.map((_, at) => own.slice(0, at + 1).join(' ')));
  const below = new Set(chains.flatMap((chain) => chain.slice(0, -1)));
  return { ...trace, uses: trace.uses.filter(({ image }) => !below.has(chains[image]?.at(-1) ?? '')) };
}

/** Some uses are never recorded: not in what is learned, nor, of an image that was here, as its last one. Pulls are seen. */
class Forgetful implements SimulatedPolicy {
  readonly #inner: SimulatedPolicy;
  readonly #random = randomFrom(SEED);
  #isMissed = false;
  #missed: { readonly image: number; readonly lastUsedMs: number } | null = null;

  constructor(inner: SimulatedPolicy) {
    this.#inner = inner;
  }

  tidy(disk: SimulatedDisk, use: TraceUse): void {
    if (this.#missed !== null) disk.lastUsedMs[this.#missed.image] = this.#missed.lastUsedMs;
    this.#isMissed = this.#random() < MISSED;
    const lastUsedMs = disk.lastUsedMs[use.image] ?? 0;
    this.#missed = this.#isMissed && disk.holds(use.image) ? { image: use.image, lastUsedMs } : null;
  }

  note(use: TraceUse, place: number): void {
    if (!this.#isMissed) this.#inner.note?.(use, place);
  }

  makeRoom(...asked: Parameters<SimulatedPolicy['makeRoom']>): void {
    this.#inner.makeRoom(...asked);
  }
}

/** Knows of the last seven to eight days, and of nothing before. */
class ShortMemory implements SimulatedPolicy {
  readonly #trace: Trace;
  #inner: PlannedOrder;
  #uses: TraceUse[] = [];
  #day = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
    this.#inner = new PlannedOrder('next-use', trace);
  }

  note(use: TraceUse): void {
    const day = Math.floor(use.atMs / DAY_MS);
    if (day !== this.#day) {
      this.#day = day;
      this.#uses = this.#uses.filter(({ atMs }) => atMs >= use.atMs - REMEMBERED_MS);
      this.#inner = new PlannedOrder('next-use', this.#trace);
      for (const known of this.#uses) this.#inner.note(known);
    }
    this.#uses.push(use);
    this.#inner.note(use);
  }

  makeRoom(disk: SimulatedDisk, shortBytes: number, use: TraceUse): void {
    this.#inner.makeRoom(disk, shortBytes, use);
  }
}

/** A disk that is replayed as small as it becomes, but fills up to what it still has. */
export class Shrinking implements SimulatedPolicy {
  readonly #inner: SimulatedPolicy;
  readonly #fullBytes: number;
  readonly #untilPlace: number;

  constructor(inner: SimulatedPolicy, fullBytes: number, untilPlace: number) {
    this.#inner = inner;
    this.#fullBytes = fullBytes;
    this.#untilPlace = untilPlace;
  }

  tidy(disk: SimulatedDisk, use: TraceUse): void {
    this.#inner.tidy?.(disk, use);
  }

  note(use: TraceUse, place: number): void {
    this.#inner.note?.(use, place);
  }

  makeRoom(disk: SimulatedDisk, shortBytes: number, use: TraceUse, place: number): void {
    const short = place < this.#untilPlace ? disk.usedBytes - this.#fullBytes : shortBytes;
    if (short > 0) this.#inner.makeRoom(disk, short, use, place);
  }
}

/** The host's habits weigh as if so many gaps, and so many uses, of each lineage had been like them. */
function weighHost(title: string, weight: number): Disturbance {
  const make: MakePolicy = (order, trace) => new PlannedOrder(order, trace, (host) => reuseRateOn(host, weight, weight));
  return { ...AS_IT_IS, title, make };
}

const makeShort = (order: RemovalOrder, trace: Trace): SimulatedPolicy =>
  order === 'next-use' ? new ShortMemory(trace) : makePlanned(order, trace);

/** All of them; first none. */
export const DISTURBANCES: readonly Disturbance[] = [
  { ...AS_IT_IS, title: 'nothing' },
  weighHost('the host weighs .5', 0.5),
  weighHost('the host weighs 2', 2),
  weighHost('the host weighs 8', 8),
  { ...AS_IT_IS, title: 'a tenth of the uses not recorded', make: (order, trace) => new Forgetful(makePlanned(order, trace)) },
  { ...AS_IT_IS, title: 'history of the last 7 d alone', make: makeShort },
  { ...AS_IT_IS, title: 'half of the disk from the middle on', isHalved: true },
  { ...AS_IT_IS, title: 'four nodes, each job on any of them', hostsOf: (trace) => spreadOverNodes(trace, JOB_GAP_MS) },
  { ...AS_IT_IS, title: 'four nodes, each use on any of them', hostsOf: (trace) => spreadOverNodes(trace, 0) },
  { ...AS_IT_IS, title: 'lineages renamed', hostsOf: (trace) => [renameLineages(trace)] },
  { ...AS_IT_IS, title: 'one lineage for all', hostsOf: (trace) => [withLineages(trace, () => 'all')] },
  { ...AS_IT_IS, title: 'lineages dealt to other images', hostsOf: (trace) => [dealToImages(trace)] },
  { ...AS_IT_IS, title: 'lineages dealt to other uses', hostsOf: (trace) => [dealToUses(trace)] },
  { ...AS_IT_IS, title: 'no use of an image that others are built on', hostsOf: (trace) => [withoutBases(trace)] },
  { ...AS_IT_IS, title: 'each image used once', hostsOf: (trace) => [useOnce(trace)] },
];
