/** Faults of Azure IoT Edge's image garbage collection (`docs/design.md` §1), each with a test that fails where we have it too. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadSettings } from '../../src/cli/settings/load-settings.ts';
import { prepareCollection } from '../../src/collect/collection.ts';
import { durationMs, wallMs } from '../../src/model/brands.ts';
import type { ClockReading } from '../../src/model/clock.ts';
import { OperatingError } from '../../src/model/error.ts';
import { writeFileAtomically } from '../../src/store/atomic-file.ts';
import { openSqliteStore } from '../../src/store/open-sqlite-store.ts';
import { SqliteDatabase } from '../../src/store/sqlite-database.ts';
import { parseImageUse } from '../../src/usage/image-use.ts';
import { addImage, age, type CollectWorld, collect, collectWorld, contextOf, digestOf, outcomesOf } from '../worlds/collect-world.ts';
import { DAY_MS, NOW_MS, POLICY, pattern } from '../worlds/world.ts';

const KEY = 'memory-engine/memory';
const APP = 'docker.io/lab/app:1';
const BOOT = 'docker.io/lab/bootstrap';
const directory = mkdtempSync(join(tmpdir(), 'imagegc-original-'));
after(() => rmSync(directory, { recursive: true }));

function newDirectory(): string {
  return mkdtempSync(join(directory, 'case-'));
}

/** An image that nothing uses, seen for the first time. */
async function freshWorld(): Promise<CollectWorld> {
  const world = collectWorld();
  addImage(world, 'app', [APP]);
  await prepareCollection(contextOf(world));
  return world;
}

/** The same boot, with the wall clock somewhere else. */
function clockWith(world: CollectWorld, wallDays: number): () => ClockReading {
  return () => ({ ...contextOf(world).readClock(), wallMs: wallMs(NOW_MS + wallDays * DAY_MS) });
}

function hasKind(kind: string): (error: unknown) => boolean {
  return (error) => error instanceof OperatingError && error.kind === kind;
}

