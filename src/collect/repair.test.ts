import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addImage, age, type CollectWorld, collect, collectWorld, contextOf, digestOf } from '../../test/worlds/collect-world.ts';
import { DAY_MS, NOW_MS, POLICY, pattern } from '../../test/worlds/world.ts';
import { type ImageId, idleMs, imageId, wallMs } from '../model/brands.ts';
import type { Policy } from '../model/policy.ts';
import { openMemoryStore } from '../store/open-sqlite-store.ts';
import { prepareCollection } from './collection.ts';
import { storeKey } from './look.ts';

const NAMES = ['docker.io/lab/app:1', 'host:5000/x:1'];
const DIGEST = `docker.io/lab/app@${digestOf('app')}`;

class Killed extends Error {}

/** A collection was killed while the last names of its image were going, and the next one is about to begin. */
async function killedWhileReleasing(
  digests: readonly string[] = [],
  local: Policy['protect']['local'] = 'no',
): Promise<{ world: CollectWorld; id: ImageId }> {
  const world = collectWorld({ protect: { ...POLICY.protect, local } });
  const id = addImage(world, 'app', NAMES, digests);
  await age(world);
  let isKilled = false;
  world.engine.onCall = (call, phase) => {
    isKilled ||= phase === 'after' && call.kind === 'removeName' && call.subject.includes('app:imagegc.hold');
    if (isKilled) throw new Killed();
  };
  await assert.rejects(collect(world), Killed);
  world.engine.onCall = () => undefined;
  world.run = 'later';
  return { world, id };
}

describe('a removal that was interrupted while the last names were going', () => {
  it('is completed by the next run', async () => {
    const { world, id } = await killedWhileReleasing();
    await prepareCollection(contextOf(world));
    assert.equal(world.engine.images.has(id), false);
  });

  for (const [local, isStoreLost] of [
    ['last', false],
    ['last', true],
    ['keep', false],
  ] as const) {
    it(`is completed when its digest is gone already, with local "${local}", the store ${isStoreLost ? 'lost' : 'kept'}`, async () => {
      const { world, id } = await killedWhileReleasing([DIGEST], local);
      assert.equal(world.engine.namesOf(id).includes(DIGEST), false);
      if (isStoreLost) world.store = openMemoryStore();
      await prepareCollection(contextOf(world));
      assert.equal(world.engine.images.has(id), false);
    });
  }

  it('is undone when the image may have been made here, and such images are never removed', async () => {
    const { world, id } = await killedWhileReleasing([DIGEST], 'keep');
    world.store = openMemoryStore();
    await prepareCollection(contextOf(world));
    // Neither the store nor a hold tells of the other name any more.
    assert.deepEqual(world.engine.namesOf(id), [NAMES[1]]);
  });

  function noteUse(world: CollectWorld, id: ImageId, atMs: number): object {
    const key = storeKey(contextOf(world).runtime);
    const [record] = world.store.readRecords(key, [id]).values();
    const lastUsed = { idleMs: idleMs(atMs), wallMs: wallMs(NOW_MS + atMs) };
    const records = [{ ...(record ?? assert.fail()), lastUsed }];
    world.store.writeUsage(key, { records, forgotten: [], lineages: [], uses: [] }, null);
    return {};
  }

  const needs: Readonly<Record<string, (world: CollectWorld, id: ImageId) => Partial<ReturnType<typeof contextOf>>>> = {
    'was used since': (world, id) => {
      world.day += 1;
      return noteUse(world, id, world.day * DAY_MS);
    },
    // A daemon that was down is told later.
    'was used just before, as nobody knew then': (world, id) => noteUse(world, id, world.day * DAY_MS - 1),
    'was pinned since': (world) => {
      world.store.putPin({ pattern: 'lab/app', owner: 'ann', reason: 'demo', until: null, createdAt: wallMs(NOW_MS) });
      return {};
    },
    'is protected by now': ({ policy }) => ({
      policy: { ...policy, protect: { ...policy.protect, references: [pattern('host:5000/x')] } },
    }),
    'was built upon since': (world, id) => {
      const layers = world.engine.images.get(id)?.layers ?? [];
      assert.equal(layers.length, 2);
      const made: readonly (readonly [string, number])[] = [
        ['base', 1_000],
        ['app', 10],
        ['own', 1],
      ];
      world.engine.addImage({ layers: made, references: ['docker.io/lab/built:1'], by: 'build' });
      world.day += 1;
      return {};
    },
  };
  for (const [what, change] of Object.entries(needs)) {
    it(`is undone when the image ${what}`, async () => {
      const { world, id } = await killedWhileReleasing();
      await prepareCollection({ ...contextOf(world), ...change(world, id), readClock: contextOf(world).readClock });
      assert.deepEqual(world.engine.namesOf(id).toSorted(), NAMES);
    });
  }
});

