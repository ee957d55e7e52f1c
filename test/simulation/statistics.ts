/** What a few numbers can show, and how far (docs/background/eviction.md §6). */
import { randomFrom } from '../../src/simulate/seeded-random.ts';

/** An amount by day under two orders, of the same days. */
export interface PairedDays {
  readonly ours: ArrayLike<number>;
  readonly plain: ArrayLike<number>;
}

/** How an interval is drawn. */
export interface BootstrapSettings {
  /** What lies closer together than this is not taken to be independent. */
  readonly blockDays: number;
  readonly draws: number;
  readonly seed: number;
}

/** The middle 95 % of what was drawn. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

const OUTSIDE = 0.05;

/**
 * The interval of the ratio of two sums, by moving-block bootstrap (Künsch 1989): days are drawn again in blocks that may begin on any day, the same
 * days for both, because one busy week is busy under either order. The same seed gives the same, to the last byte.
 */
export function bootstrapRatio({ ours, plain }: PairedDays, { blockDays, draws, seed }: BootstrapSettings): Interval {
  const random = randomFrom(seed);
  const days = ours.length;
  const [oursUntil, plainUntil] = [sumsUntil(ours), sumsUntil(plain)];
  const ratios = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw++) {
    let [oursSum, plainSum] = [0, 0];
    for (let drawn = 0; drawn < days; drawn += blockDays) {
      const length = Math.min(blockDays, days - drawn);
      const from = Math.floor(random() * (days - length + 1));
      oursSum += (oursUntil[from + length] ?? 0) - (oursUntil[from] ?? 0);
      plainSum += (plainUntil[from + length] ?? 0) - (plainUntil[from] ?? 0);
    }
    ratios[draw] = ratioOf(oursSum, plainSum);
  }
  ratios.sort();
  const cut = Math.floor((OUTSIDE / 2) * draws);
  return { low: ratios[cut] ?? Number.NaN, high: ratios[draws - 1 - cut] ?? Number.NaN };
}

/** By place: the sum of all before it. */
function sumsUntil(amounts: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(amounts.length + 1);
  for (let at = 0; at < amounts.length; at++) sums[at + 1] = (sums[at] ?? 0) + (amounts[at] ?? 0);
  return sums;
}

/** Two nothings are alike. */
export function ratioOf(ours: number, plain: number): number {
  return ours === plain ? 1 : ours / plain;
}

/** Beyond these it weighs no more: one disk on which next to nothing is pulled again must not decide a mean. */
const [LEAST_RATIO, MOST_RATIO] = [0.01, 100];

/** The geometric mean of ratios: half and twice as much are 1 together. */
export function geometricMean(ratios: readonly number[]): number {
  return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(Math.min(Math.max(ratio, LEAST_RATIO), MOST_RATIO)), 0) / ratios.length);
}

/** Whether differences lie to one side of zero. */
export interface SignedRank {
  /** How many are not zero. */
  readonly count: number;
  /** Ranks of the positive and of the negative ones, added up. */
  readonly positive: number;
  readonly negative: number;
  /** How often chance alone would put them so far to either side. */
  readonly p: number;
}

/** Wilcoxon's signed-rank test, exact: of all ways to give signs to the ranks, how many are as far out. Zeros are left out, ties share their ranks. */
export function signedRank(differences: readonly number[]): SignedRank {
  const told = differences.filter((difference) => difference !== 0).toSorted((one, other) => Math.abs(one) - Math.abs(other));
  // Twice the rank, which is whole even where two share one.
  const ranks = told.map((difference) => {
    const isTied = (other: number): boolean => Math.abs(other) === Math.abs(difference);
    return told.findIndex(isTied) + told.findLastIndex(isTied) + 2;
  });
  const sum = ranks.reduce((total, rank) => total + rank, 0);
  const positive = ranks.reduce((total, rank, at) => total + ((told[at] ?? 0) > 0 ? rank : 0), 0);
  const ways = new Float64Array(sum + 1);
  ways[0] = 1;
  for (const rank of ranks) for (let at = sum; at >= rank; at--) ways[at] = (ways[at] ?? 0) + (ways[at - rank] ?? 0);
  const smaller = Math.min(positive, sum - positive);
  const tail = ways.subarray(0, smaller + 1).reduce((total, count) => total + count, 0);
  const p = Math.min(1, (2 * tail) / 2 ** ranks.length);
  return { count: told.length, positive: positive / 2, negative: (sum - positive) / 2, p };
}
