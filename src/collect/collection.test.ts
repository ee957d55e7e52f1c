import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  addImage,
  age,
  type CollectWorld,
  collect,
  collectWorld,
  contextOf,
  digestOf,
  namesOf,
  outcomesOf,
} from '../../test/worlds/collect-world.ts';
import { POLICY } from '../../test/worlds/world.ts';
import { OperatingError } from '../model/error.ts';
import { openMemoryStore } from '../store/open-sqlite-store.ts';
import { prepareCollection } from './collection.ts';

const APP = 'docker.io/lab/app:1';
const KEPT = 'docker.io/lab/kept:1';

/** One old image that may go, one that a container holds. */
async function oldWorld(references: readonly string[] = [APP], digests: readonly string[] = []): Promise<CollectWorld> {
  const world = collectWorld();
  addImage(world, 'app', references, digests);
  addImage(world, 'kept', [KEPT]);
  world.engine.createContainer({ image: KEPT, state: 'exited' });
  await age(world);
  return world;
}

/** Runs something before the n-th call of a kind. */
function before(world: CollectWorld, kind: string, subject: RegExp, act: () => void): void {
  let isDone = false;
  world.engine.onCall = (call, phase) => {
    if (isDone || phase !== 'before' || call.kind !== kind || !subject.test(call.subject)) return;
    isDone = true;
    act();
  };
}

describe('a collection', () => {
  it('removes what is old, and nothing else', async () => {
    const world = await oldWorld();
    const report = await collect(world);
    assert.deepEqual(outcomesOf(report), { [APP]: 'removed' });
    assert.deepEqual(Object.keys(namesOf(world)), [KEPT]);
    assert.equal(report.freedBytes, 10);
    assert.equal(report.measuredBytes, 10);
  });

  it('removes an image with tags and digests in two repositories', async () => {
    const world = await oldWorld(
      [APP, 'docker.io/lab/app:2', 'host:5000/x:1'],
      [`docker.io/lab/app@${digestOf('a')}`, `host:5000/x@${digestOf('a')}`],
    );
    assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'removed' });
    assert.deepEqual(Object.keys(namesOf(world)), [KEPT]);
  });

  it('removes images that cannot be held: by digest only, without a name, and with a tag too long for a hold', async () => {
    const long = `docker.io/lab/long:${'t'.repeat(120)}`;
    const world = collectWorld();
    addImage(world, 'byDigest', [], [`docker.io/lab/d@${digestOf('d')}`]);
    addImage(world, 'twice', [], [`docker.io/lab/d@${digestOf('e')}`, `docker.io/lab/e@${digestOf('e')}`]);
    addImage(world, 'loose', []);
    addImage(world, 'long', [long]);
    await age(world);
    const report = await collect(world);
    assert.deepEqual([...new Set(report.results.map(({ outcome }) => outcome.kind))], ['removed']);
    assert.equal(world.engine.images.size, 0);
  });

  it('writes history that names the digests, and forgets the record', async () => {
    const digest = `docker.io/lab/app@${digestOf('a')}`;
    const world = await oldWorld([APP], [digest]);
    await collect(world);
    const key = 'memory-engine/memory';
    assert.deepEqual(
      world.store.readRemovals(key, 9).map(({ outcome, digests }) => [outcome, digests]),
      [['removed', [digest]]],
    );
    assert.equal(world.store.readUsage(key).records.size, 1);
    assert.deepEqual(world.store.readIntents(key), []);
  });

  it('finishes the batch under way and begins no other when it is interrupted', async () => {
    const world = collectWorld();
    for (let index = 0; index < 40; index++) addImage(world, `i${index}`, [`docker.io/lab/i${index}:1`]);
    await age(world);
    const report = await collect(world, { onBatch: () => world.signal.abort() });
    assert.deepEqual([report.results.length, report.stopped, world.engine.images.size], [32, 'interrupted', 8]);
  });

  it('stops a plan with a target when under half of what was expected came free, and says why', async () => {
    const world = collectWorld();
    for (let index = 0; index < 40; index++)
      world.engine.addImage({ layers: [[`big${index}`, 100_000_000]], references: [`docker.io/lab/i${index}:1`] });
    await age(world);
    let filled = 0;
    world.engine.onCall = (call, phase) => {
      if (phase === 'before' && call.kind === 'measureDisk' && filled++ === 1)
        world.engine.addImage({ layers: [['filler', 30e9]], references: ['docker.io/lab/filler:1'] });
    };
    const context = { ...contextOf(world), policy: { ...POLICY, unusedForMs: null, disk: { ...POLICY.disk, maxImages: 1 } } };
    const report = await collect(world, { policy: context.policy });
    assert.equal(report.results.length, 32);
    assert.match(report.stopped ?? '', /came free where 3.20 GB were expected/);
  });
});

