import type { RemovalOrder } from '../model/policy.ts';
import { PlannedOrder } from './planned-order.ts';
import { replayInSteps, warmUpOf } from './replay.ts';
import { measureTrace, type Trace } from './trace.ts';

const WINDOW_MS = 7 * 24 * 3_600_000;
const WINDOWS = 3;
/** Less than this is chance. */
const WORSE_RATIO = 1.05;

/**
 * Replays a host's own history under both orders, and says which it is served better by: `lru` where `next-use` pulled more again in each of the
 * last three weeks (eviction.md §4). A host whose habits cannot be learned must not pay for the attempt.
 *
 * @param capacityBytes the disk that images may fill
 * @returns use by use, because whoever asks may have other things to do in between
 */
export function* judgeOrder(trace: Trace, capacityBytes: number): Generator<void, RemovalOrder> {
  const last = trace.uses.at(-1)?.atMs ?? 0;
  const first = trace.uses[0]?.atMs ?? 0;
  if (last - first < WINDOWS * WINDOW_MS) return 'next-use';
  const facts = measureTrace(trace);
  const weeksOf = function* (order: RemovalOrder): Generator<void, Float64Array> {
    const weeks = new Float64Array(WINDOWS);
    yield* replayInSteps({
      ...{ trace, facts, warmUpUses: warmUpOf(trace) },
      capacityBytes: Math.max(capacityBytes, facts.largestImageBytes),
      policy: new PlannedOrder(order, trace),
      onRepull: ({ atMs }, repulled) => {
        const week = Math.floor((last - atMs) / WINDOW_MS);
        if (week < WINDOWS) weeks[week] = (weeks[week] ?? 0) + repulled;
      },
    });
    return weeks;
  };
  return isWorse(yield* weeksOf('next-use'), yield* weeksOf('lru')) ? 'lru' : 'next-use';
}

/** Whether the first pulled notably more again than the second, in every window. */
export function isWorse(ours: ArrayLike<number>, plain: ArrayLike<number>): boolean {
  return Array.from(ours).every((repulled, window) => repulled > WORSE_RATIO * (plain[window] ?? 0));
}
