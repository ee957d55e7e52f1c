import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DaemonWorld, KEY } from '../../test/worlds/daemon-world.ts';
import { DAY_MS, HOUR_MS, MB, POLICY } from '../../test/worlds/world.ts';
import { type LookContext, look } from '../collect/look.ts';
import { bytes, type ImageId } from '../model/brands.ts';
import { planCollection } from '../plan/plan-collection.ts';
import { MemoryEngine } from '../runtime/memory/memory-engine.ts';
import { openMemory } from '../runtime/memory/memory-runtime.ts';
import { openMemoryStore } from '../store/open-sqlite-store.ts';
import { checkOrder } from './order-check.ts';

const NEXT_USE = { ...POLICY, order: 'next-use' as const, disk: { ...POLICY.disk, maxImageBytes: bytes(2_000) } };

/** A host on which some images are used every few days, more than there is room for. */
async function hostWithHistory(): Promise<DaemonWorld> {
  const world = new DaemonWorld();
  for (const name of ['a', 'b', 'c']) world.pull(name);
  await world.connect();
  for (let day = 0; day < 50; day++) {
    world.pass(DAY_MS);
    world.engine.removeContainer(world.engine.createContainer({ image: `lab/${['a', 'b', 'c'][day % 3]}:1` }));
    await world.tick();
  }
  return world;
}

/** Hours at which images are used: two versions of one workload in turn, and a neighbour in bursts. Of three equal images the disk holds two. */
function hoursOfTurns(until: number): ReadonlyMap<number, readonly string[]> {
  const hours = new Map<number, string[]>();
  const use = (hour: number, image: string): void => void hours.set(hour, [...(hours.get(hour) ?? []), image]);
  for (let hour = 88; hour < until; hour += 31) use(hour, 'lab/app:1');
  for (let hour = 69; hour < until; hour += 29) use(hour, 'lab/app:2');
  for (let hour = 21; hour < until; hour += 80) for (const burst of [0, 5, 10, 15]) use(hour + burst, 'lab/other:1');
  return hours;
}

/** A host that lived so for two months: habits taught it nothing that would serve it. */
async function hostWithTurns(): Promise<DaemonWorld> {
  const world = new DaemonWorld(new MemoryEngine({ capacityBytes: 300 * MB }));
  world.settings = { ...world.settings, policy: { ...POLICY, unusedForMs: null, danglingUnusedForMs: null } };
  for (const name of ['app:1', 'app:2', 'other:1']) {
    world.engine.addImage({ layers: [[name, 100 * MB]], references: [`docker.io/lab/${name}`], by: 'pull' });
  }
  await world.connect();
  for (const [hour, images] of [...hoursOfTurns(60 * 24)].toSorted(([one], [other]) => one - other)) {
    world.pass((hour + 1) * HOUR_MS - (world.uptimeMs - 10 * DAY_MS));
    for (const image of images) world.engine.removeContainer(world.engine.createContainer({ image }));
    await world.tick();
  }
  return world;
}

/** What a look beside the daemon works with. */
function worldContext(world: DaemonWorld): Omit<LookContext, 'policy' | 'freeBytes'> {
  const runtime = openMemory(world.engine);
  return { runtime, store: world.store, mayWrite: false, readClock: () => world.readClock(), decide: planCollection };
}

describe('checkOrder()', () => {
  it('goes by lru on the whole history of a host that next-use serves worse, says so, and so do runs for room from then on', async () => {
    const world = await hostWithTurns();
    const idOf = (name: string): ImageId => world.engine.find(name)?.id ?? assert.fail(`${name} went`);
    world.engine.forceRemove(idOf('lab/app:1'));
    const newer = idOf('lab/app:2');
    const disk = { ...POLICY.disk, highFraction: 0.95 };
    world.settings = { ...world.settings, policy: { ...world.settings.policy, order: 'next-use', disk } };
    // The first run sees that it is gone, the second asks.
    await world.live(50);
    assert.match(world.log.join('\n'), /^warn: rules\.order = "next-use" would have pulled more again than "lru"/m);
    const { plan } = await look({ ...worldContext(world), policy: world.settings.policy, freeBytes: bytes(MB) });
    assert.equal(plan.removals[0]?.imageId, newer, 'next-use would take the same');
    world.engine.otherBytes = 90 * MB;
    await world.tick();
    assert.deepEqual([...world.engine.images.keys()], [newer], world.log.join('\n'));
  });

  it('stays with next-use on the history of a host that it serves, and lets others have their turn meanwhile', async () => {
    const world = await hostWithHistory();
    let turns = 0;
    const wait = (): Promise<void> => {
      turns += 1;
      return Promise.resolve();
    };
    const checked = await checkOrder(NEXT_USE, world.store, KEY, { wait, log: () => undefined });
    assert.equal(checked, 'next-use');
    assert.ok(turns > 0);
  });

  it('asks nothing where the order decides nothing', async () => {
    const unused = openMemoryStore();
    unused[Symbol.dispose]();
    const tools = { wait: () => Promise.resolve(), log: () => undefined };
    for (const policy of [
      { ...NEXT_USE, order: 'lru' as const },
      { ...NEXT_USE, disk: POLICY.disk },
    ]) {
      assert.equal(await checkOrder(policy, unused, KEY, tools), policy.order);
    }
  });

  it('is asked before each scheduled run, which goes on', async () => {
    const world = await hostWithHistory();
    world.settings = { ...world.settings, policy: { ...NEXT_USE, unusedForMs: null, danglingUnusedForMs: null } };
    await world.live(26);
    assert.ok(
      world.log.some((line) => line.startsWith('info: nothing is to be removed') || line.startsWith('info: collected')),
      world.log.join('\n'),
    );
  });
});