describe('a collection that meets a changed world', () => {
  it('gives names back when a container was created by name just before they went', async () => {
    const world = await oldWorld([APP, 'docker.io/lab/app:2'], [`docker.io/lab/app@${digestOf('a')}`]);
    const names = namesOf(world);
    before(world, 'removeName', /app:1$/, () => world.engine.createContainer({ image: APP }));
    assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'in-use' });
    assert.deepEqual(namesOf(world), names);
  });

  it('leaves an image alone that a container uses by now', async () => {
    const world = await oldWorld();
    const names = namesOf(world);
    before(world, 'readNames', /./, () => world.engine.createContainer({ image: APP }));
    assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'in-use' });
    assert.deepEqual(namesOf(world), names);
  });

  it('leaves an image alone that gained a name since the plan', async () => {
    const world = await oldWorld();
    before(world, 'readNames', /./, () => world.engine.names.set('docker.io/lab/new:1', world.engine.find(APP)?.id ?? assert.fail()));
    assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'changed' });
    assert.equal(world.engine.names.has(APP), true);
  });

  for (const digests of [[], [`docker.io/lab/app@${digestOf('a')}`]]) {
    for (const gained of ['docker.io/lab/new:1', `docker.io/lab/new@${digestOf('b')}`]) {
      it(`gives names back when an image with ${digests.length} digests gained ${gained.slice(0, 19)} while it was held`, async () => {
        const world = await oldWorld([APP], digests);
        const id = world.engine.find(APP)?.id ?? assert.fail();
        before(world, 'removeName', /app:1$/, () => world.engine.names.set(gained, id));
        assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'changed' });
        assert.deepEqual(world.engine.namesOf(id).toSorted(), [APP, gained, ...digests].toSorted());
      });
    }
  }

  it('gives the tag back when an image without digests gained one as late as its deletion', async () => {
    const world = await oldWorld();
    const id = world.engine.find(APP)?.id ?? assert.fail();
    before(world, 'removeName', /imagegc/, () => world.engine.names.set('docker.io/lab/new:1', id));
    assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'changed' });
    assert.deepEqual(world.engine.namesOf(id).toSorted(), [APP, 'docker.io/lab/new:1']);
  });

  for (const isUsed of [false, true]) {
    it(`leaves a tag where someone moved it during the hold (${isUsed ? 'a container uses the old image' : 'the old image is unused'})`, async () => {
      const world = await oldWorld();
      const old = world.engine.find(APP)?.id ?? assert.fail();
      world.engine.onCall = (call, phase) => {
        if (phase !== 'after' || call.kind !== 'removeName' || call.subject !== APP) return;
        if (isUsed) world.engine.createContainer({ image: old });
        addImage(world, 'newer', [APP]);
      };
      const report = await collect(world);
      assert.deepEqual(outcomesOf(report), { [APP]: isUsed ? 'in-use' : 'removed' });
      assert.notEqual(world.engine.names.get(APP), old);
      assert.equal(world.engine.images.has(old), isUsed);
      assert.deepEqual(
        [...world.engine.names.keys()].filter((name) => name.includes('imagegc')),
        [],
      );
    });
  }

  it('tells of a container that was created by ID in the last moment', async () => {
    const world = await oldWorld();
    const id = world.engine.find(APP)?.id ?? assert.fail();
    world.engine.onCall = (call, phase) => {
      if (phase !== 'after' || call.kind !== 'removeName' || !call.subject.includes('imagegc')) return;
      addImage(world, 'app', []);
      world.engine.createContainer({ image: id, name: 'late' });
      world.engine.forceRemove(id);
    };
    const report = await collect(world);
    assert.deepEqual(
      report.stranded.map(({ name }) => name),
      ['late'],
    );
  });

  it('tells of a container that is listed only a moment after the last deletion', async () => {
    const world = await oldWorld();
    const id = world.engine.find(APP)?.id ?? assert.fail();
    const wait = async () => {
      if (world.engine.images.has(id)) return;
      addImage(world, 'app', []);
      world.engine.createContainer({ image: id, name: 'late' });
      world.engine.forceRemove(id);
    };
    const report = await collect(world, { wait });
    assert.deepEqual(
      report.stranded.map(({ name }) => name),
      ['late'],
    );
  });

  it('tells nothing of a container whose image somebody brought back before it was created', async () => {
    const world = await oldWorld();
    const id = world.engine.find(APP)?.id ?? assert.fail();
    const wait = async () => {
      if (world.engine.images.has(id)) return;
      addImage(world, 'app', []);
      world.engine.createContainer({ image: id, name: 'well' });
    };
    const report = await collect(world, { wait });
    assert.deepEqual([outcomesOf(report), report.stranded], [{ [APP]: 'removed' }, []]);
  });

  it('keeps the digests in all repositories of an image that a container was created from since the second look', async () => {
    const world = await oldWorld([APP, 'host:5000/x:1'], [`docker.io/lab/app@${digestOf('a')}`, `host:5000/x@${digestOf('a')}`]);
    const [id, names] = [world.engine.find(APP)?.id ?? assert.fail(), namesOf(world)];
    let looks = 0;
    world.engine.onCall = (call, phase) => {
      if (phase === 'after' && call.kind === 'readNames' && ++looks === 2) world.engine.createContainer({ image: id });
    };
    assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'in-use' });
    assert.deepEqual(namesOf(world), names);
  });

  it('counts an image that someone else removed as already gone', async () => {
    const world = await oldWorld();
    before(world, 'readNames', /./, () => world.engine.forceRemove(world.engine.find(APP)?.id ?? assert.fail()));
    assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'already-gone' });
  });

  it('gives names back when the engine refuses, and tries again ever later when it fails', async () => {
    const world = await oldWorld();
    const names = namesOf(world);
    world.engine.failures.set(world.engine.find(APP)?.id ?? assert.fail(), 'disk on fire');
    assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'failed' });
    assert.deepEqual(namesOf(world), names);
    const again = await collect(world);
    assert.equal(again.plan.verdicts.find(({ reason }) => reason === 'held')?.detail, 'its removal failed once (disk on fire)');
    world.day += 1;
    assert.deepEqual(outcomesOf(await collect(world)), { [APP]: 'failed' });
    world.day += 0.01;
    assert.deepEqual(outcomesOf(await collect(world)), {});
  });

  it('refuses to begin while a fresh hold shows that someone else collects', async () => {
    const world = await oldWorld();
    const id = world.engine.find(APP)?.id ?? assert.fail();
    world.engine.names.set('docker.io/lab/app:imagegc.hold.bbbbbbbb-1-1-1-1.1', id);
    world.judge = () => 'alive';
    await assert.rejects(collect(world), (error) => error instanceof OperatingError && error.kind === 'lock-held');
    assert.equal(world.engine.images.size, 2);
  });

  it('removes nothing, and loses no name, when the engine fails at any call', async () => {
    for (let at = 1; ; at++) {
      const world = await oldWorld([APP, 'host:5000/x:1'], [`docker.io/lab/app@${digestOf('a')}`]);
      const names = namesOf(world);
      let calls = 0;
      world.engine.onCall = (_call, phase) => {
        if (phase === 'before' && ++calls === at)
          throw new OperatingError({ kind: 'engine-refused', operation: 'x', subject: 'x', problem: 'x', hint: null });
      };
      const report = await collect(world).catch(() => null);
      if (calls < at) return;
      world.engine.onCall = () => undefined;
      const id = world.engine.find(APP)?.id;
      if (id === undefined) continue;
      // What an engine error in the very last step can cost is a digest in a repository whose hold had gone; it is told.
      const told = report?.results[0]?.outcome.message ?? '';
      const missing = Object.keys(names).filter((name) => !world.engine.names.has(name) && !told.includes(name));
      assert.deepEqual(missing, [], `call ${at}`);
    }
  });
});

