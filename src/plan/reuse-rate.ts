import { durationMs } from '../model/brands.ts';
import { AgeSentence } from '../model/duration.ts';
import { GAP_BUCKETS, type HostHabit } from '../model/use-habits.ts';
import { GAP_FROM_MS, GAP_MIDDLE_MS, GAP_UNTIL_MS, gapBucket, usualGapMs } from '../usage/gap-buckets.ts';
import type { Standing } from '../usage/habit-learner.ts';

/** How far ahead is looked: what is needed at twice this is worth half a hit, so that only the rate counts beyond. */
const HORIZON_MS = 2 * 24 * 3_600_000;
/** How many gaps of its own outweigh what the host's other lineages do. */
const HOST_WEIGHT = 4;
/** What was just used is used again the sooner (Lindy): weighs less than one gap, and is all there is where nothing was learned. */
const RECENCY_WEIGHT = 0.2;
/** Some are never used again, and the longer a lineage is overdue, the more likely it is one of them. */
const END_WEIGHT = 0.05;
const HOST_SAME_WEIGHT = 2;
const YOUNGEST_MS = 1_000;

/**
 * How soon an image is expected to be needed again, as hits per time of space (LHD: NSDI'18): the chance that it is needed within
 * {@link HORIZON_MS}, over the time that it would have to be kept for that. What a pull would cost needs no regard: both that and the space that
 * is won grow with the bytes.
 *
 * @param standing undefined: nothing was learned of it, and it is expected to be like the others on this host
 * @returns per millisecond; the lowest is to go first
 */
export type ReuseRate = (standing: Standing | undefined, idleForMs: number) => number;

/** Reckons what is the same for all images of a host, once per plan. The weights of the host are others only where that is tried out. */
export function reuseRateOn(host: HostHabit, gapsWeight = HOST_WEIGHT, sameWeight = HOST_SAME_WEIGHT): ReuseRate {
  const gapCount = host.gaps.reduce((total, count) => total + count, 0);
  const hostShare = gapsWeight / Math.max(1, gapCount);
  const shared = new Float64Array(host.gaps.map((count) => hostShare * count));
  const hostSame = (sameWeight * host.sameImageUses) / host.uses;
  const returnChance = host.returned / host.superseded;
  return (standing, idleForMs) => {
    const ageMs = Math.max(YOUNGEST_MS, idleForMs);
    const habit = standing?.habit;
    const sameChance = ((habit?.sameImageUses ?? 0) + hostSame) / ((habit?.uses ?? 0) + sameWeight);
    if (standing !== undefined && standing.supersededMs !== null) return (sameChance * returnChance) / ageMs;
    return sameChance * hitDensity(habit?.gaps ?? NO_GAPS, shared, ageMs);
  };
}

const NO_GAPS = new Float64Array(GAP_BUCKETS);

/** Half a million pulls of a trace ask this of every image, hence the flat loop. @param shared what the gaps of the host weigh */
function hitDensity(own: ArrayLike<number>, shared: Float64Array, ageMs: number): number {
  let hits = (RECENCY_WEIGHT * HORIZON_MS) / (ageMs + HORIZON_MS);
  let keptMs = RECENCY_WEIGHT * ageMs * Math.log1p(HORIZON_MS / ageMs) + END_WEIGHT * HORIZON_MS;
  for (let bucket = gapBucket(ageMs); bucket < GAP_BUCKETS; bucket++) {
    let weight = (own[bucket] ?? 0) + (shared[bucket] ?? 0);
    if (weight === 0) continue;
    let leftMs = (GAP_MIDDLE_MS[bucket] ?? 0) - ageMs;
    const from = GAP_FROM_MS[bucket] ?? 0;
    if (ageMs > from) {
      const until = GAP_UNTIL_MS[bucket] ?? 0;
      if (until <= ageMs) continue;
      // Of a bucket that is over in part, what is left of it.
      weight *= (until - ageMs) / (until - from);
      leftMs = (ageMs + until) / 2 - ageMs;
    }
    const isNear = leftMs <= HORIZON_MS;
    hits += isNear ? weight : weight * (HORIZON_MS / leftMs);
    keptMs += weight * (isNear ? leftMs : HORIZON_MS);
  }
  return hits / keptMs;
}

/** What was learned of an image, for a person: "usually every 2 h; newer version in use for 8 d"; empty where nothing was. */
export function explainHabit(standing: Standing | undefined, nowMs: number): string {
  if (standing === undefined) return '';
  const { habit, supersededMs } = standing;
  const usualMs = usualGapMs(habit.gaps);
  const usual = usualMs === null ? '' : USUALLY.of(durationMs(usualMs));
  if (supersededMs === null) return usual;
  const superseded = SUPERSEDED.of(durationMs(nowMs - supersededMs));
  return usual === '' ? superseded : `${usual}; ${superseded}`;
}

const USUALLY = new AgeSentence((age) => `usually every ${age}`);
const SUPERSEDED = new AgeSentence((age) => `newer version in use for ${age}`);
