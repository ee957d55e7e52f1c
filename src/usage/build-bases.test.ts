import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeImage, type Row } from '../../test/worlds/world.ts';
import { chainId, imageId } from '../model/brands.ts';
import { findBuildBases } from './build-bases.ts';

const BUILT = { origin: null } as const;

function bases(images: readonly Row[], ...fresh: readonly string[]): readonly string[] {
  const chains = new Map(images.map(({ name, layers = [] }) => [imageId(name), layers.map(chainId)]));
  const listed = images.map(makeImage);
  return [
    ...findBuildBases(
      listed,
      ({ id }) => fresh.includes(id),
      (id) => chains.get(id),
    ),
  ];
}

describe('findBuildBases()', () => {
  const base: Row = { name: 'base', layers: ['1', '2'] };
  const child: Row = { name: 'child', layers: ['1', '2', '3'], image: BUILT };

  it('finds the image whose whole chain a new one begins with, and what that one was built on', () => {
    assert.deepEqual(bases([base, child], 'child'), ['base']);
    assert.deepEqual(bases([{ name: 'root', layers: ['1'] }, base, child], 'child').toSorted(), ['base', 'root']);
  });

  it('finds a twin of the base too: nothing tells which of them it was', () => {
    assert.deepEqual(bases([base, { name: 'twin', layers: ['1', '2'] }, child], 'child').toSorted(), ['base', 'twin']);
  });

  it('does not take an image for a base that shares some layers only, nor the new image itself', () => {
    assert.deepEqual(bases([{ name: 'cousin', layers: ['1', '2', '9'] }, child], 'child'), []);
    assert.deepEqual(bases([child], 'child'), []);
  });

  it('asks only new images, and only those that no registry gave', () => {
    assert.deepEqual(bases([base, child]), []);
    assert.deepEqual(bases([base, { ...child, image: { origin: 'pulled' } }], 'child'), []);
  });

  it('passes over images whose layers are unknown', () => {
    assert.deepEqual(bases([{ name: 'unknown' }, { name: 'new', image: BUILT }], 'new'), []);
  });
});
