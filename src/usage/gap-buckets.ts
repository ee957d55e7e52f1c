import { DAY_MS, HOUR_MS, MINUTE_MS } from '../model/brands.ts';
import { GAP_BUCKETS } from '../model/use-habits.ts';

/** Where each bucket begins, in milliseconds: half an octave each (eviction.md §4); the first from nothing, the last without an end. */
export const GAP_FROM_MS: Float64Array = Float64Array.from({ length: GAP_BUCKETS }, (_, at) => (at === 0 ? 0 : MINUTE_MS * 2 ** (at / 2)));

/** Where each ends; of the last, as if it were like the others. */
export const GAP_UNTIL_MS: Float64Array = Float64Array.from({ length: GAP_BUCKETS }, (_, at) => MINUTE_MS * 2 ** ((at + 1) / 2));

/** The middle of each. */
export const GAP_MIDDLE_MS: Float64Array = GAP_FROM_MS.map((from, at) => (from + (GAP_UNTIL_MS[at] ?? 0)) / 2);

/** The bucket that a time between two uses belongs to. Whole octaves are counted in bits, because a logarithm takes as long as all the rest. */
export function gapBucket(gapMs: number): number {
  const octave = 31 - Math.clz32(Math.min(gapMs / MINUTE_MS, 2 ** 31));
  if (octave < 0) return 0;
  return Math.min(GAP_BUCKETS - 1, 2 * octave + (gapMs < (GAP_UNTIL_MS[2 * octave] ?? 0) ? 0 : 1));
}

/** The time in the middle of all that were counted, as a person would say it; null where they are too few to say "usually". */
export function usualGapMs(gaps: ArrayLike<number>): number | null {
  let total = 0;
  for (let at = 0; at < gaps.length; at++) total += gaps[at] ?? 0;
  if (total < FEW) return null;
  let below = 0;
  for (let at = 0; at < gaps.length; at++) {
    below += gaps[at] ?? 0;
    if (below >= total / 2) return PLAIN_BY_BUCKET[at] ?? null;
  }
  return null;
}

const FEW = 3;
/** A bucket is a fifth off to either side, so it is not for "21 h" when a day is meant. */
const PLAIN_MS = [
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 4, 6, 8, 12].map((hours) => hours * HOUR_MS),
  ...[1, 2, 3, 4, 5, 7, 10, 14, 21, 30, 60, 90, 180, 365].map((days) => days * DAY_MS),
];

function nearestPlain(ms: number): number {
  const distance = (plain: number): number => Math.abs(Math.log(plain / ms));
  return PLAIN_MS.reduce((best, plain) => (distance(plain) < distance(best) ? plain : best));
}

/** Reckoned once: a large plan asks for tens of thousands. */
const PLAIN_BY_BUCKET = GAP_MIDDLE_MS.map(nearestPlain);