describe('what IoT Edge gets wrong', () => {
  for (const wallDays of [-3_650, -8, 8, 18_250]) {
    it(`a clock set to ${wallDays} days from now makes no image look ancient`, async () => {
      const world = await freshWorld();
      const report = await collect(world, { readClock: clockWith(world, wallDays) });
      assert.deepEqual([report.plan.removals, world.engine.images.size], [[], 1]);
      const again = await collect(world);
      assert.deepEqual([again.plan.removals, world.engine.images.size], [[], 1]);
    });
  }

  it('a stamp in the future counts as now', () => {
    const { entries, bad } = parseImageUse(Buffer.from(`sha256:a ${NOW_MS / 1_000 + 1e9}\n`), wallMs(NOW_MS));
    assert.deepEqual([entries, bad], [[{ imageId: 'sha256:a', lastUsedSeconds: NOW_MS / 1_000 }], []]);
  });

  it('an empty line costs nothing, and a damaged one only itself', () => {
    const seconds = NOW_MS / 1_000 - 5;
    const text = `\nsha256:a ${seconds}\n\nsha256:b\nsha256:c yesterday\n\0\0\0\nsha256:d ${seconds}\nsha256:e 17`;
    const { entries, bad } = parseImageUse(Buffer.from(text), wallMs(NOW_MS));
    assert.deepEqual(
      entries.map(({ imageId }) => imageId),
      ['sha256:a', 'sha256:d'],
    );
    assert.deepEqual(
      bad.map(({ lineNumber }) => lineNumber),
      [4, 5, 6, 8],
    );
  });

  it('a failed write is an error, leaves the old content, and removes nothing', async () => {
    const taken = newDirectory();
    writeFileSync(join(taken, 'old'), 'old');
    assert.throws(() => writeFileAtomically(taken, 'new'), OperatingError);
    assert.throws(() => writeFileAtomically(join(taken, 'none', 'image_use'), 'new'), OperatingError);
    assert.equal(readFileSync(join(taken, 'old'), 'utf8'), 'old');

    const world = collectWorld();
    addImage(world, 'app', [APP]);
    const place = { directory: newDirectory() };
    world.store = openSqliteStore(place);
    await age(world);
    world.store[Symbol.dispose]();
    world.store = openSqliteStore({ ...place, access: 'read-only' });
    await assert.rejects(collect(world), hasKind('permission'));
    await assert.rejects(collect(world, { mayWrite: false }), hasKind('permission'));
    assert.deepEqual([...world.engine.names.keys()], [APP]);
    world.store[Symbol.dispose]();
  });

  it('what is acknowledged is synced: every transaction of the store is written through to the disk', () => {
    const place = newDirectory();
    openSqliteStore({ directory: place })[Symbol.dispose]();
    const [file = ''] = readdirSync(place).filter((name) => name.endsWith('.db'));
    using database = new SqliteDatabase(join(place, file), join(place, file), false);
    // 2 is FULL: https://www.sqlite.org/pragma.html#pragma_synchronous
    assert.deepEqual(
      database.read((row) => row[0], 'PRAGMA synchronous'),
      [2],
    );
  });

  it('the record of an image whose removal failed stays, and it is tried again', async () => {
    const world = await freshWorld();
    world.day = 8;
    const image = world.engine.find(APP)?.id ?? assert.fail();
    world.engine.failures.set(image, 'device or resource busy');
    assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'failed' });
    assert.equal(world.store.readUsage(KEY).records.get(image)?.firstSeen.idleMs, 0);
    world.engine.failures.clear();
    world.day += 1;
    assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'removed' });
    assert.equal(world.store.readUsage(KEY).records.has(image), false);
  });

  it('the use that a run sees is not overwritten by the old stamp: the image is young after its container went', async () => {
    const world = await freshWorld();
    world.day = 30;
    world.engine.createContainer({ image: APP, state: 'exited' });
    await collect(world);
    world.engine.containers.clear();
    // Nobody saw when it went, so it counts as used until it was missed.
    for (const day of [36.9, 37, 43.8]) {
      world.day = day;
      assert.deepEqual((await collect(world)).plan.removals, []);
    }
    world.day = 43.9;
    assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'removed' });
  });

  it('nothing is forced: an image that the engine will not give up stays, with all its names', async () => {
    const world = await freshWorld();
    addImage(world, 'app', [APP, 'host:5000/mirror/app:1']);
    world.day = 8;
    await prepareCollection(contextOf(world));
    let isCreated = false;
    world.engine.onCall = ({ kind, subject }, phase) => {
      if (isCreated || phase !== 'before' || kind !== 'removeName' || !subject.includes('imagegc.hold')) return;
      isCreated = true;
      world.engine.createContainer({ image: world.engine.find(subject)?.id ?? assert.fail(), state: 'exited' });
    };
    assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'refused' });
    assert.equal(isCreated, true);
    assert.deepEqual([...world.engine.names.keys()].toSorted(), [APP, 'host:5000/mirror/app:1']);
  });

  for (const [how, text] of [
    ['by digest', `${BOOT}@${digestOf('bootstrap')}`],
    ['by tag', `${BOOT}:1`],
    ['by a digest alone', digestOf('bootstrap')],
  ] as const) {
    it(`a bootstrap image given ${how} is protected`, async () => {
      const world = collectWorld({ protect: { ...POLICY.protect, references: [pattern(text)] } });
      addImage(world, 'bootstrap', how === 'by tag' ? [`${BOOT}:1`] : [], [`${BOOT}@${digestOf('bootstrap')}`]);
      addImage(world, 'app', [APP]);
      await age(world);
      assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'removed' });
      assert.equal(world.engine.images.size, 1);
    });
  }

  it('containers that somebody else created count, in every state and whatever their labels', async () => {
    const world = collectWorld();
    for (const [index, state] of ['created', 'running', 'paused', 'exited', 'dead'].entries()) {
      const image = addImage(world, `theirs${index}`, [`docker.io/theirs/app${index}:1`]);
      world.engine.createContainer({ image, state, labels: { 'com.example.owner': 'someone' } });
    }
    await age(world);
    assert.deepEqual(
      (await collect(world)).plan.verdicts.map(({ reason }) => reason),
      Array(5).fill('in-use'),
    );
  });

  it('an error while listing ends that run alone: it removes nothing, and the next one does its work', async () => {
    for (const kind of ['listImages', 'listContainers'] as const) {
      const world = await freshWorld();
      world.day = 8;
      world.engine.onCall = (call) => {
        if (call.kind === kind)
          throw new OperatingError({ kind: 'engine-unreachable', operation: 'list', subject: kind, problem: 'no answer', hint: null });
      };
      await assert.rejects(collect(world), hasKind('engine-unreachable'));
      assert.equal(world.engine.images.size, 1);
      world.engine.onCall = () => undefined;
      assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'removed' });
    }
  });

  it('a recurrence of 0 is refused when the settings load', () => {
    const load = (recurrence: string) =>
      loadSettings({
        readFile: () => `[image_garbage_collection]\ncleanup_recurrence = "${recurrence}"\n`,
        listDirectory: () => [],
        configPath: '/etc/aziot/config.toml',
        environment: {},
        flags: new Map(),
        isRoot: true,
        home: '/root',
      });
    for (const none of ['0d', '0s', '0']) assert.throws(() => load(none), hasKind('settings'), none);
    assert.equal(load('1d').settings['rules.unused_for'], durationMs(7 * DAY_MS));
  });
});
