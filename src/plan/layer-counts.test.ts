import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeInventory } from '../../test/worlds/world.ts';
import { countLayerNeeds } from './layer-counts.ts';

const TWO = makeInventory({
  images: [
    { name: 'a', layers: ['base', 'base', 'own'] },
    { name: 'b', layers: ['base', 'unlisted'] },
  ],
});

describe('countLayerNeeds()', () => {
  it('counts a layer that an image lists twice as one need, and one that is not listed as unknown', () => {
    const layers = new Map([...TWO.layers].filter(([key]) => key !== 'unlisted'));
    const counts = countLayerNeeds({ ...TWO, layers });
    assert.deepEqual([counts.hasUnknownSizes, counts.totalBytes], [true, 20_000_000]);
    assert.deepEqual(counts.remove(0), { bytes: 10_000_000, isExact: true });
    assert.deepEqual(counts.remove(1), { bytes: 10_000_000, isExact: false });
  });

  it('refuses layers of which two have one place, because they would be counted as one', () => {
    const layers = new Map([...TWO.layers].map(([key, layer]) => [key, { ...layer, place: 0 }]));
    assert.throws(() => countLayerNeeds({ ...TWO, layers }), RangeError);
  });
});
