/** The checks that Azure IoT Edge's own image garbage collection has, in our words; `iotedge-faults.test.ts` has what it gets wrong. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { prepareCollection } from '../../src/collect/collection.ts';
import { durationMs, type ImageId, imageId, wallMs } from '../../src/model/brands.ts';
import { planCollection } from '../../src/plan/plan-collection.ts';
import { writeFileAtomically } from '../../src/store/atomic-file.ts';
import { formatImageUse, parseImageUse } from '../../src/usage/image-use.ts';
import { addImage, age, type CollectWorld, collect, collectWorld, contextOf, outcomesOf } from '../worlds/collect-world.ts';
import { DAY_MS, NOW_MS, planInput } from '../worlds/world.ts';

const KEY = 'memory-engine/memory';
const directory = mkdtempSync(join(tmpdir(), 'imagegc-original-'));
after(() => rmSync(directory, { recursive: true }));

function lastUsedDay(world: CollectWorld, image: ImageId): number | null {
  const used = world.store.readUsage(KEY).records.get(image)?.lastUsed ?? null;
  return used === null ? null : used.idleMs / DAY_MS;
}

describe('the checks of IoT Edge', () => {
  it('a new image is recorded, and recording it again moves its stamp forward', async () => {
    const world = collectWorld();
    const image = addImage(world, 'app', ['docker.io/lab/app:1']);
    world.engine.createContainer({ image });
    await prepareCollection(contextOf(world));
    assert.equal(lastUsedDay(world, image), 0);
    world.day = 3;
    await prepareCollection(contextOf(world));
    assert.equal(lastUsedDay(world, image), 3);
  });

  it('six images recorded, four in use, the threshold passed: two are removed', async () => {
    const world = collectWorld();
    const names = [1, 2, 3, 4, 5, 6].map((number) => `docker.io/lab/module${number}:1`);
    for (const name of names) {
      addImage(world, name, [name]);
      world.engine.createContainer({ image: name });
    }
    await prepareCollection(contextOf(world));
    for (const [id, { imageName }] of world.engine.containers) if (/module[56]/.test(imageName ?? '')) world.engine.containers.delete(id);
    // Within a minute a look takes no use back that another may have recorded.
    world.day = 1;
    await age(world);
    const report = await collect(world);
    assert.deepEqual(outcomesOf(report), { 'docker.io/lab/module5:1': 'removed', 'docker.io/lab/module6:1': 'removed' });
    assert.deepEqual([...world.engine.names.keys()], names.slice(0, 4));
  });

  it('replacing the file works when neither it nor its temporary file exists, and again when it does', () => {
    const path = join(directory, 'image_use');
    for (const content of ['first 1\n', 'second 2\n']) {
      writeFileAtomically(path, content);
      assert.equal(readFileSync(path, 'utf8'), content);
      assert.deepEqual(readdirSync(directory), ['image_use']);
    }
  });

  it('written records are read back whole', () => {
    const entries = Array.from({ length: 100 }, (_, index) => {
      return { imageId: imageId(`sha256:${String(index).padStart(64, '0')}`), lastUsedSeconds: NOW_MS / 1_000 - index };
    });
    const path = join(directory, 'image_use');
    writeFileAtomically(path, formatImageUse(entries));
    assert.deepEqual(parseImageUse(readFileSync(path), wallMs(NOW_MS)), { entries, bad: [] });
  });

  it('planning over nothing gives nothing', () => {
    const { removals, verdicts, refusal } = planCollection(planInput({ images: [] }));
    assert.deepEqual([removals, verdicts, refusal], [[], [], null]);
  });

  it('seven recorded, three in use of five in-use IDs, one 12 h old, three older than a day: exactly the three go and four stay', () => {
    const old = ['old1', 'old2', 'old3'].map((name, index) => ({ name, usedDaysAgo: 1 + index }));
    const used = ['used1', 'used2', 'used3'].map((name) => ({ name, usedDaysAgo: 60 }));
    const plan = planCollection(
      planInput({
        images: [...old, ...used, { name: 'fresh', usedDaysAgo: 0.5 }],
        containers: [...used.map(({ name }) => name), 'elsewhere1', 'elsewhere2'].map((of) => ({ of })),
        policy: { unusedForMs: durationMs(DAY_MS), scope: 'recorded' },
      }),
    );
    assert.deepEqual(plan.removals.map(({ imageId: id }) => id).toSorted(), ['old1', 'old2', 'old3']);
    const kept = plan.verdicts.filter(({ verdict }) => verdict === 'keep').map(({ imageId: id, reason }) => `${id} ${reason}`);
    assert.deepEqual(kept.toSorted(), ['fresh recently-used', 'used1 in-use', 'used2 in-use', 'used3 in-use']);
  });
});
