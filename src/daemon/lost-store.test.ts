import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DaemonWorld, KEY, MINUTE_MS } from '../../test/worlds/daemon-world.ts';
import { MapFile, MapStore } from '../../test/worlds/map-store.ts';
import { DAY_MS, HOUR_MS } from '../../test/worlds/world.ts';
import { type ImageId, idleMs, imageId, wallMs } from '../model/brands.ts';
import { OperatingError } from '../model/error.ts';
import { BLANK_RECORD } from '../model/use-record.ts';
import type { StoreCondition } from '../store/store.ts';
import { startIdleClock } from '../usage/idle-clock.ts';

const NO_CHANGES = { records: [], forgotten: [], lineages: [], uses: [] };
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
    world.store.writeUsage('memory-engine/other', NO_CHANGES, long);
  };
  assert.equal(await world.connect(), true);
  await world.live(1);
  assert.equal(world.daemon.status().counts?.pending, 0);
  await assertKeptForAWeek(world, id);
});

it('a daemon that is stopped when its store was replaced does not end a use there by the clock of the last one', async () => {
  const world = new DaemonWorld();
  const id = imageId(world.pull('app'));
  const container = world.engine.createContainer({ image: id });
  const lost = new MapStore();
  world.openStore = () => lost;
  const stop = new AbortController();
  const ended = world.daemon.run(stop.signal);
  await world.turns();
  world.engine.removeContainer(container);
  lost.isInPlace = () => false;
  const other = new MapStore();
  const firstSeen = { idleMs: idleMs(100 * DAY_MS), wallMs: wallMs(world.wall) };
  const record = { ...BLANK_RECORD, imageId: id, firstSeen, isInUse: true };
  other.writeUsage(KEY, { ...NO_CHANGES, records: [record] }, { ...startIdleClock(world.readClock()), idleMs: firstSeen.idleMs });
  [world.store, world.openStore] = [other, () => other];
  stop.abort();
  await ended;
  assert.deepEqual(world.record(id), record);
});

it('a daemon begins no clock in the place of a store that it found damaged while it wrote', async () => {
  const world = new DaemonWorld();
  const id = imageId(world.pull('app'));
  const container = world.engine.createContainer({ image: id });
  const damaged = new MapStore();
  world.openStore = () => damaged;
  await world.connect();
  await world.live(5);
  world.engine.removeContainer(container);
  world.pass(2 * MINUTE_MS);
  damaged.readRecords = () => {
    throw new OperatingError({ kind: 'store-damaged', operation: 'read', subject: damaged.path, problem: 'damaged', hint: null });
  };
  const file = new MapFile();
  world.openStore = () => new MapStore(file, file.clock === null ? SET_ASIDE : { kind: 'sound' });
  let clocksBefore = 0;
  world.engine.onCall = ({ kind }) => void (kind === 'ping' && file.clock !== null && clocksBefore++);
  await world.tick();
  assert.deepEqual([clocksBefore, file.clock !== null], [0, true]);
});
