/** Whatever holds an image on Podman survives two hundred collections that remove everything else, and what is freed is what was expected. */
import assert from 'node:assert/strict';
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import * as v from 'valibot';
import { kindsOf, openLabOfRun } from '../contract/lab-of-run.ts';
import { type Lab, type LabEngine, PODMAN_KINDS, type PodmanKind } from '../lab/lab.ts';
import { runInProcess } from './cli-world.ts';
import { imageOf, readAllNames, readLayersSize } from './engine-names.ts';
import { describeEngine, mountImage } from './image-scene.ts';
import { makeFolder } from './imagegc-process.ts';
import { EVERYTHING } from './race-host.ts';

const COLLECTIONS = 200;
/** stat(2) counts in these. */
const BLOCK_BYTES = 512;
const EXIT_TARGET_NOT_REACHED = 4;
const KEPT = ['running', 'created', 'exited', 'working', 'mounted'] as const;
const report = v.object({
  plan: v.object({ expectedFreedBytes: v.number() }),
  results: v.array(v.object({ imageId: v.string(), outcome: v.string() })),
});

const lab = await openLabOfRun(PODMAN_KINDS.map((kind) => `containers of ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  for (const kind of kindsOf(lab, PODMAN_KINDS, 'containers')) describeKind(lab, kind);
}

function describeKind(lab: Lab, kind: PodmanKind): void {
  describe(`collect on ${kind}`, () => {
    test(`images of running, created, ended and Buildah's containers, and a mounted one, survive ${COLLECTIONS} collections`, async (t) => {
      const engine = await lab.start(kind);
      using folder = makeFolder();
      await engine.loadImages(KEPT.map((name) => ({ repository: `lab/${name}`, tags: ['1'], layers: [{ key: name, kb: 4 }] })));
      await engine.run({ image: 'docker.io/lab/running:1', name: 'runs' });
      await engine.run({ image: 'docker.io/lab/created:1', name: 'created', createOnly: true });
      await engine.stopContainer(await engine.run({ image: 'docker.io/lab/exited:1', name: 'exited' }));
      await engine.exec('buildah', 'from', 'docker.io/lab/working:1');
      assert.equal((await mountImage(engine, 'docker.io/lab/running:1', 'docker.io/lab/mounted:1')).status, 201);
      const names = await readAllNames(engine);
      let removed = 0;
      for (let round = 0; round < COLLECTIONS; round += 1) {
        const tags = round % 3 === 0 ? [] : round % 3 === 1 ? ['1'] : ['1', '2'];
        await engine.loadImages([{ repository: `lab/unused${round}`, tags, layers: [{ key: `unused${round}`, kb: 1 }], runnable: false }]);
        const { results } = await collect(engine, join(folder.path, 'store'));
        assert.deepEqual(
          results.map(({ outcome }) => outcome),
          ['removed'],
        );
        removed += results.length;
        assert.deepEqual(await readAllNames(engine), names, `after collection ${round + 1}`);
      }
      t.diagnostic(`${await describeEngine(engine)}: ${removed} images removed in ${COLLECTIONS} collections, ${KEPT.length} kept`);
      await engine.stop();
    });

    test('what big and small files free is what was expected, or more', async (t) => {
      const engine = await lab.start(kind);
      using folder = makeFolder();
      const layers = { big: { key: 'big', kb: 20_000 }, small: { key: 'small', kb: 5_000, files: 5_000 } };
      for (const [name, layer] of Object.entries(layers)) {
        await engine.loadImages([{ repository: `lab/${name}`, tags: ['1'], layers: [layer], runnable: false }]);
        await imageOf(engine, `docker.io/lab/${name}:1`);
        const before = { counted: await readLayersSize(engine), onDisk: measureBlocks(engine.dataRoot) };
        const { plan, results } = await collect(engine, join(folder.path, 'store'));
        assert.equal(results.length, 1);
        const counted = before.counted - (await readLayersSize(engine));
        const onDisk = before.onDisk - measureBlocks(engine.dataRoot);
        t.diagnostic(
          `${await describeEngine(engine)}, ${name}: ${plan.expectedFreedBytes} B expected, ${counted} B by the engine, ${onDisk} B on disk`,
        );
        assert.equal(plan.expectedFreedBytes, counted);
        assert.ok(onDisk >= plan.expectedFreedBytes * 0.95, `${onDisk} B`);
      }
      await engine.stop();
    });
  });
}

async function collect(engine: LabEngine, store: string): Promise<v.InferOutput<typeof report>> {
  const words = ['--json', '--store-path', store, '--engine-address', `unix://${engine.socketPath}`];
  // Nothing settles here: nobody creates a container meanwhile.
  const { status, stdout, stderr } = await runInProcess(['collect', '--yes', ...EVERYTHING, ...words], 0, { wait: async () => undefined });
  assert.equal(status, EXIT_TARGET_NOT_REACHED, stderr);
  return v.parse(report, JSON.parse(stdout));
}

/** Bytes of all blocks below a folder, each file once; what vanishes meanwhile counts nothing. */
function measureBlocks(folder: string): number {
  const blocks = new Map<number, number>();
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    // A short link to each layer leads to its folder, whose files are met twice.
    const found = lstatSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    if (found !== undefined) blocks.set(found.ino, found.blocks * BLOCK_BYTES);
  }
  return [...blocks.values()].reduce((sum, bytes) => sum + bytes, 0);
}
