import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  addImage,
  age,
  type CollectWorld,
  collect,
  collectWorld,
  contextOf,
  digestOf,
  namesOf,
  outcomesOf,
} from '../../test/worlds/collect-world.ts';
import { DAY_MS, NOW_MS } from '../../test/worlds/world.ts';
import { durationMs, idleMs, type imageId, wallMs } from '../model/brands.ts';
import { BLANK_RECORD } from '../model/use-record.ts';
import { readIdleClock, storeKey } from './look.ts';

const NAME = 'docker.io/lab/app:1';

async function oldImage(): Promise<{ world: CollectWorld; id: ReturnType<typeof imageId> }> {
  const world = collectWorld();
  const id = addImage(world, 'app', [NAME]);
  await age(world);
  return { world, id };
}

/** As the daemon writes it when a container came and went. */
function recordUse(world: CollectWorld, id: ReturnType<typeof imageId>): void {
  const key = storeKey(contextOf(world).runtime);
  const at = { idleMs: idleMs(world.day * DAY_MS), wallMs: wallMs(NOW_MS + world.day * DAY_MS) };
  const [known] = world.store.readRecords(key, [id]).values();
  // What was removed is not known any more.
  assert.ok(known !== undefined || !world.engine.images.has(id));
  const record = known ?? { ...BLANK_RECORD, imageId: id, firstSeen: at };
  world.store.writeUsage(key, { records: [{ ...record, lastUsed: at }], forgotten: [], lineages: [], uses: [] }, null);
}

function pin(world: CollectWorld): void {
  world.store.putPin({ pattern: 'lab/app', owner: 'ann', reason: 'demo', until: null, createdAt: wallMs(NOW_MS) });
}

describe('a collection keeps', () => {
  for (const kind of ['addName', 'readNames', 'listContainers'] as const) {
    it(`an image that was used and left again after the plan, seen from the first ${kind} on`, async () => {
      const { world, id } = await oldImage();
      const isPlanned = () => world.store.readIntents(storeKey(contextOf(world).runtime)).length > 0;
      world.engine.onCall = (call, phase) => {
        if (call.kind === kind && phase === 'before' && isPlanned()) recordUse(world, id);
      };
      assert.deepEqual(outcomesOf(await collect(world)), { [NAME]: 'changed' });
      assert.deepEqual(namesOf(world), { [NAME]: id });
    });
  }

  it('an image that was pulled by a name that went on to another one at once, after the second look', async () => {
    const world = collectWorld();
    const digest = `docker.io/lab/app@${digestOf('a')}`;
    const id = addImage(world, 'app', [NAME], [digest]);
    await age(world);
    let looks = 0;
    world.engine.onCall = ({ kind }, phase) => {
      if (kind === 'removeName') looks = 1;
      if (kind === 'listContainers' && phase === 'after' && looks === 1) looks = 2;
      if (kind === 'readNames' && phase === 'before' && looks === 2) recordUse(world, id);
    };
    assert.deepEqual(outcomesOf(await collect(world)), { [NAME]: 'changed' });
    assert.deepEqual(namesOf(world), { [NAME]: id, [digest]: id });
  });

  it('everything, when the store was replaced after the plan, which learns no use any more', async () => {
    const { world, id } = await oldImage();
    world.engine.onCall = ({ kind }, phase) => {
      if (kind === 'removeName' && phase === 'after') world.store.isInPlace = () => false;
    };
    assert.deepEqual(outcomesOf(await collect(world)), { [NAME]: 'changed' });
    assert.deepEqual(namesOf(world), { [NAME]: id });
  });

  it('an image that gained a name after a sleep, however far the clock goes when it is set right later', async () => {
    const { world, id } = await oldImage();
    const context = contextOf(world);
    let reading = context.readClock();
    world.engine.onCall = ({ kind }, phase) => {
      if (kind !== 'removeName' || phase === 'before' || !reading.isSynchronised) return;
      const [bootTimeMs, suspendedMs] = [durationMs(reading.bootTimeMs + 2 * DAY_MS), durationMs(2 * DAY_MS)];
      reading = { ...reading, bootTimeMs, suspendedMs, wallMs: wallMs(reading.wallMs + 2 * DAY_MS), isSynchronised: false };
      world.engine.names.set('docker.io/lab/new:1', id);
    };
    assert.deepEqual(outcomesOf(await collect(world, { readClock: () => reading })), { [NAME]: 'changed' });
    const [record] = world.store.readRecords(storeKey(context.runtime), [id]).values();
    assert.equal(record?.lastUsed?.idleMs, readIdleClock(world.store, { ...reading, isSynchronised: true }).idleMs);
  });

  it('an image that was pinned after its names were taken off, and gives them back', async () => {
    const { world, id } = await oldImage();
    world.engine.onCall = ({ kind }, phase) => {
      if (kind === 'removeName' && phase === 'after') pin(world);
    };
    assert.deepEqual(outcomesOf(await collect(world)), { [NAME]: 'changed' });
    assert.deepEqual(namesOf(world), { [NAME]: id });
  });
});

describe('a collection tells of an image that was used or brought just when it went', () => {
  for (const isBack of [false, true]) {
    const suffix = isBack ? 'unless it is there again' : 'and is gone';
    it(`where that was recorded before the removal was, ${suffix}`, async () => {
      const { world, id } = await oldImage();
      world.engine.onCall = ({ kind }, phase) => {
        if (kind !== 'removeName' || phase !== 'after' || world.engine.images.has(id)) return;
        recordUse(world, id);
        if (isBack) addImage(world, 'app', [NAME]);
      };
      const report = await collect(world);
      assert.deepEqual(outcomesOf(report), { [NAME]: 'removed' });
      assert.deepEqual(
        report.overtaken.map(({ imageId }) => imageId),
        isBack ? [] : [id],
      );
    });

    it(`where that was recorded afterwards, ${suffix}`, async () => {
      const { world, id } = await oldImage();
      const wait = async () => {
        if (world.engine.images.has(id)) return;
        recordUse(world, id);
        if (isBack) addImage(world, 'app', [NAME]);
      };
      const { overtaken } = await collect(world, { wait });
      assert.deepEqual(
        overtaken.map(({ imageId }) => imageId),
        isBack ? [] : [id],
      );
    });
  }
});