/** An image is built upon while its last hold goes, and the run is killed after a call. */
async function killedWhileBuiltUpon(
  digests: readonly string[],
  last: 'removeName' | 'addName',
): Promise<{ world: CollectWorld; id: ImageId }> {
  const world = collectWorld();
  const id = addImage(world, 'app', ['docker.io/lab/app:1'], digests);
  await age(world);
  let isBuiltUpon = false;
  let isKilled = false;
  world.engine.onCall = ({ kind, subject }, phase) => {
    const isHold = kind === 'removeName' && subject.includes('imagegc.hold');
    if (isHold && phase === 'before') world.engine.addImage({ layers: [['child', 1]], parentId: id, by: 'build' });
    isBuiltUpon ||= isHold && phase === 'after';
    isKilled ||= isBuiltUpon && kind === last && phase === 'after';
    if (isKilled) throw new Killed();
  };
  await assert.rejects(collect(world), Killed);
  world.engine.onCall = () => undefined;
  world.run = 'later';
  return { world, id };
}

it('an image that was built upon, and lost its last hold before the run was killed, gets its tag back', async () => {
  const { world, id } = await killedWhileBuiltUpon([], 'removeName');
  assert.deepEqual(world.engine.namesOf(id), []);
  await prepareCollection(contextOf(world));
  assert.deepEqual(world.engine.namesOf(id), ['docker.io/lab/app:1']);
});

for (const last of ['removeName', 'addName'] as const) {
  it(`the next run tells of a digest that went with the last hold of an image that was built upon, when killed after ${last}`, async () => {
    const { world, id } = await killedWhileBuiltUpon([DIGEST], last);
    const { repairs } = await prepareCollection(contextOf(world));
    const restored = last === 'removeName' ? ['docker.io/lab/app:1'] : [];
    assert.deepEqual(repairs, [{ imageId: id, restored, missing: [DIGEST], isCompleted: false }]);
    assert.deepEqual(world.engine.namesOf(id), ['docker.io/lab/app:1']);
    assert.deepEqual((await prepareCollection(contextOf(world))).repairs, []);
  });
}

