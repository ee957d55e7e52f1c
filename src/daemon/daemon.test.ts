import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DaemonWorld, KEY, MINUTE_MS } from '../../test/worlds/daemon-world.ts';
import { DAY_MS, HOUR_MS } from '../../test/worlds/world.ts';
import { durationMs, imageId } from '../model/brands.ts';
import { OperatingError } from '../model/error.ts';
import type { DaemonSettings } from './daemon-tools.ts';
import { spreadOffset } from './schedule.ts';

async function connected(): Promise<DaemonWorld> {
  const world = new DaemonWorld();
  world.pull('kept');
  world.engine.createContainer({ image: 'lab/kept:1', state: 'exited' });
  assert.equal(await world.connect(), true, world.log.join('\n'));
  return world;
}

function full(path: string): OperatingError {
  return new OperatingError({
    kind: 'disk-full',
    operation: 'write the store',
    subject: path,
    problem: 'the file system is full',
    hint: null,
  });
}

describe('the daemon', () => {
  it('records a pull, a container that was created and one that went, as they happen', async () => {
    const world = await connected();
    const id = world.pull('app');
    assert.equal(world.record(id)?.origin, 'pulled');
    world.pass(2 * MINUTE_MS);
    const container = world.engine.createContainer({ image: 'lab/app:1' });
    assert.deepEqual([world.idleMs(id), world.record(id)?.isInUse], [0, true]);
    world.pass(3 * DAY_MS);
    world.engine.removeContainer(container);
    assert.equal(world.idleMs(id), 0);
    world.pass(2 * MINUTE_MS);
    await world.tick();
    assert.deepEqual([world.idleMs(id), world.record(id)?.isInUse], [2 * MINUTE_MS, false]);
  });

  it('counts an image as used until it is found unused, when its container went while the daemon was down', async () => {
    const world = await connected();
    const id = world.pull('app');
    const container = world.engine.createContainer({ image: 'lab/app:1' });
    world.engine.events.breakStreams({ isForgotten: false });
    world.pass(9 * DAY_MS);
    world.engine.removeContainer(container);
    world.pass(HOUR_MS);
    world.engine.events.breakStreams({ isForgotten: true });
    await world.restart();
    assert.deepEqual([world.idleMs(id), world.record(id)?.isInUse], [0, false]);
  });

  it('makes up for what happened while it was down, as far as the engine remembers', async () => {
    const world = await connected();
    const id = world.pull('app');
    world.pass(HOUR_MS);
    await world.tick();
    world.engine.events.breakStreams({ isForgotten: false });
    world.pass(5 * DAY_MS);
    world.engine.removeContainer(world.engine.createContainer({ image: 'lab/app:1' }));
    await world.restart();
    assert.equal(world.idleMs(id), 0);
  });

  it('makes up for what happened while it was down also when nothing had happened before', async () => {
    const world = new DaemonWorld();
    const id = world.pull('app');
    await world.connect();
    world.engine.events.breakStreams({ isForgotten: false });
    world.pass(5 * DAY_MS);
    world.engine.removeContainer(world.engine.createContainer({ image: 'lab/app:1' }));
    await world.restart();
    assert.equal(world.idleMs(id), 0);
  });

  it('does not count its own holds and the names it gives back as uses', async () => {
    const world = await connected();
    const id = imageId(world.pull('app'));
    await world.tick();
    world.pass(3 * DAY_MS);
    world.engine.tag(id, 'docker.io/lab/app:imagegc.hold.aaaaaaaa-1-1-1-1.1');
    world.engine.removeName('docker.io/lab/app:1');
    world.engine.tag(id, 'docker.io/lab/app:1');
    assert.equal(world.idleMs(id), 3 * DAY_MS);
    world.engine.tag(id, 'docker.io/lab/app:1');
    assert.equal(world.idleMs(id), 0);
  });

  it('gives back at its start what a dead collection took off, whenever the next run is due, and removes nothing with it', async () => {
    const world = await connected();
    const old = imageId(world.pull('old'));
    const id = imageId(world.pull('app'));
    await world.tick();
    world.pass(6 * DAY_MS);
    await world.tick();
    world.engine.tag(id, 'docker.io/lab/app:imagegc.hold.aaaaaaaa-1-1-1-1.1');
    world.engine.removeName('docker.io/lab/app:1');
    world.pass(DAY_MS - HOUR_MS);
    await world.restart();
    await world.daemon.idle();
    const names = world.engine.namesOf(id);
    assert.ok(names.includes('docker.io/lab/app:1') && !names.some((name) => name.includes('imagegc.')), names.join(' '));
    assert.match(world.log.join('\n'), /warn: gave back docker.io\/lab\/app:1, which an interrupted run had taken off/);
    assert.ok(world.engine.images.has(old));
  });

  it('removes what is old when it is time, once a day, and remembers that it did', async () => {
    const world = await connected();
    const id = world.pull('app');
    await world.tick();
    await world.live(8 * 24);
    assert.equal(world.engine.images.has(imageId(id)), false, world.log.join('\n'));
    assert.equal(world.engine.images.size, 1);
    const runs = world.log.filter((line) => /collected|nothing is (to be )?removed/.test(line));
    assert.equal(runs.length, 8);
    const lastRun = world.store.readWatchState(KEY)?.lastRun.wallMs ?? 0;
    assert.ok(world.wall - lastRun <= DAY_MS);
  });

  it('makes up once for runs that were missed while the host was off', async () => {
    const world = await connected();
    await world.tick();
    world.boot += 1;
    world.uptimeMs = MINUTE_MS;
    world.wall += 5 * DAY_MS;
    await world.restart();
    await world.daemon.idle();
    const runs = (): number => world.log.filter((line) => line.includes('nothing is to be removed')).length;
    assert.equal(runs(), 1);
    world.pass(30_000);
    await world.tick();
    assert.equal(runs(), 1);
  });

  it('removes nothing while the store cannot be written, keeps what it learns, and writes it when it can', async () => {
    const world = await connected();
    const id = world.pull('app');
    await world.tick();
    const broken = world.store;
    const writeUsage = broken.writeUsage.bind(broken);
    let isFull = true;
    broken.writeUsage = (...given) => {
      if (isFull) throw full(broken.path);
      writeUsage(...given);
    };
    world.pass(2 * DAY_MS);
    const container = world.engine.createContainer({ image: 'lab/app:1' });
    world.engine.removeContainer(container);
    await world.tick();
    assert.deepEqual(
      world.daemon.status().problems.map(({ subject }) => subject),
      ['store'],
    );
    assert.equal(world.daemon.status().counts?.pending, 1);
    assert.equal(world.engine.images.size, 2);
    isFull = false;
    await world.tick();
    assert.deepEqual(world.daemon.status().problems, []);
    assert.ok((world.idleMs(id) ?? DAY_MS) < HOUR_MS);
  });

  it('writes what waited for the store also when the connection to the engine broke meanwhile', async () => {
    const world = new DaemonWorld();
    const id = world.pull('app');
    const stop = new AbortController();
    const ended = world.daemon.run(stop.signal);
    await world.turns();
    world.pass(2 * DAY_MS);
    const { store } = world;
    const writeUsage = store.writeUsage.bind(store);
    store.writeUsage = () => {
      throw full(store.path);
    };
    world.engine.removeContainer(world.engine.createContainer({ image: 'lab/app:1' }));
    world.engine.events.breakStreams({ isForgotten: true });
    await world.turns();
    store.writeUsage = writeUsage;
    await world.turns();
    const idleMs = world.idleMs(id);
    stop.abort();
    await ended;
    assert.ok((idleMs ?? DAY_MS) < HOUR_MS, String(idleMs));
  });

  it('begins a scheduled run later by the offset of this host, machine ID or else engine ID', async () => {
    for (const machineId of ['c5d1f2e0b7a94f3f8b6c0123456789ab', null]) {
      const spreadMs = durationMs(6 * HOUR_MS);
      const world = new DaemonWorld(undefined, machineId);
      const { schedule } = world.settings;
      world.settings = { ...world.settings, schedule: { ...schedule, spreadMs } };
      await world.connect();
      const due = world.daemon.status('UTC').nextRunAt ?? 0;
      const midnight = Math.ceil((world.wall - spreadOffset(machineId ?? 'memory-engine', spreadMs)) / DAY_MS) * DAY_MS;
      assert.equal(due, midnight + spreadOffset(machineId ?? 'memory-engine', spreadMs));
    }
  });

  it('asks registries in scheduled runs about what would go, and never while it only looks', async () => {
    const world = await connected();
    for (const name of ['lost', 'sound', 'more', 'still', 'other']) world.pull(name);
    for (const name of ['more', 'still', 'other']) world.engine.createContainer({ image: `lab/${name}:1`, state: 'exited' });
    const asked: string[] = [];
    const askRegistry: DaemonSettings['askRegistry'] = async (name) => {
      asked.push(name.split('@')[0] ?? '');
      return name.includes('/lost@') ? { kind: 'absent', detail: 'registry.example does not have it (404)' } : { kind: 'present' };
    };
    const { policy } = world.settings;
    const checked = { ...policy, protect: { ...policy.protect, restorable: 'check' as const } };
    world.settings = { ...world.settings, policy: checked, askRegistry };
    await world.live(24);
    assert.deepEqual(asked, []);
    await world.live(8 * 24);
    assert.deepEqual([...new Set(asked)].toSorted(), ['docker.io/lab/lost', 'docker.io/lab/sound']);
    const names = [...world.engine.names.keys()];
    assert.deepEqual([names.includes('docker.io/lab/lost:1'), names.includes('docker.io/lab/sound:1')], [true, false]);
  });

  it('gives an engine up that hangs, and connects again when it answers', async () => {
    const world = await connected();
    world.engine.onCall = ({ kind }) => (kind === 'ping' ? new Promise<void>(() => undefined) : undefined);
    await world.tick();
    const { isReady, problems } = world.daemon.status();
    assert.deepEqual([isReady, problems.map(({ subject }) => subject)], [false, ['engine']]);
    assert.match(problems[0]?.problem ?? '', /no answer within 10 s/);
    world.engine.onCall = () => undefined;
    await world.restart();
    assert.equal(world.daemon.status().isReady, true);
  });

  it('goes on when a call of the engine fails, and says so', async () => {
    const world = await connected();
    world.engine.onCall = ({ kind }, phase) => {
      if (kind === 'ping' && phase === 'before')
        throw new OperatingError({ kind: 'engine-unreachable', operation: 'ask', subject: 's', problem: 'gone', hint: null });
    };
    await world.tick();
    assert.equal(world.daemon.status().isReady, false);
    assert.deepEqual(
      world.daemon.status().problems.map(({ subject }) => subject),
      ['engine'],
    );
    world.engine.onCall = () => undefined;
    await world.restart();
    assert.equal(world.daemon.status().isReady, true);
  });
});
