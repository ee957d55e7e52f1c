import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DaemonWorld, KEY, MINUTE_MS } from '../../test/worlds/daemon-world.ts';
import { HOUR_MS } from '../../test/worlds/world.ts';
import { readIdleClock } from '../collect/look.ts';
import { type ContainerId, imageId } from '../model/brands.ts';
import { OperatingError } from '../model/error.ts';

const NAME = 'docker.io/lab/app:1';
const NO_CHANGES = { records: [], forgotten: [], lineages: [], uses: [] };

/** A host that has run for an hour since its image was pulled, and whose image two containers need. */
async function inUse(): Promise<{ world: DaemonWorld; id: string; containers: readonly [ContainerId, ContainerId] }> {
  const world = new DaemonWorld();
  const id = world.pull('app');
  const containers = [world.engine.createContainer({ image: id }), world.engine.createContainer({ image: id })] as const;
  assert.equal(await world.connect(), true, world.log.join('\n'));
  await world.live(1);
  return { world, id, containers };
}

/** The same, when its containers are gone and a round has seen it. */
async function unused(): Promise<Pick<Awaited<ReturnType<typeof inUse>>, 'world' | 'id'>> {
  const { world, id, containers } = await inUse();
  for (const container of containers) world.engine.removeContainer(container);
  await untilNextRound(world);
  assert.equal(world.record(id)?.isInUse, false);
  return { world, id };
}

/** The wall clock comes back as one that nobody may trust yet. */
function wakeUnsynchronised(world: DaemonWorld): void {
  world.sleep(30 * HOUR_MS);
  world.isSynchronised = false;
}

async function untilNextRound(world: DaemonWorld): Promise<void> {
  world.isSynchronised = true;
  world.pass(2 * MINUTE_MS);
  await world.tick();
}

describe('a wall clock that is set right after a gap does not make old what was used since,', () => {
  for (const [since, agoMs] of [
    ['long before', HOUR_MS],
    ['just before', 1_000],
  ] as const) {
    it(`when the gap was a reboot and the use came before the first look, of an image that had been used ${since}`, async () => {
      const { world, id } = await unused();
      world.engine.tag(imageId(id), NAME);
      world.pass(agoMs);
      await world.tick();
      await world.daemon.run(AbortSignal.abort());
      world.boot += 1;
      [world.uptimeMs, world.isSynchronised] = [1_000, false];
      world.wall += 10 * HOUR_MS;
      world.engine.onCall = ({ kind }, phase) => {
        if (kind !== 'listImages' || phase === 'after' || world.isSynchronised) return;
        world.engine.tag(imageId(id), NAME);
        world.isSynchronised = true;
      };
      await world.restart();
      assert.deepEqual([world.isSynchronised, world.daemon.status().isReady], [true, true]);
      assert.ok((world.idleMs(id) ?? assert.fail()) < MINUTE_MS);
    });

    it(`when the host had slept for more than a day, and the image had been used ${since}`, async () => {
      const { world, id } = await unused();
      world.engine.tag(imageId(id), NAME);
      world.pass(agoMs);
      wakeUnsynchronised(world);
      world.engine.tag(imageId(id), NAME);
      await untilNextRound(world);
      assert.ok((world.idleMs(id) ?? assert.fail()) < 3 * MINUTE_MS);
    });

    it(`when another process settles the gap at the very moment at which the use is written, of an image that had been used ${since}`, async () => {
      const { world, id } = await unused();
      world.engine.tag(imageId(id), NAME);
      world.pass(agoMs);
      wakeUnsynchronised(world);
      const { store } = world;
      const atomically = store.atomically.bind(store);
      store.atomically = (work) => {
        store.atomically = atomically;
        world.isSynchronised = true;
        store.writeUsage(KEY, NO_CHANGES, readIdleClock(store, world.readClock()));
        return atomically(work);
      };
      world.engine.tag(imageId(id), NAME);
      await untilNextRound(world);
      assert.ok((world.idleMs(id) ?? assert.fail()) < 3 * MINUTE_MS);
    });
  }

  it('when another process records the use and settles the gap just before the daemon writes its own clock', async () => {
    const { world, id } = await unused();
    await world.live(1);
    world.sleep(30 * HOUR_MS);
    const { store } = world;
    const atomically = store.atomically.bind(store);
    store.atomically = (work) => {
      store.atomically = atomically;
      const clock = readIdleClock(store, { ...world.readClock(), isSynchronised: false });
      const lastUsed = { idleMs: clock.idleMs, wallMs: clock.reading.wallMs };
      store.writeUsage(KEY, { ...NO_CHANGES, records: [{ ...(world.record(id) ?? assert.fail()), lastUsed }] }, clock);
      return atomically(work);
    };
    await world.tick();
    assert.equal(world.idleMs(id), 0);
  });

  it('when its store was begun in the place of a damaged one, and has got its clock by the look of another process', async () => {
    const { world, id } = await unused();
    Object.defineProperty(world.store, 'condition', { value: { kind: 'set-aside', evidencePath: 'evidence', problem: 'damaged' } });
    wakeUnsynchronised(world);
    world.engine.tag(imageId(id), NAME);
    world.isSynchronised = true;
    const clock = readIdleClock(world.store, world.readClock());
    assert.equal(clock.idleMs - (world.record(id)?.lastUsed?.idleMs ?? assert.fail()), 0);
  });

  it('when it had slept, and the use ended with a container', async () => {
    const { world, id, containers } = await inUse();
    wakeUnsynchronised(world);
    for (const container of containers) world.engine.removeContainer(container);
    await untilNextRound(world);
    assert.deepEqual([world.idleMs(id), world.record(id)?.isInUse], [2 * MINUTE_MS, false]);
  });

  it('when nothing could be written meanwhile: the end is that of what is written then, and no earlier one takes its place', async () => {
    const { world, id, containers } = await inUse();
    world.engine.removeContainer(containers[0]);
    wakeUnsynchronised(world);
    const { store } = world;
    const writeUsage = store.writeUsage.bind(store);
    store.writeUsage = () => {
      throw new OperatingError({ kind: 'disk-full', operation: 'write', subject: store.path, problem: 'full', hint: null });
    };
    world.engine.removeContainer(containers[1]);
    store.writeUsage = writeUsage;
    await untilNextRound(world);
    assert.deepEqual([world.idleMs(id), world.record(id)?.isInUse], [0, true]);
    await untilNextRound(world);
    assert.deepEqual([world.idleMs(id), world.record(id)?.isInUse], [2 * MINUTE_MS, false]);
  });
});

it('an end whose use could not be written at once is written when the daemon is stopped', async () => {
  const world = new DaemonWorld();
  const id = world.pull('app');
  const container = world.engine.createContainer({ image: id });
  const stop = new AbortController();
  const ended = world.daemon.run(stop.signal);
  await world.turns();
  const { store } = world;
  const writeUsage = store.writeUsage.bind(store);
  store.writeUsage = () => {
    throw new OperatingError({ kind: 'lock-held', operation: 'write', subject: store.path, problem: 'busy', hint: null });
  };
  world.pass(5 * MINUTE_MS);
  world.engine.removeContainer(container);
  store.writeUsage = writeUsage;
  stop.abort();
  await ended;
  assert.deepEqual([world.idleMs(id), world.record(id)?.isInUse], [0, false]);
});
