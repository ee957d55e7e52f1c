import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DaemonWorld, MINUTE_MS } from '../../test/worlds/daemon-world.ts';
import { DAY_MS, HOUR_MS, MB, POLICY } from '../../test/worlds/world.ts';
import { bytes, durationMs, type ImageId, imageId, wallMs } from '../model/brands.ts';
import { OperatingError } from '../model/error.ts';
import type { DiskRule } from '../model/policy.ts';
import { MemoryEngine } from '../runtime/memory/memory-engine.ts';

const IMAGE_MB = 100;

/** A disk of 10 GB with so many images of 100 MB, none of which a container needs but the first; no run is due by schedule. */
async function worldOf(count: number, disk: Partial<DiskRule> = { highFraction: 0.85 }): Promise<DaemonWorld> {
  const world = new DaemonWorld(new MemoryEngine({ capacityBytes: 10_000 * MB }));
  world.settings = {
    ...world.settings,
    policy: { ...POLICY, disk: { ...POLICY.disk, ...disk } },
    schedule: { kind: 'daily', at: '00:00', everyMs: durationMs(365 * DAY_MS) },
  };
  for (let index = 0; index < count; index++) load(world, `app${index}`);
  world.engine.createContainer({ image: 'lab/app0:1', name: 'web' });
  await world.connect();
  world.pass(HOUR_MS);
  return world;
}

function load(world: DaemonWorld, name: string): ImageId {
  return imageId(world.engine.addImage({ layers: [[name, IMAGE_MB * MB]], references: [`docker.io/lab/${name}:1`] }));
}

/** Rounds at the pace of the disk's looks. */
async function live(world: DaemonWorld, seconds: number, meanwhile: () => void = () => undefined): Promise<void> {
  for (let at = 0; at < seconds; at += 2) {
    world.pass(2_000);
    meanwhile();
    await world.tick();
  }
}

function problems(world: DaemonWorld): readonly string[] {
  return world.daemon.status().problems.map(({ subject, problem }) => `${subject}: ${problem}`);
}

