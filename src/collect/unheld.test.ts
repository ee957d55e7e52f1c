import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  addImage,
  age,
  type CollectWorld,
  collect,
  collectWorld,
  contextOf,
  namesOf,
  outcomesOf,
} from '../../test/worlds/collect-world.ts';
import { idleMs, wallMs } from '../model/brands.ts';
import { OperatingError } from '../model/error.ts';
import { carryOut, prepareCollection } from './collection.ts';
import { storeKey } from './look.ts';

const APP = 'docker.io/lab/app:1';
const OTHER = 'docker.io/lab/other:1';

/** Two old images, one of them with names in two repositories, on an engine without holds. */
async function unheldWorld(): Promise<CollectWorld> {
  const world = collectWorld({}, false);
  addImage(world, 'app', [APP, 'docker.io/team/app:1']);
  addImage(world, 'other', [OTHER]);
  await age(world);
  return world;
}

/** Does something right before an image is asked for its names for the first time. */
function beforeFirst(world: CollectWorld, kind: string, act: () => void): void {
  let isDone = false;
  world.engine.onCall = (call, phase) => {
    if (isDone || phase !== 'before' || call.kind !== kind) return;
    isDone = true;
    act();
  };
}

describe('a collection on an engine without holds', () => {
  it('removes each image with all its names, and gives and takes none by itself', async () => {
    const world = await unheldWorld();
    const calls: string[] = [];
    world.engine.onCall = ({ kind }, phase) => void (phase === 'before' && calls.push(kind));
    assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'removed', [OTHER]: 'removed' });
    assert.equal(world.engine.images.size, 0);
    assert.equal(calls.includes('addName') || calls.includes('removeName'), false);
  });

  it('leaves an image that a container was made of since the plan, and one that gained a name', async () => {
    const world = await unheldWorld();
    beforeFirst(world, 'readNames', () => {
      world.engine.createContainer({ image: APP });
      world.engine.tag(world.engine.names.get(OTHER) ?? assert.fail(), 'docker.io/lab/new:1');
    });
    assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'in-use', [OTHER]: 'changed' });
    assert.equal(world.engine.names.size, 4);
  });

  it('leaves an image whose use was recorded since the plan', async () => {
    const world = await unheldWorld();
    const context = contextOf(world);
    const { look } = await prepareCollection(context);
    const key = storeKey(context.runtime);
    const id = world.engine.names.get(OTHER) ?? assert.fail();
    const record = world.store.readRecords(key, [id]).get(id) ?? assert.fail();
    const used = { idleMs: idleMs(look.clock.idleMs + 1), wallMs: wallMs(look.clock.reading.wallMs + 1) };
    world.store.writeUsage(key, { records: [{ ...record, lastUsed: used }], uses: [], forgotten: [], lineages: [] }, null);
    assert.deepEqual(outcomesOf(await carryOut(look, context)), { [APP]: 'removed', [OTHER]: 'changed' });
  });

  it('loses one image alone to an error, and tries it again later', async () => {
    const world = await unheldWorld();
    const parts = { kind: 'engine-refused', operation: 'ask', subject: 'x', problem: 'the disk is on fire', hint: null } as const;
    beforeFirst(world, 'removeImage', () => {
      throw new OperatingError(parts);
    });
    const { results } = await collect(world);
    assert.deepEqual(results.map(({ outcome }) => outcome.kind).sort(), ['failed', 'removed']);
    assert.equal(results.find(({ outcome }) => outcome.kind === 'failed')?.outcome.message, 'the disk is on fire');
    assert.equal(Object.keys(namesOf(world)).length > 0, true);
  });

  it('plans again what a removal that was cut short left of an image, and gives nothing back', async () => {
    const world = await unheldWorld();
    const context = contextOf(world);
    await assert.rejects(carryOut((await prepareCollection(context)).look, { ...context, runtime: cutShort(context.runtime, world) }));
    world.run = 'later';
    const { repairs } = await collect(world);
    assert.deepEqual(repairs, []);
    assert.equal(world.engine.images.size, 0);
  });
});

/** The process ends in the first removal, when one of several names is gone. */
function cutShort(runtime: ReturnType<typeof contextOf>['runtime'], { engine }: CollectWorld): typeof runtime {
  return new Proxy(runtime, {
    get: (target, property) => {
      if (property !== 'removeImage') {
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return async () => {
        engine.names.delete(APP);
        throw new Error('killed');
      };
    },
  });
}
