import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addImage, type CollectWorld, collect, collectWorld, contextOf } from '../../test/worlds/collect-world.ts';
import { DAY_MS } from '../../test/worlds/world.ts';
import { type ContainerId, durationMs } from '../model/brands.ts';
import type { CollectReport } from './collection.ts';
import { look } from './look.ts';

const JOB = 'docker.io/lab/job:1';

/** An image with one container that has ended, looked at once. */
async function worldWithJob(): Promise<{ world: CollectWorld; job: ContainerId }> {
  const world = collectWorld({ containersExitedForMs: durationMs(7 * DAY_MS) });
  addImage(world, 'job', [JOB]);
  const job = world.engine.createContainer({ image: JOB, name: 'job', state: 'exited' });
  await collect(world);
  return { world, job };
}

function rerun({ engine }: CollectWorld, job: ContainerId): void {
  engine.restartContainer(job);
  engine.endContainer(job);
}

function outcomes({ containers }: CollectReport): readonly string[] {
  return containers.map(({ removal, outcome }) => `${removal.name} ${outcome.kind}`);
}

describe('a collection with exited containers', () => {
  it('removes one that was seen to have ended for long enough, and its image when that is old by itself', async () => {
    const { world, job } = await worldWithJob();
    world.day = 6;
    assert.deepEqual(outcomes(await collect(world)), []);
    world.day = 7;
    const report = await collect(world);
    assert.deepEqual([outcomes(report), report.results], [['job removed'], []]);
    assert.equal(world.engine.containers.has(job), false);
    world.day = 8;
    assert.deepEqual((await collect(world)).results, []);
    world.day = 15;
    assert.deepEqual(
      (await collect(world)).results.map(({ outcome }) => outcome.kind),
      ['removed'],
    );
    assert.deepEqual(world.store.readEnded('memory-engine/memory'), new Map());
  });

  it('counts anew when it ran again between two looks', async () => {
    const { world, job } = await worldWithJob();
    world.day = 6;
    rerun(world, job);
    await collect(world);
    world.day = 8;
    assert.deepEqual(outcomes(await collect(world)), []);
    world.day = 13;
    assert.deepEqual(outcomes(await collect(world)), ['job removed']);
  });

  it('counts nothing while the rule is off', async () => {
    const { world } = await worldWithJob();
    world.day = 20;
    assert.deepEqual(outcomes(await collect(world, { policy: { ...world.policy, containersExitedForMs: null } })), []);
  });

  it('leaves one that something is to start again', async () => {
    const { world, job } = await worldWithJob();
    world.engine.ends.delete(job);
    world.day = 20;
    assert.deepEqual(outcomes(await collect(world)), []);
  });

  for (const [what, act] of [
    ['ran again and ended', rerun],
    ['runs', (world, job) => world.engine.restartContainer(job)],
    ['is gone', (world, job) => world.engine.removeContainer(job)],
  ] satisfies [string, (world: CollectWorld, job: ContainerId) => void][]) {
    it(`leaves one that ${what} since the plan`, async () => {
      const { world, job } = await worldWithJob();
      world.day = 8;
      let asked = 0;
      world.engine.onCall = ({ kind }, phase) => {
        if (kind !== 'readEnd' || phase === 'after') return;
        asked += 1;
        if (asked === 2) act(world, job);
      };
      assert.deepEqual(outcomes(await collect(world)), ['job changed']);
    });
  }

  it('leaves one that is started in the last moment: the engine refuses it', async () => {
    const { world, job } = await worldWithJob();
    world.day = 8;
    world.engine.onCall = ({ kind }, phase) => {
      if (kind === 'removeContainer' && phase === 'before') world.engine.restartContainer(job);
    };
    assert.deepEqual(outcomes(await collect(world)), ['job in-use']);
    assert.equal(world.engine.containers.get(job)?.state, 'running');
  });

  it('plans it the same way without writing, and remembers nothing then', async () => {
    const { world } = await worldWithJob();
    world.day = 8;
    const before = world.store.readEnded('memory-engine/memory');
    const { plan } = await look({ ...contextOf(world), mayWrite: false });
    assert.deepEqual(
      plan.containers.map(({ name }) => name),
      ['job'],
    );
    assert.deepEqual(world.store.readEnded('memory-engine/memory'), before);
  });
});
