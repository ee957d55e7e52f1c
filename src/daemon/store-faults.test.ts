import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import { newDirectory } from '../../test/contract/store-directory.ts';
import { type DaemonWorld, MINUTE_MS, worldOnDisk } from '../../test/worlds/daemon-world.ts';
import { DAY_MS, HOUR_MS } from '../../test/worlds/world.ts';
import { imageId } from '../model/brands.ts';
import { OperatingError } from '../model/error.ts';
import { SqliteDatabase } from '../store/sqlite-database.ts';

const SHOWN = v.object({
  problems: v.array(v.string()),
  pending: v.nullable(v.number()),
  errors: v.array(v.string()),
  isThere: v.array(v.boolean()),
});
const TOLD = v.object({ during: SHOWN, after: SHOWN, recordedMs: v.number() });

const GARBAGE = 'no database at all, '.repeat(1_000);

/** Things that happen to a store on disk while a daemon works with it. */
const LOSSES: Readonly<Record<string, (path: string, directory: string) => void>> = {
  'its directory is deleted': (_, directory) => rmSync(directory, { recursive: true }),
  'its file alone is deleted': (path) => rmSync(path),
  'its file is overwritten in place': (path) => writeFileSync(path, GARBAGE),
  'another file is renamed over it': (path) => {
    writeFileSync(`${path}.other`, GARBAGE);
    renameSync(`${path}.other`, path);
  },
};

/** A daemon on a real store that has watched for some days; an image is old, and would go in two days. */
async function longRunning(directory: string): Promise<{ readonly world: DaemonWorld; readonly old: string }> {
  const world = worldOnDisk(directory);
  const old = world.pull('old');
  assert.equal(await world.connect(), true, world.log.join('\n'));
  await world.live(5 * 24);
  return { world, old };
}

describe('a daemon whose store is lost', () => {
  for (const [name, lose] of Object.entries(LOSSES)) {
    it(`says so when ${name}, and goes on with another in which everything counts as used now`, async () => {
      const directory = `${newDirectory()}/store`;
      const { world, old } = await longRunning(directory);
      const lines = world.log.length;
      lose(world.store.path, directory);
      const used = world.pull('used');
      world.pass(2 * MINUTE_MS);
      await world.tick();
      assert.match(world.log.slice(lines).join('\n'), /error: the store .* was deleted or replaced/);
      world.engine.removeContainer(world.engine.createContainer({ image: used }));
      world.pass(2 * MINUTE_MS);
      await world.tick();
      assert.deepEqual(world.daemon.status().problems, []);
      assert.deepEqual([world.idleMs(used), world.ageMs(old)], [2 * MINUTE_MS, 2 * MINUTE_MS]);
      await world.live(6 * 24 + 20);
      assert.ok(world.engine.images.has(imageId(old)), world.log.join('\n'));
      await world.live(2 * 24);
      assert.ok(!world.engine.images.has(imageId(old)) && !world.engine.images.has(imageId(used)), world.log.join('\n'));
      assert.equal(world.engine.images.size, 1);
      await world.daemon.run(AbortSignal.abort());
    });
  }
});

describe('a daemon whose store is lost or refuses a write while it works with it', () => {
  for (const kind of ['listImages', 'removeName'] as const) {
    for (const isDeleted of [true, false]) {
      const what = isDeleted ? 'its directory is deleted' : 'a write is refused';
      it(`says so and goes on when ${what} at ${kind} and an event comes, and loses no name`, async () => {
        const directory = `${newDirectory()}/store`;
        const { world } = await longRunning(directory);
        const used = imageId(world.pull('used'));
        let isDone = false;
        world.engine.onCall = (call, phase) => {
          if (isDone || phase === 'after' || call.kind !== kind) return;
          isDone = true;
          if (isDeleted) rmSync(directory, { recursive: true });
          const { store } = world;
          store.writeUsage = () => {
            throw new OperatingError({ kind: 'permission', operation: 'write', subject: store.path, problem: 'no', hint: null });
          };
          world.engine.tag(used, 'docker.io/lab/used:2');
        };
        await world.live(3 * 24);
        assert.equal(isDone, true);
        assert.match(world.log.join('\n'), isDeleted ? /was deleted or replaced/ : /error: .*no/);
        assert.deepEqual(world.daemon.status().problems, []);
        assert.deepEqual(
          [...world.engine.names.keys()].filter((name) => name.includes('imagegc')),
          [],
        );
        assert.ok(world.engine.names.has('docker.io/lab/used:2'));
        await world.daemon.run(AbortSignal.abort());
      });
    }
  }
});

