import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KEY, useOf } from '../../test/contract/store-directory.ts';
import { at, clockAt, recordOf } from '../../test/contract/store-values.ts';
import { imageId } from '../model/brands.ts';
import { openMemoryStore } from './open-sqlite-store.ts';
import { REMOVALS_MAX, USES_MAX } from './sqlite-store.ts';

test('writeUsage() writes as many records as there are, whatever their number', () => {
  for (const count of [0, 1, 15, 16, 17, 32, 33]) {
    using store = openMemoryStore();
    const records = Array.from({ length: count }, (_, index) => recordOf(`image${index}`, index));
    store.writeUsage(KEY, { records, forgotten: [], lineages: [], uses: [] }, null);
    assert.deepEqual(store.readUsage(KEY).records, new Map(records.map((record) => [record.imageId, record])), `${count}`);
  }
});

describe('history', () => {
  test('keeps a bounded number of uses, the newest', () => {
    using store = openMemoryStore();
    const uses = Array.from({ length: USES_MAX + 1 }, (_, index) => useOf('a', index * 60_000));
    store.writeUsage(KEY, { records: [], forgotten: [], lineages: [], uses }, clockAt(1));
    const kept = store.readUses(KEY, USES_MAX * 2);
    assert.equal(kept.length, USES_MAX * 0.9 + 1);
    assert.equal(kept[0]?.at.idleMs, USES_MAX * 60_000);
  });

  test('keeps a bounded number of removals, the newest', () => {
    using store = openMemoryStore();
    const entries = Array.from({ length: REMOVALS_MAX + 3 }, (_, index) => {
      const intent = {
        imageId: imageId(`${index}`),
        references: [],
        digests: [],
        rule: 'disk',
        freesBytes: null,
        mark: '',
        at: at(index),
      } as const;
      return { ...intent, outcome: 'removed', message: '' } as const;
    });
    store.finishRemovals(KEY, entries, []);
    const kept = store.readRemovals(KEY, REMOVALS_MAX * 2);
    assert.equal(kept.length, REMOVALS_MAX);
    assert.equal(kept[0]?.imageId, `${REMOVALS_MAX + 2}`);
  });
});
