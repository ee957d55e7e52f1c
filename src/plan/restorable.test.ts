import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plan, removed } from '../../test/worlds/planned.ts';
import type { WorldRows } from '../../test/worlds/world.ts';
import { type ImageId, imageId } from '../model/brands.ts';
import type { RegistryAnswer } from '../model/registry-answer.ts';

const digestOf = (name: string): string => `registry.example/${name}@sha256:${'a'.repeat(64)}`;
const row = (name: string, image: WorldRows['images'][number] = { name }): WorldRows['images'][number] => ({
  digests: [digestOf(name)],
  ...image,
});

const WORLD: WorldRows = {
  images: [
    row('yes'),
    row('no'),
    row('unasked'),
    row('nameless', { name: 'nameless', references: [], digests: [] }),
    row('tagged', { name: 'tagged', digests: [] }),
    row('built', { name: 'built', image: { origin: 'local' } }),
    row('unknown', { name: 'unknown', image: { origin: null } }),
    row('pinned', { name: 'pinned', image: { pinned: true } }),
    row('fresh', { name: 'fresh', usedDaysAgo: 1 }),
  ],
  policy: { protect: { restorable: 'check' } },
};
const NO: RegistryAnswer = { kind: 'absent', detail: 'registry.example does not have it by that digest (404)' };
const YES: RegistryAnswer = { kind: 'present' };
const ANSWERS = new Map<ImageId, RegistryAnswer>(['no', 'pinned'].map((name) => [imageId(name), NO]));

describe('with restorable = "check"', () => {
  const made = plan({ ...WORLD, input: { registryAnswers: new Map<ImageId, RegistryAnswer>([...ANSWERS, [imageId('yes'), YES]]) } });
  const reasons = Object.fromEntries(made.verdicts.map(({ imageId: id, reason, detail }) => [id, `${reason}: ${detail}`]));

  it('what its registry does not have stays under every rule, and what it has goes', () => {
    assert.equal(reasons['no'], 'unrestorable: registry.example does not have it by that digest (404)');
    assert.ok(removed(made).includes('yes'));
    const pressed = plan({ ...WORLD, policy: { ...WORLD.policy, disk: { maxImages: 1 } }, input: { registryAnswers: ANSWERS } });
    assert.ok(!removed(pressed).includes('no'));
  });

  it('what has a tag and no digest cannot be asked about, and stays', () => {
    assert.equal(reasons['tagged'], 'unrestorable: it has no digest by which its registry could be asked for it');
  });

  it('what may have been pulled is asked about as well', () => {
    const answers = new Map([[imageId('unknown'), NO]]);
    assert.ok(removed(made).includes('unknown'));
    assert.ok(!removed(plan({ ...WORLD, input: { registryAnswers: answers } })).includes('unknown'));
  });

  it('what no name leads to, and what was not pulled, is no matter of a registry', () => {
    assert.deepEqual([removed(made).includes('nameless'), removed(made).includes('built')], [true, true]);
  });

  it('what stays anyway says why as ever', () => {
    assert.match(reasons['pinned'] ?? '', /^pinned:/);
    assert.match(reasons['fresh'] ?? '', /^recently-used:/);
  });

  it('is not among the bytes that protect.local would release', () => {
    const held = plan({ ...WORLD, policy: { protect: { restorable: 'check', local: 'last' } }, input: { registryAnswers: ANSWERS } });
    // What was built, and what may have been.
    assert.equal(held.heldByLocalBytes, 20_000_000);
  });

  it('nothing goes by which a registry would be asked, when nobody asks', () => {
    assert.deepEqual(removed(plan(WORLD)).toSorted(), ['built', 'nameless']);
  });
});
