import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plan, removed } from '../../test/worlds/planned.ts';
import { DAY_MS, daysAgo, MB, now, type WorldRows } from '../../test/worlds/world.ts';
import { bytes, durationMs } from '../model/brands.ts';
import { hasWork } from './build-cache.ts';
import { explainShortfall } from './shortfall.ts';

/** 90 MB of 100 used: two images, 50 MB of build cache, the rest others'. */
const WORLD: WorldRows = {
  images: [
    { name: 'a', usedDaysAgo: 5 },
    { name: 'b', usedDaysAgo: 4 },
  ],
  inventory: {
    disk: { capacityBytes: bytes(100 * MB), usedBytes: bytes(90 * MB), availableBytes: bytes(10 * MB), inodes: null, inodesUsed: null },
    buildCache: {
      layers: [],
      sizeBytes: bytes(50 * MB),
      unused: [
        { sizeBytes: bytes(20 * MB), lastUsedAt: daysAgo(7).wallMs },
        { sizeBytes: bytes(5 * MB), lastUsedAt: daysAgo(6).wallMs },
        { sizeBytes: bytes(6 * MB), lastUsedAt: null },
      ],
    },
  },
};
const WEEK = { buildCacheUnusedForMs: durationMs(7 * DAY_MS) };

describe('a plan with a build cache', () => {
  it('prunes what was not used for so long, and takes that off what images have to free', () => {
    const made = plan({ ...WORLD, policy: { ...WEEK, disk: { highFraction: 0.65 } } });
    assert.deepEqual(made.buildCache, { sizeBytes: 50 * MB, prunedBytes: 20 * MB });
    assert.deepEqual([removed(made), made.target], [['a'], { bytes: 5 * MB + 1, images: 0, reached: true }]);
    assert.deepEqual(removed(plan({ ...WORLD, policy: { disk: { highFraction: 0.65 } } })), ['a', 'b']);
  });

  it('removes no image where the cache alone makes the room, also for --free', () => {
    for (const made of [
      plan({ ...WORLD, policy: { ...WEEK, disk: { highFraction: 0.75 } } }),
      plan({ ...WORLD, policy: WEEK, input: { freeBytes: bytes(20 * MB) } }),
    ]) {
      assert.deepEqual([removed(made), made.target?.bytes ?? 0, hasWork(made)], [[], 0, true]);
    }
  });

  it('takes nothing of the cache off what the bytes of images exceed', () => {
    const made = plan({ ...WORLD, policy: { ...WEEK, disk: { maxImageBytes: bytes(10 * MB) } } });
    assert.deepEqual(removed(made), ['a']);
  });

  it('prunes nothing while the wall clock cannot be trusted, without the rule, and in a plan that refuses', () => {
    const untrusted = { ...WORLD, input: { now: { ...now, isWallTrusted: false } }, policy: WEEK };
    const refused = { ...WORLD, policy: WEEK, input: { doubts: [{ kind: 'clock-unknown', message: 'no' } as const] } };
    for (const made of [plan(untrusted), plan(WORLD), plan(refused)]) {
      assert.deepEqual([made.buildCache?.prunedBytes ?? 0, hasWork(made)], [0, false]);
    }
  });

  it('names the build cache and other data among those who hold the bytes', () => {
    const made = plan({ ...WORLD, policy: { disk: { highFraction: 0.1 } }, containers: [{ of: 'a' }] });
    assert.equal(
      explainShortfall(made),
      '80.0 MB wanted, 10.0 MB possible: 10.0 MB held by containers, 50.0 MB build cache, 20.0 MB other data on this disk',
    );
  });
});
