import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planInput, type WorldRows } from '../../test/worlds/world.ts';
import { holdPreviousVersions } from './rollback.ts';

function held(images: WorldRows['images'], keepLast = 1): readonly string[] {
  const input = planInput({ images, policy: { protect: { keepLast } } });
  const { inventory, lineages, policy, now } = input;
  const records = inventory.images.map(({ id }) => input.records.get(id));
  return [...holdPreviousVersions({ images: inventory.images, records, lineages }, policy, now).keys()];
}

const version = (name: string, usedDaysAgo: number, ...tags: readonly string[]): WorldRows['images'][number] => {
  return { name, usedDaysAgo, seenDaysAgo: usedDaysAgo, references: tags.map((tag) => `docker.io/lab/app:${tag}`) };
};

describe('holdPreviousVersions()', () => {
  it('counts an image with two tags of one stream as one version, as head and as predecessor', () => {
    assert.deepEqual(held([version('v3', 1, '3.0', '3.1'), version('v2', 5, '2.0')]), ['v2']);
    assert.deepEqual(held([version('v3', 1, '3.0'), version('v2', 5, '2.0', '2.1'), version('v1', 9, '1.0')], 2), ['v2', 'v1']);
  });

  it('keeps as many as keep_last says, the last used first', () => {
    const versions = [version('v1', 9, '1'), version('v3', 1, '3'), version('v2', 5, '2')];
    assert.deepEqual(
      [held(versions, 0), held(versions, 1), held(versions, 2), held(versions, Number.MAX_SAFE_INTEGER)],
      [[], ['v2'], ['v2', 'v1'], ['v2', 'v1']],
    );
  });

  it('holds nothing of a stream with one version', () => {
    assert.deepEqual(held([version('v1', 1, '1', '2', '3'), version('other', 2, 'latest')]), []);
  });
});
