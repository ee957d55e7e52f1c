import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { randomFrom } from '../../src/simulate/seeded-random.ts';
import { bootstrapRatio, geometricMean, type PairedDays, ratioOf, signedRank } from './statistics.ts';

const SETTINGS = { blockDays: 14, draws: 2_000, seed: 1 } as const;

/** Days that are busy together for weeks, on which one order pulls again about half of what the other does. */
function livedDays(weeks: number, seed: number): PairedDays {
  const random = randomFrom(seed);
  let [busy, share] = [1, 0.5];
  const days = Array.from({ length: weeks * 7 }, (_, day) => {
    if (day % 7 === 0) [busy, share] = [random() < 0.3 ? 5 : 1, 0.2 + 0.6 * random()];
    const plain = busy * random();
    return { plain, ours: plain * share };
  });
  return { ours: days.map(({ ours }) => ours), plain: days.map(({ plain }) => plain) };
}

/** How many of 200 intervals hold the true ratio. */
function coverage(weeks: number, blockDays: number): number {
  const isHit = (_: unknown, at: number): boolean => {
    const { low, high } = bootstrapRatio(livedDays(weeks, 1_000 + at), { ...SETTINGS, blockDays, draws: 400 });
    return low <= 0.5 && 0.5 <= high;
  };
  return Array.from({ length: 200 }, isHit).filter(Boolean).length / 200;
}

describe('bootstrapRatio()', () => {
  it('has no width where the ratio is the same every day', () => {
    const plain = Array.from({ length: 100 }, (_, day) => (day * 37) % 11);
    const ours = plain.map((amount) => amount / 4);
    assert.deepEqual(bootstrapRatio({ ours, plain }, SETTINGS), { low: 0.25, high: 0.25 });
  });

  it('takes two nothings for alike, and something for infinitely more than nothing', () => {
    const none = new Float64Array(70);
    const last = none.map((_, day) => (day === 69 ? 1 : 0));
    assert.deepEqual(bootstrapRatio({ ours: none, plain: none }, SETTINGS), { low: 1, high: 1 });
    assert.deepEqual(bootstrapRatio({ ours: last, plain: none }, SETTINGS), { low: 1, high: Number.POSITIVE_INFINITY });
    assert.deepEqual([ratioOf(0, 0), ratioOf(3, 6)], [1, 0.5]);
  });

  it('is the same to the last byte for one seed, and another for another', () => {
    const days = livedDays(20, 3);
    assert.deepEqual(bootstrapRatio(days, SETTINGS), bootstrapRatio(days, SETTINGS));
    assert.notDeepEqual(bootstrapRatio(days, SETTINGS), bootstrapRatio(days, { ...SETTINGS, seed: 2 }));
  });

  it('holds the true ratio of a year in nine of ten, of a month in six, and of a year in fewer still where days are taken to be independent', (t) => {
    const [year, month, byDay] = [coverage(52, 14), coverage(5, 14), coverage(52, 1)];
    t.diagnostic(`52 weeks ${year}, 5 weeks ${month}, 52 weeks in blocks of a day ${byDay}`);
    assert.ok(year >= 0.87 && year <= 0.97, `${year}`);
    assert.ok(month < 0.7, `${month}`);
    assert.ok(byDay < 0.7, `${byDay}`);
  });
});

describe('signedRank()', () => {
  const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at + 1);

  it('has the probabilities of the published tables', () => {
    /** By how many differences: a rank sum that is negative, and its two-sided probability in the tables, to four places. */
    const table: readonly (readonly [count: number, negative: readonly number[], p: number])[] = [
      [5, [], 0.0625],
      [6, [], 0.0313],
      [8, [3], 0.0391],
      [10, [8], 0.0488],
      [12, [12, 1], 0.0425],
      [20, [20, 19, 13], 0.0484],
    ];
    for (const [count, negative, p] of table) {
      const found = signedRank(upTo(count).map((rank) => (negative.includes(rank) ? -rank : rank)));
      assert.equal(Math.round(found.p * 1e4) / 1e4, p, `${count}: ${found.p}`);
    }
  });

  it('finds of Darwin’s fifteen pairs of maize what is known of them', () => {
    const eighths = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48];
    assert.deepEqual(signedRank(eighths), { count: 15, positive: 96, negative: 24, p: 0.041259765625 });
  });

  it('shares ranks among ties, and leaves zeros out', () => {
    // Of eight ways to sign 1.5, 1.5 and 3 there are three with 1.5 or less on one side, and as many on the other.
    assert.deepEqual(signedRank([0, -1, 1, 2, 0]), { count: 3, positive: 4.5, negative: 1.5, p: 0.75 });
    assert.deepEqual(signedRank([0, 0]), { count: 0, positive: 0, negative: 0, p: 1 });
  });

  it('can not tell two traces from chance, whatever they show', () => {
    assert.equal(signedRank([-100, -100]).p, 0.5);
  });
});

describe('geometricMean()', () => {
  it('takes half and twice for alike, and a hundredth for the least', () => {
    assert.deepEqual(
      [0.5, 2].map((ratio) => geometricMean([ratio, 1 / ratio])),
      [1, 1],
    );
    assert.equal(geometricMean([0, 0.01]), geometricMean([0.01]));
  });
});
