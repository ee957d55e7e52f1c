import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { at, clockAt } from '../../test/contract/store-values.ts';
import { imageId } from '../model/brands.ts';
import { NO_HABITS, versionKey } from '../model/use-habits.ts';
import { openMemoryStore } from '../store/open-sqlite-store.ts';
import type { Store } from '../store/store.ts';
import { learnHabits } from './learn-habits.ts';

const KEY = 'engine/store';
const MINUTE_MS = 60_000;

function record(store: Store, uses: readonly (readonly [image: string, reference: string, minute: number])[]): void {
  const entries = uses.map(([image, reference, minute]) => {
    return {
      imageId: imageId(image),
      references: reference === '' ? [] : [reference],
      evidence: 'container' as const,
      at: at(minute * MINUTE_MS),
    };
  });
  store.writeUsage(KEY, { records: [], forgotten: [], lineages: [], uses: entries }, clockAt(1));
}

describe('learnHabits()', () => {
  test('learns from whole minutes, each use once, whoever recorded it', () => {
    using store = openMemoryStore();
    record(store, [
      ['one', 'docker.io/lab/app:1.0', 0],
      ['two', 'docker.io/lab/app:1.1', 60],
      ['two', 'docker.io/lab/app:1.1', 61],
    ]);
    const early = learnHabits(store, KEY, at(61 * MINUTE_MS + 5), true);
    assert.deepEqual([early.learnedMinute, early.host.uses], [60, NO_HABITS.host.uses + 1]);
    const late = learnHabits(store, KEY, at(63 * MINUTE_MS), true);
    assert.equal(late.host.uses, NO_HABITS.host.uses + 2);
    const habit = late.lineages.get('docker.io/lab/app:#.#') ?? assert.fail();
    assert.equal(habit.headKey, versionKey(imageId('two')));
    assert.deepEqual(learnHabits(store, KEY, at(99 * MINUTE_MS), true), store.readHabits(KEY));
    assert.equal(store.readHabits(KEY).host.uses, late.host.uses);
  });

  test('keeps nothing where the store is only read', () => {
    using store = openMemoryStore();
    record(store, [['one', 'docker.io/lab/app:1.0', 0]]);
    assert.equal(learnHabits(store, KEY, at(5 * MINUTE_MS), false).lineages.size, 1);
    assert.deepEqual(store.readHabits(KEY), NO_HABITS);
  });

  test('learns nothing from an image that had no name when it was used', () => {
    using store = openMemoryStore();
    record(store, [['one', '', 0]]);
    assert.equal(learnHabits(store, KEY, at(5 * MINUTE_MS), true).lineages.size, 0);
  });
});
