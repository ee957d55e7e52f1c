import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { idleMs, imageId } from '../model/brands.ts';
import { NO_HABITS } from '../model/use-habits.ts';
import { gapBucket, usualGapMs } from './gap-buckets.ts';
import { HabitLearner } from './habit-learner.ts';

const HOUR_MS = 3_600_000;

function learn(uses: readonly (readonly [lineage: string, image: string, hours: number])[]): HabitLearner {
  const learner = new HabitLearner(NO_HABITS);
  for (const [lineage, image, hours] of uses) learner.use(lineage, imageId(image), idleMs(hours * HOUR_MS));
  return learner;
}

describe('gapBucket()', () => {
  test('counts in half octaves from a minute on, and in one bucket all that is shorter', () => {
    assert.deepEqual([0, 59_999, 84_000, 85_000, 120_000, 2 * HOUR_MS].map(gapBucket), [0, 0, 0, 1, 2, 13]);
    assert.equal(gapBucket(Number.MAX_SAFE_INTEGER), 39);
  });

  test('leads to the usual gap where there are enough of them to say so', () => {
    for (const hours of [1, 2, 6, 24, 72, 168]) {
      const { changed } = learn([0, 1, 2, 3].map((times) => ['app', 'a', times * hours] as const));
      assert.equal(usualGapMs(changed[0]?.gaps ?? []), hours * HOUR_MS);
    }
    assert.equal(usualGapMs([2]), null);
  });
});

describe('HabitLearner', () => {
  test('takes the image that a lineage used last for its newest, and the one before for superseded since', () => {
    const { standings, host } = learn([
      ['app', 'one', 0],
      ['app', 'two', 5],
    ]);
    assert.equal(standings.get('one')?.supersededMs, 5 * HOUR_MS);
    assert.equal(standings.get('two')?.supersededMs, null);
    assert.deepEqual([host.superseded, host.returned], [NO_HABITS.host.superseded + 1, NO_HABITS.host.returned]);
  });

  test('learns from a rollback that versions come back', () => {
    const { standings, host } = learn([
      ['app', 'one', 0],
      ['app', 'two', 5],
      ['app', 'one', 6],
    ]);
    assert.equal(standings.get('one')?.supersededMs, null);
    assert.equal(standings.get('two')?.supersededMs, 6 * HOUR_MS);
    assert.equal(host.returned, NO_HABITS.host.returned + 1);
  });

  test('takes an image that another lineage used since for one of that lineage', () => {
    const { standings } = learn([
      ['app:1', 'shared', 0],
      ['app:latest', 'shared', 1],
      ['app:1', 'next', 2],
    ]);
    assert.deepEqual([standings.get('shared')?.habit.name, standings.get('shared')?.supersededMs], ['app:latest', null]);
  });

  test('forgets slowly: its counts stay below what they are halved at', () => {
    const { changed } = learn(Array.from({ length: 500 }, (_, at) => ['app', 'a', at] as const));
    const [habit] = changed;
    assert.ok((habit?.gaps ?? []).reduce((sum, count) => sum + count, 0) <= 40);
    assert.ok((habit?.uses ?? 99) <= 50);
  });

  test('goes on from what was kept as if it had never stopped', () => {
    const use = fc.tuple(fc.constantFrom('app', 'web'), fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 50 }));
    fc.assert(
      fc.property(fc.array(use, { maxLength: 40 }), fc.nat(40), (steps, cut) => {
        let hours = 0;
        const uses = steps.map(([lineage, image, gap]) => {
          hours += gap;
          return [lineage, image, hours] as const;
        });
        const whole = learn(uses);
        const first = learn(uses.slice(0, cut));
        const kept = new Map(first.changed.map((habit) => [habit.name, habit]));
        const second = new HabitLearner({ host: first.host, lineages: kept, learnedMinute: 0 });
        for (const [lineage, image, at] of uses.slice(cut)) second.use(lineage, imageId(image), idleMs(at * HOUR_MS));
        assert.deepEqual(second.host, whole.host);
        const untouched = first.changed.filter(({ name }) => !second.changed.some((habit) => habit.name === name));
        const all = new Map([...untouched, ...second.changed].map((habit) => [habit.name, habit]));
        const { standings } = new HabitLearner({ host: second.host, lineages: all, learnedMinute: 0 });
        for (const [key, { supersededMs }] of whole.standings) assert.equal(standings.get(key)?.supersededMs, supersededMs, key);
      }),
    );
  });
});
