import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as v from 'valibot';
import { DOCKER_KINDS, type DockerKind, type Lab } from '../lab/lab.ts';
import { find, nothingKnown } from './contract-images.ts';
import { type DockerWorld, dockerFeatures, openDockerWorld } from './docker-world.ts';
import { describeEvents } from './events-contract.ts';
import { openLabOfRun } from './lab-of-run.ts';
import { describeRuntimeContract } from './runtime-contract.ts';

const accounting = v.object({ LayersSize: v.number() });

const lab = await openLabOfRun(DOCKER_KINDS.map((kind) => `runtime contract on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  for (const kind of DOCKER_KINDS) {
    describeRuntimeContract(kind, dockerFeatures(kind), () => openDockerWorld(lab, kind));
    describeAccounting(lab, kind);
    describeHiddenFiles(lab, kind);
  }
}

/** Bytes are right when they are what the engine itself counts; on an engine of its own, because every image counts. */
function describeAccounting(lab: Lab, kind: DockerKind): void {
  describe(`bytes on ${kind}`, () => {
    let world: DockerWorld;
    before(async () => {
      world = await openDockerWorld(lab, kind);
    });
    after(() => world.close());
    const layersSize = async () => v.parse(accounting, (await world.engine.request('GET', '/system/df')).body).LayersSize;
    const observedSize = async () => {
      const { inventory } = await world.runtime.observe(nothingKnown);
      return [...inventory.layers.values()].reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? Number.NaN), 0);
    };

    test('layers of a full inventory sum up to what the engine counts, before and after a removal', async () => {
      const { addImage, pullImage, commit, runtime } = world;
      await addImage({
        repository: 'docker.io/lab/a',
        tags: ['1'],
        layers: [
          ['base', 8],
          ['mid', 40],
          ['a', 90],
        ],
      });
      await addImage({
        repository: 'docker.io/lab/b',
        tags: ['1'],
        layers: [
          ['base', 8],
          ['mid', 40],
          ['b', 70],
        ],
      });
      await pullImage('team/a', 'tag');
      await pullImage('team/b', 'digest');
      await commit('docker.io/lab/a:1', 'docker.io/lab/child:1');
      // Docker 28, containerd store, does not fetch the blobs of layers that are unpacked, and then cannot tell the image's layers.
      await addImage({
        repository: 'docker.io/lab/same',
        tags: ['1'],
        layers: [
          ['base', 8],
          ['team/same', 4],
        ],
      });
      const same = await pullImage('team/same', 'tag');
      assert.equal(find((await runtime.observe(nothingKnown)).inventory, same.id).layers?.slice(0, 2).length, 2);
      assert.equal(await observedSize(), await layersSize());
      await runtime.removeName('docker.io/lab/child:1');
      await runtime.removeName('docker.io/lab/b:1');
      assert.equal(await observedSize(), await layersSize());
    });

    test('what a removal is expected to free is what the engine frees', async () => {
      const id = await world.addImage({
        repository: 'docker.io/lab/c',
        tags: ['1'],
        layers: [
          ['base', 8],
          ['mid', 40],
          ['c', 300],
        ],
      });
      const { images, layers } = (await world.runtime.observe(nothingKnown)).inventory;
      const kept = new Set(images.flatMap((image) => (image.id === id ? [] : (image.layers ?? []))));
      const own = (images.find((image) => image.id === id)?.layers ?? []).filter((layer) => !kept.has(layer));
      const expected = own.reduce((sum, layer) => sum + (layers.get(layer)?.sizeBytes ?? Number.NaN), 0);
      const sizeBefore = await layersSize();
      await world.runtime.removeName('docker.io/lab/c:1');
      assert.equal(sizeBefore - (await layersSize()), expected);
      assert.ok(expected > 300_000);
    });
  });
}

/** With the socket alone, as in a container, less is known, and nothing is guessed. */
function describeHiddenFiles(lab: Lab, kind: DockerKind): void {
  describe(`${kind} without its files`, () => {
    let world: DockerWorld;
    before(async () => {
      world = await openDockerWorld(lab, kind, { hideFiles: true });
    });
    after(() => world.close());
    // The engine has to be asked for the image of every container there.
    describeEvents(() => world, dockerFeatures(kind));

    test('the disk is unknown, and layer sizes are an upper bound', async () => {
      const { addImage, runtime, engine } = world;
      await addImage({
        repository: 'docker.io/lab/a',
        tags: ['1'],
        layers: [
          ['base', 8],
          ['a', 90],
        ],
      });
      await addImage({
        repository: 'docker.io/lab/b',
        tags: ['1'],
        layers: [
          ['base', 8],
          ['b', 70],
        ],
      });
      const { disk, layers } = (await runtime.observe(nothingKnown)).inventory;
      const sum = [...layers.values()].reduce((total, { sizeBytes }) => total + (sizeBytes ?? Number.NaN), 0);
      assert.deepEqual([disk, await runtime.measureDisk()], [null, null]);
      assert.ok(sum >= v.parse(accounting, (await engine.request('GET', '/system/df')).body).LayersSize);
    });

    test('an image mounted by digest or ID is known, and one mounted by tag is doubt', async () => {
      const { pullImage, createContainer, removeContainer, runtime } = world;
      const { id, references, digests } = await pullImage('team/mounted', 'tag');
      const creating = createContainer({ image: id, name: 'by-digest', state: 'created', mounts: [...digests, id] });
      if (world.features.imageMounts === 'none') return assert.rejects(creating);
      const sure = await creating;
      const unsure = await createContainer({ image: id, name: 'by-tag', state: 'created', mounts: references });
      const uses = await runtime.listContainers();
      const { doubts } = (await runtime.observe(nothingKnown)).inventory;
      for (const container of [sure, unsure]) await removeContainer(container);
      assert.deepEqual(uses.find((use) => use.id === sure)?.imageIds, [id, id, id]);
      assert.deepEqual(
        [sure, unsure].map((each) => uses.find((use) => use.id === each)?.isComplete),
        [true, false],
      );
      assert.deepEqual(
        doubts.map(({ kind: doubt }) => doubt),
        ['in-use-unknown'],
      );
      assert.match(doubts[0]?.message ?? '', /by-tag/);
    });
  });
}
