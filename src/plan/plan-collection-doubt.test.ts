import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MB, planInput } from '../../test/worlds/world.ts';
import { bytes } from '../model/brands.ts';
import { planCollection } from './plan-collection.ts';

describe('planCollection() in doubt', () => {
  it('removes nothing while a pin cannot be read, and names it', () => {
    const pin = { pattern: 'NOT A NAME', owner: 'ann', reason: 'demo', until: null };
    const { removals, refusal } = planCollection(planInput({ images: [{ name: 'a' }], input: { pins: [pin] } }));
    assert.deepEqual([removals, refusal?.kind], [[], 'protected-unknown']);
    assert.match(refusal?.message ?? '', /the pin NOT A NAME of ann/);
  });

  it('takes no more than the known bytes of an image need, and then says that the target is reached', () => {
    const images = [
      { name: 'partly-known', layers: ['known', 'unknown'], usedDaysAgo: 3 },
      { name: 'spared', layers: ['other'], usedDaysAgo: 2 },
    ];
    const made = planCollection(planInput({ images, layerMB: { unknown: null }, input: { freeBytes: bytes(10 * MB) } }));
    assert.deepEqual(
      [made.removals.map(({ imageId, freesBytes }) => [imageId, freesBytes]), made.target?.reached],
      [[['partly-known', null]], true],
    );
    assert.equal(made.complete, false);
  });
});
