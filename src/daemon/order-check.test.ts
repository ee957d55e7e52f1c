import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DaemonWorld, KEY } from '../../test/worlds/daemon-world.ts';
import { DAY_MS, POLICY } from '../../test/worlds/world.ts';
import { bytes } from '../model/brands.ts';
import { openMemoryStore } from '../store/open-sqlite-store.ts';
import { checkOrder } from './order-check.ts';

const NEXT_USE = { ...POLICY, order: 'next-use' as const, disk: { ...POLICY.disk, maxImageBytes: bytes(2_000) } };

/** A host on which some images are used every few days, more than there is room for. */
async function hostWithHistory(): Promise<DaemonWorld> {
  const world = new DaemonWorld();
  for (const name of ['a', 'b', 'c']) world.pull(name);
  await world.connect();
  for (let day = 0; day < 40; day++) {
    world.pass(DAY_MS);
    world.engine.removeContainer(world.engine.createContainer({ image: `lab/${['a', 'b', 'c'][day % 3]}:1` }));
    await world.tick();
  }
  return world;
}

describe('checkOrder()', () => {
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
