import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DAY_MS, HOUR_MS, NOW_MS, planInput, type Row } from '../../test/worlds/world.ts';
import { bytes, idleMs, imageId } from '../model/brands.ts';
import { NO_HABITS, type UseHabits } from '../model/use-habits.ts';
import { HabitLearner } from '../usage/habit-learner.ts';
import { planCollection } from './plan-collection.ts';
import { explainHabit, reuseRateOn } from './reuse-rate.ts';

type Use = readonly [lineage: string, image: string, hoursAgo: number];

function learn(uses: readonly Use[]): HabitLearner {
  const learner = new HabitLearner(NO_HABITS);
  for (const [lineage, image, hoursAgo] of uses.toSorted((one, other) => other[2] - one[2])) {
    learner.use(lineage, imageId(image), idleMs(NOW_MS - hoursAgo * HOUR_MS));
  }
  return learner;
}

function habitsOf({ host, changed }: HabitLearner): UseHabits {
  return { host, lineages: new Map(changed.map((habit) => [habit.name, habit])), learnedMinute: 0 };
}

/** Uses every so many hours, the last one so long ago. */
function every(hours: number, image: string, lastHoursAgo: number): readonly Use[] {
  return Array.from({ length: 20 }, (_, at) => [image, image, lastHoursAgo + at * hours] as const);
}

function removedFor(megabytes: number, uses: readonly Use[], order: 'next-use' | 'lru', rows: readonly Row[] = []): readonly string[] {
  const last = new Map(uses.toSorted((one, other) => other[2] - one[2]).map(([, image, hoursAgo]) => [image, hoursAgo / 24]));
  const images = [...[...last].map(([name, usedDaysAgo]): Row => ({ name, usedDaysAgo })), ...rows];
  const policy = { order, unusedForMs: null, danglingUnusedForMs: null, protect: { keepLast: 0 } };
  const input = planInput({ images, policy, input: { freeBytes: bytes(megabytes * 1_000_000), habits: habitsOf(learn(uses)) } });
  return planCollection(input).removals.map((removal) => removal.imageId);
}

describe('reuseRateOn()', () => {
  test('falls with age where nothing was learned, so that the order is that of lru', () => {
    const rates = [1, 60, 3_600, 86_400, 864_000, 8_640_000].map((seconds) => reuseRateOn(NO_HABITS.host)(undefined, seconds * 1_000));
    assert.deepEqual(
      rates,
      rates.toSorted((one, other) => other - one),
    );
    assert.ok(rates.every((rate) => rate > 0));
  });

  test('is a number above 0 for any habit and age', () => {
    const learner = learn([...every(2, 'often', 1), ...every(700, 'seldom', 30), ['app', 'old', 60], ['app', 'new', 50]]);
    for (const image of ['often', 'seldom', 'old', 'new', 'unknown']) {
      for (const ageMs of [0, 1, 85_000, HOUR_MS, 30 * DAY_MS, 10_000 * DAY_MS]) {
        const rate = reuseRateOn(learner.host)(learner.standings.get(image), ageMs);
        assert.ok(rate > 0 && Number.isFinite(rate), `${image} ${ageMs}: ${rate}`);
      }
    }
  });

  test('rises when the next use draws near', () => {
    const learner = learn(every(24, 'daily', 1));
    const standing = learner.standings.get('daily');
    const rateOf = reuseRateOn(learner.host);
    assert.ok(rateOf(standing, 20 * HOUR_MS) > rateOf(standing, HOUR_MS));
  });
});

describe('a plan by next-use', () => {
  test('keeps what is due soon rather than what was used last', () => {
    const uses = [...every(24, 'daily', 22), ...every(24 * 7, 'weekly', 2)];
    assert.deepEqual(removedFor(10, uses, 'next-use'), ['weekly']);
    assert.deepEqual(removedFor(10, uses, 'lru'), ['daily']);
  });

  test('takes what a newer version replaced before anything that is in use now and then', () => {
    const uses: readonly Use[] = [
      ...every(24 * 3, 'seldom', 40),
      ...[400, 300, 200, 30].map((ago) => ['app', 'old', ago] as const),
      ['app', 'new', 25],
    ];
    assert.deepEqual(removedFor(10, uses, 'next-use'), ['old']);
    assert.deepEqual(removedFor(10, uses, 'lru'), ['seldom']);
  });

  test('says of each removal what was learned, for a person', () => {
    const uses: readonly Use[] = [...[238, 236, 234, 232, 216].map((ago) => ['app', 'old', ago] as const), ['app', 'new', 192]];
    const input = planInput({
      images: [
        { name: 'old', usedDaysAgo: 9 },
        { name: 'new', usedDaysAgo: 8 },
      ],
      policy: { order: 'next-use', protect: { keepLast: 0 } },
      input: { habits: habitsOf(learn(uses)) },
    });
    const details = planCollection(input).verdicts.map(({ detail }) => detail);
    assert.deepEqual(details, [
      'last used 9 d ago; usually every 2 h; newer version in use for 8 d',
      'last used 8 d ago; usually every 2 h',
    ]);
    assert.equal(explainHabit(undefined, NOW_MS), '');
  });

  test('does as lru does where nothing was learned', () => {
    const rows = [4, 9, 2, 6].map((days): Row => ({ name: `unused${days}`, usedDaysAgo: days }));
    assert.deepEqual(removedFor(30, [], 'next-use', rows), removedFor(30, [], 'lru', rows));
    assert.deepEqual(removedFor(30, [], 'next-use', rows), ['unused9', 'unused6', 'unused4']);
  });
});
