import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DaemonWorld, KEY } from '../../test/worlds/daemon-world.ts';
import { MapFile, MapStore } from '../../test/worlds/map-store.ts';
import { DAY_MS, HOUR_MS } from '../../test/worlds/world.ts';
import { type ImageId, idleMs, imageId } from '../model/brands.ts';
import { OperatingError } from '../model/error.ts';
import type { StoreCondition } from '../store/store.ts';
import { startIdleClock } from '../usage/idle-clock.ts';

const SET_ASIDE: StoreCondition = { kind: 'set-aside', evidencePath: 'evidence', problem: 'damaged' };

/** Five days after its image was pulled, the daemon finds another file where its store was. */
async function replaced(condition: StoreCondition): Promise<{ world: DaemonWorld; id: ImageId; file: MapFile }> {
  const world = new DaemonWorld();
  const id = imageId(world.pull('app'));
  const lost = new MapStore();
  world.openStore = () => lost;
  await world.connect();
  await world.live(5 * 24);
  lost.isInPlace = () => false;
  const file = new MapFile();
  world.store = new MapStore(file);
  world.openStore = () => new MapStore(file, file.clock === null ? condition : { kind: 'sound' });
  return { world, id, file };
}

/** As `imagegc plan` does it, which begins an idle clock where there is none. */
function lookOnce({ store, readClock }: { store: DaemonWorld['store']; readClock: DaemonWorld['readClock'] }, id: ImageId): void {
  const clock = startIdleClock(readClock());
  const at = { idleMs: clock.idleMs, wallMs: clock.reading.wallMs };
  const rest = { lastUsed: null, origin: null, references: [], digests: [], missingSince: null, isInUse: false };
  store.writeUsage(KEY, { records: [{ imageId: id, firstSeen: at, ...rest }], forgotten: [], lineages: [], uses: [] }, clock);
}

async function assertKeptForAWeek(world: DaemonWorld, id: ImageId): Promise<void> {
  await world.live(7 * 24 - 1);
  assert.equal(world.engine.images.has(id), true, world.log.join('\n'));
  await world.live(30);
  assert.equal(world.engine.images.has(id), false, world.log.join('\n'));
}

describe('a daemon whose store was lost counts every age from then on', () => {
  it('in the new one that it begins', async () => {
    const { world, id } = await replaced({ kind: 'new' });
    await assertKeptForAWeek(world, id);
  });

  it('in the one that it begins when the last was damaged', async () => {
    const { world, id } = await replaced(SET_ASIDE);
    await assertKeptForAWeek(world, id);
  });

  it('in one that it has opened already when another process begins the clock in it', async () => {
    const { world, id } = await replaced({ kind: 'new' });
    let isBegun = false;
    world.engine.onCall = ({ kind }, phase) => {
      if (isBegun || kind !== 'ping' || phase === 'after') return;
      isBegun = true;
      lookOnce({ store: world.store, readClock: () => world.readClock() }, id);
    };
    world.pass(HOUR_MS);
    await world.tick();
    await assertKeptForAWeek(world, id);
  });

  it('in one whose clock another process begins while the daemon looks', async () => {
    const { world, id } = await replaced({ kind: 'new' });
    let isBegun = false;
    world.engine.onCall = ({ kind }, phase) => {
      if (isBegun || kind !== 'listContainers' || phase === 'after') return;
      isBegun = true;
      lookOnce({ store: world.store, readClock: () => world.readClock() }, id);
    };
    world.pass(HOUR_MS);
    await world.tick();
    await assertKeptForAWeek(world, id);
  });

  it('in one that another process has begun meanwhile, with a clock of its own', async () => {
    const { world, id } = await replaced({ kind: 'new' });
    lookOnce({ store: world.store, readClock: () => world.readClock() }, id);
    world.pass(HOUR_MS);
    await assertKeptForAWeek(world, id);
    assert.ok((world.store.readClock()?.idleMs ?? 0) < 9 * DAY_MS);
  });
});

it('a daemon whose store was lost goes on in the stream of events where it stood', async () => {
  const world = new DaemonWorld();
  const id = world.pull('app');
  let store = new MapStore();
  world.openStore = () => store;
  const stop = new AbortController();
  const ended = world.daemon.run(stop.signal);
  await world.turns();
  store.isInPlace = () => false;
  store = new MapStore();
  world.store = store;
  world.engine.onCall = () => {
    throw new OperatingError({ kind: 'engine-unreachable', operation: 'ask', subject: 'engine', problem: 'gone', hint: null });
  };
  world.engine.events.breakStreams({ isForgotten: false });
  await world.turns();
  world.engine.removeContainer(world.engine.createContainer({ image: 'lab/app:1' }));
  world.engine.onCall = () => undefined;
  await world.turns();
  stop.abort();
  await ended;
  assert.notEqual(world.record(id)?.lastUsed ?? null, null);
});

it('a daemon stamps nothing on a clock of its own in the place of a damaged store: another process may begin one there that stands later', async () => {
  const world = new DaemonWorld();
  const id = imageId(world.pull('app'));
  const file = new MapFile();
  world.store = new MapStore(file);
  world.openStore = () => new MapStore(file, file.clock === null ? SET_ASIDE : { kind: 'sound' });
  const long = { ...startIdleClock(world.readClock()), idleMs: idleMs(100 * DAY_MS) };
  world.engine.onCall = ({ kind }, phase) => {
    if (kind !== 'listImages' || phase === 'after' || file.clock !== null) return;
    world.engine.tag(id, 'docker.io/lab/app:1');
    assert.equal(world.record(id), undefined);
    world.store.writeUsage('memory-engine/other', { records: [], forgotten: [], lineages: [], uses: [] }, long);
  };
  assert.equal(await world.connect(), true);
  await world.live(1);
  assert.equal(world.daemon.status().counts?.pending, 0);
  await assertKeptForAWeek(world, id);
});