describe('a daemon whose store has a damaged record', () => {
  it('finds it when it looks, sets the store aside, and goes on with another in which everything counts as used now', async () => {
    const directory = newDirectory();
    const { world, old } = await longRunning(directory);
    await world.daemon.run(AbortSignal.abort());
    const file = new SqliteDatabase(world.store.path, world.store.path, false);
    assert.equal(file.run('UPDATE record SET body = replace(body, \'"pulled"\', \'"local"\') WHERE image_id = ?', old), 1);
    file[Symbol.dispose]();
    const lines = world.log.length;
    await world.connect();
    await world.live(1);
    assert.match(world.log.slice(lines).join('\n'), /error: the store was damaged .*every image counts as used now/);
    assert.deepEqual([world.daemon.status().problems, world.daemon.status().isReady], [[], true]);
    assert.ok((world.ageMs(old) ?? assert.fail()) <= HOUR_MS);
    await world.live(6 * 24 + 20);
    assert.ok(world.engine.images.has(imageId(old)), world.log.join('\n'));
    await world.daemon.run(AbortSignal.abort());
  });
});

describe('a daemon whose store cannot be used for three days', () => {
  const isRoot = process.getuid?.() === 0;
  const needsRoot = isRoot ? {} : { skip: 'needs root, to mount a file system' };
  const DRIVER = new URL('../../test/crash/store-fault-driver.ts', import.meta.url).pathname;
  const NOBODY = 65_534;

  /** Lives through a fault in a process with mounts of its own, or as a user whom modes bind. */
  function liveThrough(fault: string): string {
    const directory = `${newDirectory()}/store`;
    mkdirSync(directory, { mode: 0o755 });
    const isOther = isRoot && fault === 'forbidden';
    if (isOther) {
      chownSync(dirname(directory), NOBODY, NOBODY);
      chownSync(directory, NOBODY, NOBODY);
    }
    const [program, ...args] = [...(isRoot && !isOther ? ['unshare', '-m'] : []), process.execPath, DRIVER, fault, directory];
    const { stdout, stderr } = spawnSync(program ?? '', args, { encoding: 'utf8', ...(isOther ? { uid: NOBODY, gid: NOBODY } : {}) });
    return stdout.trim() || stderr;
  }

  for (const [fault, words, skip] of [
    ['full', 'the file system is full', needsRoot],
    ['read-only', 'the file system is mounted read-only', needsRoot],
    ['forbidden', 'permission denied', {}],
  ] as const) {
    it(`because ${words}, says so once, removes nothing, and goes on by itself afterwards with what it learned`, skip, () => {
      const told: unknown = JSON.parse(liveThrough(fault));
      const { during, after, recordedMs } = v.parse(TOLD, told);
      assert.match(during.problems.join('\n'), new RegExp(`^store: .*${words}$`));
      assert.equal(during.errors.filter((line) => line.includes(words)).length, 1);
      assert.deepEqual([during.isThere, during.pending], [[true, true], 1]);
      assert.deepEqual([after.problems, after.pending, after.isThere], [[], 0, [false, true]]);
      assert.ok(recordedMs <= 3 * DAY_MS + HOUR_MS);
    });
  }

  it('is none where the disk is full but the log has room of its own: uses are recorded, and removals go on', needsRoot, () => {
    const { during } = v.parse(TOLD, JSON.parse(liveThrough('full-but-for-the-log')));
    assert.deepEqual(during, { ...during, problems: [], pending: 0, errors: [], isThere: [false, true] });
  });
});
