/** What only Podman has, or does in a way of its own. */
import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openEngineAt } from '../../src/runtime/open-engine.ts';
import { type Lab, PODMAN_KINDS, type PodmanKind } from '../lab/lab.ts';
import { find, local, nothingKnown } from './contract-images.ts';
import { describeEvents } from './events-contract.ts';
import { kindsOf, openLabOfRun } from './lab-of-run.ts';
import { openPodmanWorld, type PodmanWorld, podmanFeatures } from './podman-world.ts';

const lab = await openLabOfRun(PODMAN_KINDS.map((kind) => `rules of ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  for (const kind of kindsOf(lab, PODMAN_KINDS, 'rules')) {
    describe(`rules of ${kind}`, () => {
      let world: PodmanWorld;
      before(async () => {
        world = await openPodmanWorld(lab, kind);
      });
      after(() => world.close());
      describeBuildah(() => world);
      describeNamesAndParents(() => world);
      describeManifestLists(() => world);
      describeReadOnlyStore(lab, kind);
      // Last, because the restart takes the sockets in the engine's folder along.
      describeIdentity(() => world);
    });
    describeHiddenFiles(lab, kind);
  }
}

function describeIdentity(world: () => PodmanWorld): void {
  test('openEngineAt() asks who listens; the identity stays the same over a restart', async () => {
    const { engine, runtime } = world();
    await engine.restart();
    const again = await openEngineAt({ kind: 'unix', socketPath: engine.socketPath });
    again.close();
    assert.equal(again.identity.name, 'podman');
    assert.deepEqual([again.identity.engineId, again.identity.storeId], [`podman${engine.dataRoot}`, 'overlay']);
    assert.equal(again.identity.version, runtime.identity.version);
  });
}

/** Containers that Podman did not make. */
function describeBuildah(world: () => PodmanWorld): void {
  test('a working container of Buildah uses its image, and one made from nothing is no doubt', async () => {
    const { addImage, engine, runtime } = world();
    const id = await addImage(local('working'));
    const names = [await engine.exec('buildah', 'from', 'docker.io/lab/working:1'), await engine.exec('buildah', 'from', 'scratch')];
    const { inventory } = await runtime.observe(nothingKnown);
    const uses = await runtime.listContainers();
    const outcomes = [await runtime.removeName('docker.io/lab/working:1'), await runtime.removeImage(id)];
    await engine.exec('buildah', 'rm', ...names);
    const found = names.map((name) => inventory.containers.find((container) => container.name === name));
    assert.deepEqual(
      found.map((container) => [container?.state, container?.imageId]),
      [
        ['storage', id],
        ['storage', null],
      ],
    );
    assert.deepEqual(
      names.map((name) => uses.find((use) => use.name === name)?.isComplete),
      [true, true],
    );
    assert.deepEqual(inventory.doubts, []);
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['in-use', 'in-use'],
    );
    assert.deepEqual((await runtime.readNames(id))?.references, ['docker.io/lab/working:1']);
  });
}

function describeNamesAndParents(world: () => PodmanWorld): void {
  test('what was pulled by tag and by digest goes with its last tag', async () => {
    const { pullImage, engine, runtime } = world();
    const { id, references, digests } = await pullImage('team/both', 'tag');
    for (const digest of digests) await engine.pull(digest);
    assert.deepEqual(await runtime.readNames(id), { references, digests, holds: [] });
    for (const name of references) {
      assert.deepEqual(await runtime.removeName(name), { kind: 'done', isImageDeleted: true, deletedLayers: null });
    }
    assert.equal(await runtime.readNames(id), null);
  });

  test('a name that Podman completed itself is told completely', async () => {
    const { addImage, engine, runtime } = world();
    const id = await addImage(local('completed'));
    await engine.request('POST', `/v4.0.0/libpod/images/${id}/tag?repo=localhost/own&tag=1`);
    assert.deepEqual((await runtime.readNames(id))?.references, ['docker.io/lab/completed:1', 'localhost/own:1']);
    assert.equal(await runtime.resolveName('localhost/own:1'), id);
  });

  test('a removal that was refused is not told as one', async () => {
    const { addImage, createContainer, removeContainer, runtime } = world();
    const [used, unused] = [await addImage(local('refused')), await addImage(local('unused'))];
    const container = await createContainer({ image: 'lab/refused:1', name: 'refused', state: 'created' });
    const removed: string[] = [];
    const abort = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    const watching = runtime.watch({
      since: null,
      signal: abort.signal,
      onOpen: () => open(),
      onEvents: (events) => {
        removed.push(...events.filter(({ kind }) => kind === 'image-removed').flatMap(({ imageIds }) => imageIds));
        if (removed.includes(unused)) resolve();
      },
    });
    await opened;
    assert.equal((await runtime.removeImage(used)).kind, 'in-use');
    await runtime.removeName('docker.io/lab/unused:1');
    await Promise.race([promise, watching]);
    abort.abort();
    await watching;
    await removeContainer(container);
    assert.deepEqual(new Set(removed), new Set([unused]));
  });
}

/** `podman build --manifest` makes images for several platforms, most of which have no name but in the list. */
function describeManifestLists(world: () => PodmanWorld): void {
  test('a manifest list is no image, and keeps the images that it holds together; its name removes nothing', async () => {
    const { addImage, engine, runtime } = world();
    const [member, other] = [await addImage(local('member')), await addImage(local('no-member'))];
    await engine.exec('podman', 'manifest', 'create', 'docker.io/lab/empty-list:1');
    await engine.exec('podman', 'manifest', 'create', 'docker.io/lab/list:1', 'containers-storage:docker.io/lab/member:1');
    const { inventory } = await runtime.observe(nothingKnown);
    assert.deepEqual([find(inventory, member).leased, find(inventory, other).leased], [true, false]);
    assert.deepEqual(
      inventory.images.flatMap(({ references }) => references.filter((name) => name.includes('list'))),
      [],
    );
    assert.deepEqual(await runtime.removeName('docker.io/lab/list:1'), { kind: 'gone' });
    assert.match(await engine.exec('podman', 'manifest', 'inspect', 'docker.io/lab/list:1'), /sha256:/);
  });
}

/** An additional image store, as a system image of an edge device has one. */
function describeReadOnlyStore(lab: Lab, kind: PodmanKind): void {
  test('an image of a read-only store is told as such, and stays', async () => {
    const shared = await lab.start(kind, `${kind}-shared`);
    await shared.loadImages([{ repository: 'lab/shared', tags: ['1'], layers: [{ key: 'shared', kb: 20 }] }]);
    await shared.stop();
    const engine = await lab.start(kind, `${kind}-above`);
    await engine.stop();
    const settings = join(lab.directory, engine.id);
    // Inside the cell only its own folder is to be seen.
    writeFileSync(join(settings, 'keep-config'), '');
    appendFileSync(join(settings, 'storage.conf'), `[storage.options]\nadditionalimagestores = ["${settings}/shared"]\n`);
    await engine.copyIn(join(shared.dataRoot), 'shared');
    await engine.restart();
    await engine.loadImages([{ repository: 'lab/own', tags: ['1'], layers: [{ key: 'own', kb: 20 }] }]);
    const runtime = await openEngineAt({ kind: 'unix', socketPath: engine.socketPath });
    const { inventory } = await runtime.observe(nothingKnown);
    const told = Object.fromEntries(inventory.images.map(({ references, readOnly }) => [references.join(), readOnly]));
    const id = await runtime.resolveName('docker.io/lab/shared:1');
    const outcome = id === null ? null : await runtime.removeImage(id);
    runtime.close();
    await engine.stop();
    assert.deepEqual(told, { 'docker.io/lab/shared:1': true, 'docker.io/lab/own:1': false });
    assert.equal(outcome?.kind, 'in-use');
    assert.notEqual(inventory.disk, null);
  });
}

/** With the socket alone, as in a container, less is known, and nothing is guessed. */
function describeHiddenFiles(lab: Lab, kind: PodmanKind): void {
  describe(`${kind} without its files`, () => {
    let world: PodmanWorld;
    before(async () => {
      world = await openPodmanWorld(lab, kind, { hideFiles: true });
    });
    after(() => world.close());
    describeEvents(() => world, podmanFeatures(kind));

    test('the disk is unknown, and layers and their sizes are those of the files', async () => {
      const { addImage, pullImage, runtime, engine } = world;
      await addImage(
        local('a', {
          layers: [
            ['base', 8],
            ['a', 90],
          ],
        }),
      );
      const { id } = await pullImage('team/a', 'tag');
      const byAsking = (await runtime.observe(nothingKnown)).inventory;
      const other = await openEngineAt({ kind: 'unix', socketPath: engine.socketPath });
      const byFiles = (await other.observe(nothingKnown)).inventory;
      other.close();
      assert.deepEqual([byAsking.disk, await runtime.measureDisk()], [null, null]);
      assert.notEqual(byFiles.disk, null);
      assert.deepEqual(byAsking.layers, byFiles.layers);
      assert.deepEqual(find(byAsking, id).layers, find(byFiles, id).layers);
    });
  });
}
