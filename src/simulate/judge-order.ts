import type { RemovalOrder } from '../model/policy.ts';
import { PlannedOrder } from './planned-order.ts';
import { replayInSteps, warmUpOf } from './replay.ts';
import { measureTrace, type Trace } from './trace.ts';

const PERIOD_MS = 42 * 24 * 3_600_000;
/** Less than this is chance: in all, and of the disk. */
const WORSE_RATIO = 1.05;
const WORSE_SHARE = 0.1;

/**
 * Replays a host's own history under both orders, and says which it is served better by: `lru` where `next-use` pulled more again in the last six
 * weeks together. A host whose habits cannot be learned must not pay for the attempt. (Three weeks on end, as eviction.md §4 has it, say next to
 * nothing: one in which nothing was pulled again begins anew; docs/policy.md.)
 *
 * @param capacityBytes the disk that images may fill
 * @param isCut the history goes further back than the trace, so that a shorter one is judged as well
 * @returns use by use, because whoever asks may have other things to do in between
 */
export function* judgeOrder(trace: Trace, capacityBytes: number, isCut = false): Generator<void, RemovalOrder> {
  const last = trace.uses.at(-1)?.atMs ?? 0;
  const first = trace.uses[0]?.atMs ?? 0;
  if (last - first < PERIOD_MS && !isCut) return 'next-use';
  const facts = measureTrace(trace);
  const diskBytes = Math.max(capacityBytes, facts.largestImageBytes);
  const repulledBytes = function* (order: RemovalOrder): Generator<void, number> {
    let sum = 0;
    yield* replayInSteps({
      ...{ trace, facts, warmUpUses: warmUpOf(trace) },
      capacityBytes: diskBytes,
      policy: new PlannedOrder(order, trace),
      onRepull: ({ atMs }, repulled) => {
        if (last - atMs < PERIOD_MS) sum += repulled;
      },
    });
    return sum;
  };
  return isWorse(yield* repulledBytes('next-use'), yield* repulledBytes('lru'), diskBytes) ? 'lru' : 'next-use';
}

/** Whether so many bytes pulled again are notably more than the others, on a disk of that size. */
export function isWorse(ourBytes: number, plainBytes: number, diskBytes: number): boolean {
  return ourBytes > WORSE_RATIO * plainBytes + WORSE_SHARE * diskBytes;
}
