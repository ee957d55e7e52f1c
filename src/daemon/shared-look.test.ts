import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DaemonWorld } from '../../test/worlds/daemon-world.ts';
import { OperatingError } from '../model/error.ts';
import { SharedLook } from './shared-look.ts';

interface Shared {
  readonly world: DaemonWorld;
  readonly looks: SharedLook<number>;
  readonly calls: string[];
}

async function shared(): Promise<Shared> {
  const world = new DaemonWorld();
  world.pull('app');
  await world.connect();
  await world.tick();
  const calls: string[] = [];
  world.engine.onCall = ({ kind }, phase) => {
    if (phase === 'before') calls.push(kind);
  };
  const looks = new SharedLook({
    readClock: () => world.readClock(),
    look: () => world.daemon.peek(),
    countChanges: () => world.daemon.ledger.changes,
    render: ({ inventory }) => inventory.images.length,
    releaseMemory: () => undefined,
  });
  return { world, looks, calls };
}

function countLooks(calls: readonly string[]): number {
  return calls.filter((kind) => kind === 'listImages').length;
}

describe('SharedLook', () => {
  it('asks the engine once for all who ask at the same time, and not again within 15 s', async () => {
    const { world, looks, calls } = await shared();
    assert.deepEqual(await Promise.all(Array.from({ length: 50 }, () => looks.read())), new Array(50).fill(1));
    world.pass(14_000);
    world.pull('late');
    assert.equal(await looks.read(), 1);
    assert.equal(countLooks(calls), 1);
    world.pass(1_000);
    assert.equal(await looks.read(), 2);
    assert.equal(countLooks(calls), 2);
  });

  it('takes at most a twentieth of the time', async () => {
    const { world, looks, calls } = await shared();
    world.engine.onCall = ({ kind }, phase) => {
      calls.push(kind);
      if (kind === 'listImages' && phase === 'before') world.pass(10_000);
    };
    await looks.read();
    calls.length = 0;
    world.pass(199_000);
    await looks.read();
    assert.equal(countLooks(calls), 0);
    world.pass(1_000);
    await looks.read();
    assert.ok(countLooks(calls) > 0);
  });

  it('looks at nothing while a collection is under way, and anew when one has ended', async () => {
    const { world, looks, calls } = await shared();
    assert.equal(await looks.read(), 1);
    world.pass(60_000);
    const gate = Promise.withResolvers<'nothing'>();
    const run = world.daemon.ledger.run(
      'ordered',
      () => world.readClock(),
      () => gate.promise,
    );
    assert.equal(await looks.read(), 1);
    assert.equal(countLooks(calls), 1);
    gate.resolve('nothing');
    await run;
    world.pull('late');
    assert.equal(await looks.read(), 2);
  });

  it('shows what it saw while the engine fails, and asks it no more often', async () => {
    const { world, looks, calls } = await shared();
    await looks.read();
    world.pass(15_000);
    world.engine.onCall = ({ kind }) => {
      calls.push(kind);
      throw new OperatingError({ kind: 'engine-unreachable', operation: 'ask', subject: 's', problem: 'gone', hint: null });
    };
    const before = calls.length;
    assert.deepEqual([await looks.read(), await looks.read()], [1, 1]);
    assert.equal(calls.length - before, 1);
  });

  it('records nothing', async () => {
    const { world, looks } = await shared();
    const id = world.pull('seen');
    const before = world.record(id);
    world.pass(3_600_000);
    await looks.read();
    assert.deepEqual(world.record(id), before);
  });
});