describe('the daemon under a disk rule', () => {
  it('makes just the room that is needed as soon as the disk is at its mark, whenever the next run is due', async () => {
    const world = await worldOf(20);
    world.engine.otherBytes = 6_400 * MB;
    await live(world, 10);
    assert.equal(world.engine.images.size, 20);
    world.engine.otherBytes = 6_600 * MB;
    await live(world, 2);
    assert.equal(world.engine.images.size, 18, world.log.join('\n'));
    await live(world, 600);
    assert.deepEqual([world.engine.images.size, problems(world)], [18, []]);
  });

  it('removes for room nothing more than the disk rule asks for, however old the rest is', async () => {
    const world = await worldOf(20);
    world.pass(30 * DAY_MS);
    world.engine.otherBytes = 6_500 * MB;
    await live(world, 60);
    assert.equal(world.engine.images.size, 19, world.log.join('\n'));
  });

  it('keeps usage below the mark while images come one after the other, and never takes what a container needs', async () => {
    const world = await worldOf(60);
    world.engine.otherBytes = 2_000 * MB;
    let highest = 0;
    let count = 0;
    await live(world, 600, () => {
      if (world.uptimeMs % (30 * 1_000) === 0) load(world, `new${count++}`);
      highest = Math.max(highest, world.engine.usedBytes());
    });
    world.pass(11 * MINUTE_MS);
    await live(world, 10);
    assert.ok(count >= 20 && highest <= 8_600 * MB, `${count} ${highest}`);
    assert.ok(world.engine.usedBytes() < 8_500 * MB);
    assert.ok(world.engine.find('lab/app0:1') !== null);
    assert.deepEqual(problems(world), []);
  });

  it('keeps the number of images, and the bytes of all, where the filesystem is not known', async () => {
    for (const disk of [{ maxImages: 12 }, { maxImageBytes: bytes(12 * IMAGE_MB * MB) }]) {
      const world = await worldOf(12, disk);
      for (let index = 0; index < 3; index++) load(world, `new${index}`);
      await live(world, 4);
      assert.equal(world.engine.images.size, 12, world.log.join('\n'));
    }
  });

  it('does not remove without bound while another process fills the disk', async () => {
    const world = await worldOf(60);
    world.engine.otherBytes = 2_500 * MB;
    let free = 0;
    await live(world, 3_600, () => {
      free = 8_500 * MB - world.engine.usedBytes();
      if (free > 0) world.engine.otherBytes += free;
    });
    assert.ok(world.engine.images.size >= 60 - 12, `${world.engine.images.size} left\n${world.log.join('\n')}`);
  });

  it('says who holds the bytes when the mark is out of reach, does not try again all the time, and resolves it when room was made', async () => {
    const world = await worldOf(3);
    world.engine.otherBytes = 9_000 * MB;
    await live(world, 3_600);
    assert.equal(world.engine.images.size, 1);
    const [problem = ''] = problems(world);
    assert.match(problem, /disk: the disk rule cannot be met: .*100 MB held by containers, 9.00 GB other data on this disk/);
    const tries = world.log.filter((line) => line.includes('nothing is to be removed')).length;
    assert.ok(tries <= 10, `${tries} tries`);
    world.engine.otherBytes = 0;
    await live(world, 2);
    assert.deepEqual(problems(world), []);
  });

  it('watches and tells, and removes nothing, with enabled = false', async () => {
    const world = await worldOf(20);
    world.settings = { ...world.settings, enabled: false };
    world.engine.otherBytes = 8_000 * MB;
    await live(world, 60);
    assert.equal(world.engine.images.size, 20);
    assert.match(problems(world).join(), /enabled = false keeps everything/);
  });

  it('makes no round of its own for a disk that it has no rule for, and measures it once a minute at most', async () => {
    const world = await worldOf(20, {});
    const calls: string[] = [];
    world.engine.onCall = ({ kind }, phase) => void (phase === 'before' && calls.push(kind));
    world.engine.otherBytes = 9_900 * MB;
    await live(world, 60);
    assert.ok(calls.filter((kind) => kind === 'measureDisk').length <= 1, calls.join(' '));
    assert.equal(world.engine.images.size, 20);
  });

  it('has the build cache pruned first, and takes no image where that is enough', async () => {
    const world = await worldOf(20);
    const { policy } = world.settings;
    world.settings = { ...world.settings, policy: { ...policy, buildCacheUnusedForMs: durationMs(DAY_MS) } };
    const cached = (ms: number) => ({ sizeBytes: bytes(500 * MB), lastUsedAt: wallMs(world.wall - ms) });
    world.engine.buildCache = [cached(2 * DAY_MS), cached(HOUR_MS)];
    world.engine.otherBytes = 5_600 * MB;
    await live(world, 60);
    assert.deepEqual([world.engine.images.size, world.engine.cachedBytes()], [20, 500 * MB], world.log.join('\n'));
    assert.match(world.log.join('\n'), /collected: no image; 0 B freed.*, and 500 MB of build cache/);
  });

  it('asks for the build cache only where a target has to be met, and goes on where the engine cannot tell', async () => {
    const world = await worldOf(20);
    let asked = 0;
    world.engine.onCall = ({ kind }) => {
      if (kind !== 'readBuildCache') return;
      asked += 1;
      throw new OperatingError({ kind: 'engine-refused', operation: 'ask', subject: 's', problem: 'no', hint: null });
    };
    await live(world, 10);
    assert.equal(asked, 0);
    world.engine.otherBytes = 6_500 * MB;
    await live(world, 10);
    assert.deepEqual([asked > 0, world.engine.images.size], [true, 19]);
  });

  it('makes room below the mark for a pull that needs more than is free, and not for what another process writes', async () => {
    for (const isUnderWay of [true, false]) {
      const world = await worldOf(20, { highFraction: 0.95 });
      world.engine.receiving = { isUnderWay, missingBytes: bytes(isUnderWay ? 1_250 * MB : 0) };
      world.engine.otherBytes = 7_000 * MB;
      await live(world, 2);
      assert.equal(world.engine.images.size, isUnderWay ? 17 : 20, world.log.join('\n'));
    }
  });

  it('takes no image for a burst of another process but those that the mark asks for', async () => {
    const world = await worldOf(20);
    world.engine.receiving = { isUnderWay: true, missingBytes: bytes(0) };
    await live(world, 4);
    world.engine.otherBytes = 6_600 * MB;
    await live(world, 60);
    assert.equal(world.engine.images.size, 18, world.log.join('\n'));
  });
});
