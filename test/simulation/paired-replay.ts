/** The traces that next-use is judged on, and what both orders pull again on them, day by day. */
import { join } from 'node:path';
import { readTrace } from '../../src/cli/forms/trace-form.ts';
import type { RemovalOrder } from '../../src/model/policy.ts';
import { PlannedOrder } from '../../src/simulate/planned-order.ts';
import { replay, type SimulatedPolicy, warmUpOf } from '../../src/simulate/replay.ts';
import type { Trace, TraceFacts } from '../../src/simulate/trace.ts';
import { offlineWorld } from '../golden/offline-world.ts';
import { DAY_MS } from '../worlds/world.ts';
import { MADE_UP_TRACES } from './made-up-traces.ts';

/** A trace, and what kind of host it is of: two made-up hosts of a kind are no two kinds of evidence. */
export interface NamedTrace {
  readonly name: string;
  readonly kind: string;
  readonly isReal: boolean;
  readonly make: () => Trace;
}

/** Reads one of `test/traces`. */
export function readRealTrace(name: string): Trace {
  const fileOf = (kind: string): string => join(import.meta.dirname, '..', 'traces', `${name}.${kind}.jsonl.gz`);
  return readTrace(offlineWorld().world, fileOf('images'), fileOf('uses'));
}

/** Two real ones, and all that are made up. */
export const NAMED_TRACES: readonly NamedTrace[] = [
  ...['build-main', 'ci-pool'].map((name) => ({ name, kind: name, isReal: true, make: () => readRealTrace(name) })),
  ...MADE_UP_TRACES.map(([name, make]) => ({ name, kind: name.replace(/ \d+$/, ''), isReal: false, make })),
];

/** The size of a disk, as `imagegc simulate` takes it: no smaller than the largest image needs. @param part of the live set */
export function diskBytes({ liveSetBytes, largestImageBytes }: TraceFacts, part: number): number {
  return Math.max(Math.round(part * liveSetBytes), Math.ceil(1.02 * largestImageBytes));
}

/** Makes the policy of an order on a disk. */
export type MakePolicy = (order: RemovalOrder, trace: Trace, capacityBytes: number) => SimulatedPolicy;

/** The planner's own. */
export function makePlanned(order: RemovalOrder, trace: Trace): SimulatedPolicy {
  return new PlannedOrder(order, trace);
}

/** Bytes pulled again under both orders by day, from the end of the warm-up on. */
export interface PairedReplay {
  readonly ours: Float64Array;
  readonly plain: Float64Array;
}

/** Replays a trace under both orders on one disk. */
export function replayPaired(trace: Trace, facts: TraceFacts, capacityBytes: number, make: MakePolicy = makePlanned): PairedReplay {
  const byDay = (order: RemovalOrder): Float64Array => repulledByDay(trace, facts, capacityBytes, make(order, trace, capacityBytes));
  return { ours: byDay('next-use'), plain: byDay('lru') };
}

function repulledByDay(trace: Trace, facts: TraceFacts, capacityBytes: number, policy: SimulatedPolicy): Float64Array {
  const warmUpUses = warmUpOf(trace);
  const fromMs = trace.uses[warmUpUses]?.atMs ?? 0;
  const days = new Float64Array(1 + Math.floor(((trace.uses.at(-1)?.atMs ?? fromMs) - fromMs) / DAY_MS));
  let place = 0;
  // Uses of one instant may lie on both sides of the end of the warm-up: only their places tell.
  const note: SimulatedPolicy['note'] = (use, at) => {
    place = at;
    policy.note?.(use, at);
  };
  const onRepull = ({ atMs }: Trace['uses'][number], bytes: number): void => {
    if (place < warmUpUses) return;
    const day = Math.floor((atMs - fromMs) / DAY_MS);
    days[day] = (days[day] ?? 0) + bytes;
  };
  const makeRoom: SimulatedPolicy['makeRoom'] = (...asked) => policy.makeRoom(...asked);
  const tidy: SimulatedPolicy['tidy'] = (disk, use) => policy.tidy?.(disk, use);
  replay({ trace, facts, capacityBytes, policy: { note, makeRoom, tidy }, warmUpUses, onRepull });
  return days;
}

/** All days together. */
export function total(days: Float64Array): number {
  return days.reduce((sum, bytes) => sum + bytes, 0);
}
