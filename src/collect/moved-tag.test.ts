import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addImage, age, type CollectWorld, collect, collectWorld, digestOf, outcomesOf } from '../../test/worlds/collect-world.ts';
import { DAY_MS, NOW_MS } from '../../test/worlds/world.ts';
import { type ImageId, wallMs } from '../model/brands.ts';
import type { StoredPin } from '../model/use-record.ts';
import type { MemoryCall } from '../runtime/memory/memory-engine.ts';
import { EventReader } from '../usage/event-uses.ts';

const NAME = 'docker.io/lab/app:1';
const PIN: StoredPin = { pattern: 'lab/app', owner: 'ann', reason: 'demo', until: null, createdAt: wallMs(NOW_MS) };

/** Builds a new version under the same tag, at a call of the collection that is to remove the old one. */
async function rebuiltAt(
  kind: MemoryCall['kind'],
  phase: 'before' | 'after',
): Promise<{ world: CollectWorld; old: ImageId; made: () => ImageId }> {
  const world = collectWorld();
  const old = addImage(world, 'app', [NAME]);
  await age(world);
  const made: ImageId[] = [];
  world.engine.onCall = (call, at) => {
    if (made.length === 0 && call.kind === kind && at === phase) made.push(addImage(world, 'app-new', [NAME]));
  };
  return { world, old, made: () => made[0] ?? assert.fail(`there was no ${kind}`) };
}

describe('a tag that is moved to a new image while its old one is being removed', () => {
  it('stays where it is when it was moved before it is asked for, and so do both images', async () => {
    const { world, old, made } = await rebuiltAt('addName', 'after');
    assert.deepEqual(outcomesOf(await collect(world)), { [NAME]: 'changed' });
    assert.equal(world.engine.names.get(NAME), made());
    assert.deepEqual([...world.engine.images.keys()], [old, made()]);
  });

  it('costs neither image when it is moved while names are given back', async () => {
    const world = collectWorld();
    const old = addImage(world, 'app', [NAME]);
    await age(world);
    let made: ImageId | null = null;
    world.engine.onCall = ({ kind, subject }, phase) => {
      // Pinned once its tag is off, so that it is given back.
      if (kind === 'removeName' && phase === 'after') world.store.putPin(PIN);
      if (kind === 'resolveName' && phase === 'before' && subject.includes('imagegc.hold')) made ??= addImage(world, 'app-new', [NAME]);
    };
    assert.deepEqual(outcomesOf(await collect(world)), { [NAME]: 'changed' });
    assert.deepEqual([...world.engine.images.keys()], [old, made]);
    assert.deepEqual([...world.engine.names], [[NAME, made]]);
  });

  it('takes the new image along within one call, and that is told as a failure', async () => {
    const { world, made } = await rebuiltAt('removeName', 'before');
    const { results } = await collect(world);
    assert.equal(world.engine.images.has(made()), false);
    const [{ outcome } = { outcome: null }] = results;
    assert.match(`${outcome?.kind}: ${outcome?.message}`, /^failed: docker\.io\/lab\/app:1 was moved at this very moment/);
  });
});

describe('an image that has a digest alone', () => {
  it('stays when it gains a tag right before it is removed; that its digest is lost is told as a failure', async () => {
    const digest = `docker.io/lab/app@${digestOf('a')}`;
    const world = collectWorld();
    const id = addImage(world, 'app', [], [digest]);
    await age(world);
    world.engine.onCall = ({ kind }, phase) => {
      if (kind === 'removeName' && phase === 'before') world.engine.tag(id, NAME);
    };
    const [{ outcome } = { outcome: null }] = (await collect(world)).results;
    assert.match(
      `${outcome?.kind}: ${outcome?.message}`,
      /^failed: it gained the name docker\.io\/lab\/app:1; could not give back .*@sha256:/,
    );
    assert.deepEqual([...world.engine.names], [[NAME, id]]);
  });
});

describe('an image that is given a tag while its last names go', () => {
  const several = [NAME, 'docker.io/team/app:1', 'docker.io/team/app:2'];
  for (const [given, names, digests] of [
    [NAME, several, []],
    ['docker.io/lab/own:1', several, []],
    ['docker.io/lab/own:1', [NAME], [`docker.io/team/app@${digestOf('app')}`]],
  ] as const) {
    it(`is used by who gave ${given}, and not by us who give it ${[...names, ...digests].length} others back`, async () => {
      const world = collectWorld();
      const id = addImage(world, 'app', names, digests);
      await age(world);
      const reader = new EventReader();
      const used: (string | null)[] = [];
      using _listening = world.engine.events.listen((told) => {
        if (told !== null) used.push(...reader.read(told.event).map(({ reference }) => reference));
      });
      world.engine.onCall = ({ kind, subject }, phase) => {
        // Its hold went before: the last to go says that all do.
        if (kind === 'removeName' && subject.includes('imagegc.drop') && phase === 'before') world.engine.tag(id, given);
      };
      // A digest cannot be given back.
      assert.deepEqual(outcomesOf(await collect(world)), { [NAME]: digests.length === 0 ? 'changed' : 'failed' });
      assert.deepEqual(used, [given]);
      assert.deepEqual(world.engine.namesOf(id).toSorted(), [...new Set([...names, given])].toSorted());
    });
  }

  for (const names of [[NAME], [NAME, 'docker.io/team/app:1']]) {
    it(`is used by who gave it one of its own ${names.length} while it is held, as the run itself records: the next one keeps it`, async () => {
      const world = collectWorld();
      const id = addImage(world, 'app', names);
      await age(world);
      let isGiven = false;
      world.engine.onCall = ({ kind, subject }, phase) => {
        if (isGiven || kind !== 'removeName' || !subject.includes('imagegc.hold') || phase !== 'before') return;
        isGiven = true;
        world.engine.tag(id, NAME);
      };
      assert.deepEqual(outcomesOf(await collect(world)), { [NAME]: 'changed' });
      const [record] = world.store.readRecords('memory-engine/memory', [id]).values();
      assert.equal(record?.lastUsed?.idleMs, world.day * DAY_MS);
      assert.deepEqual((await collect(world)).results, []);
      assert.deepEqual(world.engine.namesOf(id).toSorted(), names);
    });
  }
});
