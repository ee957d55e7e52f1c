import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeInventory, type WorldRows } from '../../../test/worlds/world.ts';
import { describeExited } from './exited-containers.ts';

const IMAGES: WorldRows['images'] = [
  { name: 'both', layers: ['base', 'both'] },
  { name: 'exited', layers: ['base', 'exited'] },
  { name: 'unused', layers: ['other'] },
];

test('describeExited() names exited containers, and the bytes of images that they alone hold', () => {
  const containers = [
    { of: 'both', state: 'running', name: 'web' },
    { of: 'both', name: 'old-web' },
    { of: 'exited', name: 'job' },
    { of: 'exited', name: 'job2', state: 'dead' },
  ];
  assert.equal(describeExited(makeInventory({ images: IMAGES, containers })), '2 exited containers hold 10.0 MB of images: job, job2.');
});

test('describeExited() says nothing where none holds an image alone, and counts those it does not name', () => {
  assert.equal(describeExited(makeInventory({ images: IMAGES, containers: [{ of: 'both', state: 'created' }] })), '');
  const many = makeInventory({ images: IMAGES, containers: Array.from({ length: 5 }, () => ({ of: 'exited' })) });
  assert.equal(describeExited(many), '5 exited containers hold 10.0 MB of images: container0, container1, container2 and 2 more.');
});