describe('an image that somebody gave another tag just as its last hold went', () => {
  const GAINED = 'docker.io/lab/own:1';

  /** Everything is killed at the given boundary of a call, counted from one of its own. @returns false when it ended before */
  async function isKilledAt(world: CollectWorld, boundary: number, run: () => Promise<unknown>): Promise<boolean> {
    const { onCall } = world.engine;
    let left = boundary;
    world.engine.onCall = (call, phase) => {
      if (left-- <= 0) throw new Killed();
      return onCall(call, phase);
    };
    const isKilled = await run().then(
      () => false,
      (error: unknown) => error instanceof Killed || assert.fail(String(error)),
    );
    world.engine.onCall = () => undefined;
    return isKilled;
  }

  /** The run is killed at the given boundary of a call from then on. @returns null when it ended before */
  async function killedAt(
    names: readonly string[],
    gained: string,
    boundary: number,
  ): Promise<{ readonly world: CollectWorld; readonly id: ImageId } | null> {
    const world = collectWorld();
    const id = addImage(world, 'app', names, [DIGEST]);
    await age(world);
    let left: number | null = null;
    world.engine.onCall = ({ kind, subject }, phase) => {
      const holds = [...world.engine.names.keys()].filter((name) => name.includes('imagegc'));
      const isLast = kind === 'removeName' && holds.length === 1 && holds[0] === subject;
      if (isLast && phase === 'before' && left === null) {
        world.engine.tag(id, gained);
        left = boundary;
      } else if (left !== null && left-- <= 0) throw new Killed();
    };
    const isKilled = await isKilledAt(world, Number.POSITIVE_INFINITY, () => collect(world));
    world.run = 'later';
    return isKilled ? { world, id } : null;
  }

  function tagsOf({ engine }: CollectWorld, id: ImageId): readonly string[] {
    return engine
      .namesOf(id)
      .filter((name) => !name.includes('@'))
      .toSorted();
  }

  for (const names of [NAMES.slice(0, 1), NAMES]) {
    for (const gained of [GAINED, ...names.slice(0, 1)]) {
      it(`gets its ${names.length} back beside ${gained}, at whatever call the run is killed, and the repair as well`, async () => {
        const all = [...new Set([...names, gained])].toSorted();
        let killed = await killedAt(names, gained, 0);
        let boundary = 0;
        for (; killed !== null; boundary += 1, killed = await killedAt(names, gained, boundary)) {
          for (let repair = 0; ; repair += 1) {
            const { world, id } = (await killedAt(names, gained, boundary)) ?? assert.fail();
            const wasKilled = await isKilledAt(world, repair, () => prepareCollection(contextOf(world)));
            await prepareCollection(contextOf(world));
            assert.deepEqual(tagsOf(world, id), all, `${boundary}, ${repair}`);
            assert.deepEqual((await prepareCollection(contextOf(world))).repairs, []);
            if (!wasKilled) break;
          }
        }
        assert.ok(boundary > 2 * names.length, `${boundary}`);
      });
    }
  }

  it('does not get back what another image has by now', async () => {
    const killed = await killedAt(NAMES.slice(0, 1), GAINED, 0);
    assert.ok(killed !== null);
    const { world, id } = killed;
    const other = addImage(world, 'other', NAMES.slice(0, 1));
    const { repairs } = await prepareCollection(contextOf(world));
    assert.deepEqual(repairs, [{ imageId: id, restored: [], missing: [DIGEST], isCompleted: false }]);
    assert.deepEqual([world.engine.names.get(NAMES[0] ?? ''), world.engine.namesOf(id)], [other, [GAINED]]);
  });
});

/** A run is killed at the first call of the kind that concerns tags, before or after it. */
async function killedAtFirst(names: readonly string[], kind: 'addName' | 'removeName', at: 'before' | 'after'): Promise<CollectWorld> {
  const world = collectWorld();
  addImage(world, 'app', names);
  await age(world);
  let isKilled = false;
  world.engine.onCall = (call, phase) => {
    isKilled ||= call.kind === kind && phase === at;
    if (isKilled) throw new Killed();
  };
  await assert.rejects(collect(world), Killed);
  world.engine.onCall = () => undefined;
  world.run = 'later';
  return world;
}

it('of what a run intended that was killed, only what is gone waits for a look without doubt', async () => {
  const world = await killedAtFirst(NAMES, 'addName', 'before');
  const key = storeKey(contextOf(world).runtime);
  const intended = (): number => world.store.readIntents(key).length;
  const [intent] = world.store.readIntents(key);
  world.store.addIntents(key, [{ ...(intent ?? assert.fail()), imageId: imageId(digestOf('gone')) }]);
  const { readClock } = contextOf(world);
  const inDoubt = { ...contextOf(world), readClock: () => ({ ...readClock(), bootId: null }) };
  assert.notEqual((await prepareCollection(inDoubt)).look.plan.refusal, null);
  assert.equal(intended(), 1);
  await prepareCollection(contextOf(world));
  assert.equal(intended(), 0);
  assert.deepEqual(
    world.store.readRemovals(key, 9).map((entry) => [entry.imageId, entry.outcome]),
    [[digestOf('gone'), 'removed']],
  );
});

it('a tag that somebody took off after a run was killed stays off', async () => {
  const world = await killedAtFirst(NAMES, 'addName', 'before');
  world.engine.removeName(NAMES[0] ?? '');
  assert.deepEqual((await prepareCollection(contextOf(world))).repairs, []);
  assert.deepEqual([...world.engine.names.keys()], NAMES.slice(1));
});

it('an image that could not be held, and lost one of its tags when the run was killed, gets it back', async () => {
  const names = [`docker.io/lab/app:${'x'.repeat(110)}`, 'docker.io/lab/app:1'];
  const world = await killedAtFirst(names, 'removeName', 'after');
  assert.equal(world.engine.names.size, 1);
  await prepareCollection(contextOf(world));
  assert.deepEqual([...world.engine.names.keys()].toSorted(), names.toSorted());
});