describe('a collection after a crash', () => {
  class Killed extends Error {}

  for (const isStoreLost of [false, true]) {
    it(`repairs or completes what was left at any call${isStoreLost ? ', also with the store deleted' : ''}`, async () => {
      let completed = 0;
      for (let at = 1; ; at++) {
        const world = await oldWorld(
          [APP, 'docker.io/lab/app:2', 'host:5000/x:1'],
          // The last is in a repository without a tag, so it does not go with one.
          [`docker.io/lab/app@${digestOf('a')}`, `host:5000/x@${digestOf('a')}`, `host:5000/loose@${digestOf('a')}`],
        );
        const id = world.engine.find(APP)?.id ?? assert.fail();
        const names = namesOf(world);
        let calls = 0;
        // A killed process makes no further call: from the n-th on, all fail.
        const half = Math.floor(at / 2);
        world.engine.onCall = (_call, phase) => {
          if (phase === 'before') calls++;
          if (calls > half || (calls === half && phase === 'after' && at % 2 === 1)) throw new Killed();
        };
        const isKilled = await collect(world).then(
          () => false,
          (error) => error instanceof Killed || assert.fail(error),
        );
        world.engine.onCall = () => undefined;
        world.run = 'later';
        if (isStoreLost) world.store = openMemoryStore();
        await prepareCollection(contextOf(world));
        const left = [...world.engine.names.keys()].filter((name) => name.includes('imagegc'));
        assert.deepEqual(left, [], `step ${at}: no hold is left`);
        if (world.engine.images.has(id)) assert.deepEqual(namesOf(world), names, `step ${at}: no name is lost`);
        else completed++;
        assert.deepEqual(world.store.readIntents('memory-engine/memory'), [], `step ${at}: no intent is left`);
        if (!isKilled) break;
      }
      assert.ok(completed > 0);
    });
  }

  it('restores instead of completing when a container uses the image by now', async () => {
    const world = await oldWorld([APP, 'host:5000/x:1']);
    const id = world.engine.find(APP)?.id ?? assert.fail();
    let isKilled = false;
    world.engine.onCall = (call, phase) => {
      isKilled ||= phase === 'after' && call.kind === 'removeName' && call.subject.includes('app:imagegc.hold');
      if (isKilled) throw new Killed();
    };
    await assert.rejects(collect(world), Killed);
    world.engine.onCall = () => undefined;
    world.engine.createContainer({ image: id });
    world.run = 'later';
    const { repairs } = await prepareCollection(contextOf(world));
    assert.deepEqual(
      repairs.map(({ missing, isCompleted }) => [missing, isCompleted]),
      [[[], false]],
    );
    assert.deepEqual(world.engine.namesOf(id).toSorted(), [APP, 'host:5000/x:1']);
  });
});
