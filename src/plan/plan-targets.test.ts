import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plan, removed, verdict } from '../../test/worlds/planned.ts';
import { MB, makeInventory, planInput, type WorldRows } from '../../test/worlds/world.ts';
import { bytes } from '../model/brands.ts';
import { planCollection } from './plan-collection.ts';

describe('planCollection() and bytes', () => {
  const shared: WorldRows = {
    images: [
      { name: 'a', layers: ['base', 'a'], usedDaysAgo: 12 },
      { name: 'b', layers: ['base', 'b'], usedDaysAgo: 11 },
      { name: 'kept', layers: ['other'], usedDaysAgo: 0.5 },
    ],
    layerMB: { base: 100 },
  };

  it('counts a shared layer once, for the removal that takes its last need away', () => {
    const made = plan(shared);
    assert.deepEqual(
      made.removals.map(({ freesBytes }) => freesBytes),
      [10 * MB, 110 * MB],
    );
    assert.equal(made.expectedFreedBytes, 120 * MB);
  });

  it('frees nothing of a layer that the build cache needs', () => {
    const inventory = {
      buildCache: { layers: planInput(shared).inventory.images[0]?.layers?.slice(0, 1) ?? [], sizeBytes: null, unused: [] },
    };
    assert.equal(plan({ ...shared, inventory }).expectedFreedBytes, 20 * MB);
  });

  it('says null and incomplete for an unknown layer, and counts it 0', () => {
    const made = plan({ ...shared, layerMB: { base: null } });
    assert.deepEqual(
      made.removals.map(({ freesBytes }) => freesBytes),
      [10 * MB, null],
    );
    assert.deepEqual([made.expectedFreedBytes, made.complete], [10 * MB, false]);
  });

  it('counts the size of an image without layers as a layer of its own', () => {
    const made = plan({ images: [{ name: 'a', image: { layers: null, sizeBytes: bytes(7) } }] });
    assert.equal(made.expectedFreedBytes, 7);
  });

  it('counts a chain that an image lists twice once', () => {
    assert.equal(plan({ images: [{ name: 'a', layers: ['x', 'x'] }] }).expectedFreedBytes, 10 * MB);
  });
});

describe('planCollection() and targets', () => {
  const images: WorldRows['images'] = [
    { name: 'a', layers: ['a'], usedDaysAgo: 5 },
    { name: 'b', layers: ['b'], usedDaysAgo: 4 },
    { name: 'c', layers: ['c'], usedDaysAgo: 3 },
  ];
  const layerMB = { a: 10, b: 20, c: 30 };

  it('frees just what --free asks for, and puts back what proved unnecessary', () => {
    const made = plan({ images, layerMB, input: { freeBytes: bytes(25 * MB) } });
    assert.deepEqual([removed(made), made.expectedFreedBytes], [['a', 'b'], 30 * MB]);
    const spared = plan({ images, layerMB: { a: 10, b: 30, c: 5 }, input: { freeBytes: bytes(25 * MB) } });
    assert.deepEqual([removed(spared), spared.removals[0]?.rule], [['b'], 'free']);
    assert.equal(verdict(spared, 'a'), 'keep recently-used');
  });

  it('lets age removals count towards the bytes asked for', () => {
    const made = plan({
      images: [...images, { name: 'old', layers: ['old'], usedDaysAgo: 9 }],
      layerMB: { ...layerMB, old: 30 },
      input: { freeBytes: bytes(25 * MB) },
    });
    assert.deepEqual(removed(made), ['old']);
  });

  it('out of reach: takes all that frees bytes, misses, and says who holds the rest', () => {
    const made = plan({
      images: [...images, { name: 'same', layers: ['held'], usedDaysAgo: 6 }, { name: 'used', layers: ['held', 'mine'], usedDaysAgo: 0.5 }],
      layerMB: { ...layerMB, held: 40, mine: 5 },
      containers: [{ of: 'used' }],
      input: { freeBytes: bytes(999 * MB) },
    });
    assert.deepEqual([removed(made), made.target?.reached], [['a', 'b', 'c'], false]);
    assert.deepEqual(made.held, [{ reason: 'in-use', bytes: 45 * MB }]);
  });

  const disk = (used: number, available: number) => ({
    disk: {
      capacityBytes: bytes((used + available) * MB),
      usedBytes: bytes(used * MB),
      availableBytes: bytes(available * MB),
      inodes: null,
      inodesUsed: null,
    },
  });

  it('fires at usage equal to high and frees to low or less', () => {
    const policy = { disk: { highFraction: 0.85, lowFraction: 0.8 } };
    const made = plan({ images, layerMB, policy, inventory: disk(85, 15) });
    assert.deepEqual([made.target?.bytes, removed(made), made.removals[0]?.rule], [5 * MB, ['a'], 'disk']);
    assert.equal(plan({ images, layerMB, policy, inventory: disk(84, 16) }).target, null);
  });

  it('without low frees to just below high', () => {
    const made = plan({ images, layerMB, policy: { disk: { highFraction: 0.85 } }, inventory: disk(85, 15) });
    assert.equal(made.target?.bytes, 1);
  });

  it('lets the strictest of several targets win', () => {
    const policy = { disk: { highFraction: 0.85, lowFraction: 0.8, minFreeBytes: bytes(40 * MB), maxImageBytes: bytes(50 * MB) } };
    assert.equal(plan({ images, layerMB, policy, inventory: disk(85, 15) }).target?.bytes, 25 * MB);
  });

  it('fires nothing that needs figures where the filesystem is unknown', () => {
    assert.equal(plan({ images, layerMB, policy: { disk: { highFraction: 0.01, minFreeBytes: bytes(999 * MB) } } }).target, null);
  });

  it('keeps max_images images, the last used', () => {
    const made = plan({ images, layerMB, policy: { disk: { maxImages: 1 } } });
    assert.deepEqual([removed(made), made.target?.reached], [['a', 'b'], true]);
  });

  it('estimates inodes by the average of the filesystem', () => {
    const inventory = { disk: { ...disk(50, 50).disk, inodes: 1000, inodesUsed: 950 } };
    const made = plan({ images, layerMB, policy: { disk: { highInodesFraction: 0.9, lowInodesFraction: 0.9 } }, inventory });
    assert.equal(made.target?.bytes, Math.ceil((50 * 50 * MB) / 950));
  });

  it('leaves the disk rule aside when --free is given', () => {
    const made = plan({ images, layerMB, policy: { disk: { maxImages: 1 } }, input: { freeBytes: bytes(1) } });
    assert.deepEqual(removed(made), ['a']);
  });

  it('is decided by the inventory it is given and nothing else', () => {
    const input = planInput({ images, layerMB, input: { freeBytes: bytes(25 * MB) } });
    assert.deepEqual(planCollection(input), planCollection({ ...input, inventory: makeInventory({ images, layerMB }) }));
  });
});
