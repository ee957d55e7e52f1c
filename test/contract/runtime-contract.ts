import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { durationMs } from '../../src/model/brands.ts';
import { canonicalReference } from '../../src/model/reference.ts';
import { until } from '../e2e/daemon-process.ts';
import { BASE, find, KIB, local, nothingKnown } from './contract-images.ts';
import type { ContractFeatures, ContractWorld } from './contract-world.ts';
import { describeEvents } from './events-contract.ts';
import { describeContainers, describeNames, describeRemoval } from './removal-contract.ts';

/**
 * What every adapter of `src/runtime/runtime.ts` promises, as tests. Each makes what it needs under names of its own, so they
 * depend neither on their order nor on an empty engine.
 */
export function describeRuntimeContract(engineName: string, features: ContractFeatures, open: () => Promise<ContractWorld>): void {
  describe(`runtime contract on ${engineName}`, () => {
    let world: ContractWorld;
    before(async () => {
      world = await open();
    });
    after(() => world.close());
    describeInventory(() => world, features);
    describeUse(() => world, features);
    describeNames(() => world, features);
    describeRemoval(() => world, features);
    describeContainers(() => world);
    describeRaces(() => world, features);
    describeBuildCache(() => world, features);
    describeEvents(() => world, features);
  });
}

function describeInventory(world: () => ContractWorld, features: ContractFeatures): void {
  test('observe() names images canonically and tells their labels, size and engine', async () => {
    const { addImage, runtime } = world();
    const id = await addImage(local('facts', { tags: ['1', '2'], labels: { team: 'blue' } }));
    const { inventory } = await runtime.observe(nothingKnown);
    const image = find(inventory, id);
    assert.deepEqual(image.references, ['docker.io/lab/facts:1', 'docker.io/lab/facts:2']);
    assert.equal(image.labels['team'], features.contents ? 'blue' : undefined);
    assert.ok((image.sizeBytes ?? 0) >= 12 * KIB);
    assert.equal(image.parentId, null);
    assert.equal(inventory.engine.name, runtime.identity.name);
    assert.deepEqual(inventory.doubts, []);
  });

  if (!features.contents) {
    test('observe() calls layers unknown where the engine does not tell of them', async () => {
      const { addImage, runtime } = world();
      const id = await addImage(local('opaque'));
      const { inventory, learned } = await runtime.observe(nothingKnown);
      assert.deepEqual([find(inventory, id).layers, inventory.layers.size, learned.layersByImage.size], [null, 0, 0]);
    });
  } else {
    describeLayers(world, features);
  }
  test('observe() tells what was pulled, where digests prove it, and never calls an image without names local', async () => {
    const { addImage, pullImage, runtime } = world();
    const pulled = await pullImage('team/origin', 'tag');
    const localId = await addImage(local('origin-local'));
    const danglingId = await addImage(local('origin-dangling', { tags: [] }));
    const { inventory } = await runtime.observe(nothingKnown);
    assert.equal(runtime.capabilities.digestsProvePull, features.digestsProvePull);
    assert.equal(find(inventory, pulled.id).origin, features.digestsProvePull ? 'pulled' : null);
    assert.equal(find(inventory, localId).origin, features.digestsProvePull ? 'local' : null);
    assert.equal(find(inventory, danglingId).origin, null);
    assert.deepEqual([find(inventory, danglingId).references, find(inventory, danglingId).digests], [[], []]);
  });

  test('observe() and readNames() agree on an image that was pulled by tag and on one pulled by digest alone', async () => {
    const { pullImage, runtime } = world();
    const pulled = [await pullImage('team/by-tag', 'tag'), await pullImage('team/by-digest', 'digest')];
    const { inventory } = await runtime.observe(nothingKnown);
    for (const { id, references, digests } of pulled) {
      assert.deepEqual({ references: find(inventory, id).references, digests: find(inventory, id).digests }, { references, digests });
      assert.deepEqual(await runtime.readNames(id), { references, digests, holds: [] });
    }
  });

  if (features.parents) describeParents(world);

  test('ping() asks for an answer, and gets one', async () => {
    await world().runtime.ping();
  });

  test('measureDisk() tells the filesystem of the images', async () => {
    const { addImage, runtime } = world();
    await addImage(local('disk'));
    const disk = await runtime.measureDisk();
    assert.ok(disk !== null && disk.usedBytes > 0 && disk.availableBytes < disk.capacityBytes);
    assert.equal((await runtime.observe(nothingKnown)).inventory.disk?.capacityBytes, disk.capacityBytes);
  });
}

function describeLayers(world: () => ContractWorld, features: ContractFeatures): void {
  test('observe() gives shared layers one key, and every layer its place and size', async () => {
    const { addImage, runtime } = world();
    const one = await addImage(local('shared-one', { layers: [BASE, ['shared', 40], ['one', 20]] }));
    const two = await addImage(local('shared-two', { layers: [BASE, ['shared', 40], ['two', 30]] }));
    const { inventory } = await runtime.observe(nothingKnown);
    const stacks = [one, two].map((id) => find(inventory, id).layers?.slice(0, 3) ?? []);
    assert.deepEqual(stacks[0]?.slice(0, 2), stacks[1]?.slice(0, 2));
    assert.notEqual(stacks[0]?.[2], stacks[1]?.[2]);
    const places = [...inventory.layers.values()].map(({ place }) => place);
    assert.deepEqual(places, [...places.keys()]);
    const [base = 0, shared = 0, own = 0] = (stacks[0] ?? []).map((layer) => inventory.layers.get(layer)?.sizeBytes ?? 0);
    assert.ok(base >= 8 * KIB);
    assert.ok(isAbout(shared, 40 * KIB) && isAbout(own, 20 * KIB), `${shared} ${own}`);
  });

  test('observe() asks for the listings alone once the layers are known', async () => {
    const { addImage, takeCalls, runtime } = world();
    const id = await addImage(local('warm'));
    const { learned } = await runtime.observe(nothingKnown);
    assert.ok(learned.layersByImage.has(id));
    takeCalls();
    const again = await runtime.observe(() => learned);
    assert.deepEqual([...takeCalls()].sort(), features.listings);
    assert.deepEqual([again.learned.layersByImage.size, again.learned.sizeByLayer.size], [0, 0]);
    assert.deepEqual(find(again.inventory, id).layers?.slice(0, 2), learned.layersByImage.get(id));
  });
}

function describeParents(world: () => ContractWorld): void {
  test('observe() knows a parent, also one that lost its name', async () => {
    const { addImage, commit, tag, runtime } = world();
    const grandparent = await addImage(local('chain'));
    const parent = await commit('docker.io/lab/chain:1', 'docker.io/lab/chain-parent:1');
    const child = await commit('docker.io/lab/chain-parent:1', 'docker.io/lab/chain-child:1');
    await tag(grandparent, 'docker.io/lab/chain-parent:1');
    const { inventory } = await runtime.observe(nothingKnown);
    assert.equal(find(inventory, child).parentId, parent);
    assert.equal(find(inventory, parent).parentId, grandparent);
    assert.deepEqual(find(inventory, parent).references, []);
  });
}

function describeUse(world: () => ContractWorld, features: ContractFeatures): void {
  for (const state of features.states) {
    test(`observe() and listContainers() find the image of a container that is ${state}`, async () => {
      const { addImage, createContainer, removeContainer, runtime } = world();
      const id = await addImage(local(`use-${state}`));
      const container = await createContainer({ image: `lab/use-${state}:1`, name: `use-${state}`, state });
      const seen = (await runtime.observe(nothingKnown)).inventory.containers.find((each) => each.id === container);
      const use = (await runtime.listContainers()).find((each) => each.id === container);
      const outcome = await runtime.removeImage(id);
      await removeContainer(container);
      // Named as it was asked for, or completed.
      assert.match(seen?.name ?? '', new RegExp(`(^|/)use-${state}$`));
      assert.deepEqual([seen?.imageId, seen?.state], [id, state]);
      assert.equal(canonicalReference(seen?.imageName ?? ''), `docker.io/lab/use-${state}:1`);
      assert.deepEqual([use?.imageIds, use?.isComplete, use?.state], [[id], true, state]);
      assert.equal(outcome.kind, 'in-use');
    });
  }

  test('listContainers() tells the image of a container whose tag was moved away', async () => {
    const { addImage, createContainer, tag, removeContainer, runtime } = world();
    const id = await addImage(local('moved-from'));
    // containerd forgets an image with its last name.
    await tag(id, 'docker.io/lab/moved-from:kept');
    const container = await createContainer({ image: 'lab/moved-from:1', name: 'moved-from', state: 'created' });
    await tag(await addImage(local('moved-to')), 'docker.io/lab/moved-from:1');
    const use = (await runtime.listContainers()).find((each) => each.id === container);
    await removeContainer(container);
    assert.deepEqual(use?.imageIds, [id]);
  });

  test('observe() is in no doubt about a container whose image is gone', async () => {
    const { addImage, createContainer, forceRemove, removeContainer, features, runtime } = world();
    const id = await addImage(local('lost'));
    const container = await createContainer({ image: 'lab/lost:1', name: 'lost', state: 'created' });
    await forceRemove(id);
    const { inventory } = await runtime.observe(nothingKnown);
    if (features.containersOutliveImages) await removeContainer(container);
    const named = inventory.containers.find((each) => each.id === container)?.imageId;
    if (!features.containersOutliveImages) assert.equal(named, undefined);
    else assert.ok(features.namesGoneImages ? named === id : named !== null && named !== undefined, String(named));
    assert.equal(
      inventory.images.some((image) => image.id === id),
      false,
    );
    assert.deepEqual(inventory.doubts, []);
  });

  test('an image mounted into a container is in use, also when its tag was moved away', async () => {
    const { addImage, createContainer, tag, removeContainer, runtime } = world();
    const [root, mounted] = [await addImage(local('mount-root')), await addImage(local('mounted'))];
    const mounts = [features.imageMounts === 'only-by-id' ? mounted : 'lab/mounted:1'];
    const creating = createContainer({ image: 'lab/mount-root:1', name: 'mounts', state: 'created', mounts });
    if (features.imageMounts === 'none') return assert.rejects(creating);
    const container = await creating;
    await tag(root, 'docker.io/lab/mounted:1');
    const { containers } = (await runtime.observe(nothingKnown)).inventory;
    const uses = await runtime.listContainers();
    await removeContainer(container);
    if (features.imageMounts === 'apart') {
      assert.ok(containers.some((each) => each.imageId === mounted));
      assert.ok(uses.some(({ imageIds, isComplete }) => isComplete && imageIds.includes(mounted)));
      return;
    }
    const seen = containers.find((each) => each.id === container);
    const use = uses.find((each) => each.id === container);
    // Where the next start mounts what the tag means by then, that is needed too.
    const needed = features.imageMounts === 'by-name' ? [mounted, root].sort() : [mounted];
    assert.deepEqual(seen?.mountedImageIds.toSorted(), needed);
    assert.deepEqual([new Set(use?.imageIds), use?.isComplete], [new Set([root, mounted]), true]);
  });
}

function describeRaces(world: () => ContractWorld, features: ContractFeatures): void {
  test('observe() leaves out an image that vanished after the listing, and nothing else', async () => {
    const { addImage, forceRemove, afterNextImageList, runtime } = world();
    const [vanished, other] = [await addImage(local('vanished')), await addImage(local('not-vanished'))];
    afterNextImageList(() => forceRemove(vanished));
    const { inventory } = await runtime.observe(nothingKnown);
    const isListed = inventory.images.some(({ id }) => id === vanished);
    // Nothing is asked about single images there, so nothing shows that one is gone.
    assert.equal(isListed, !features.contents);
    assert.equal(find(inventory, other).layers === null, !features.contents);
  });

  test('observe() sees a container that was created after the images were listed', async () => {
    const { addImage, createContainer, removeContainer, afterNextImageList, runtime } = world();
    const id = await addImage(local('late'));
    const created: Parameters<typeof removeContainer>[0][] = [];
    afterNextImageList(async () => {
      created.push(await createContainer({ image: 'lab/late:1', name: 'late', state: 'created' }));
    });
    const { inventory } = await runtime.observe(nothingKnown);
    for (const container of created) await removeContainer(container);
    assert.equal(inventory.containers.find((each) => each.id === created[0])?.imageId, id);
  });
}

/** Some engines count whole blocks, and directories with them. */
function isAbout(size: number, wanted: number): boolean {
  return size >= wanted && size <= wanted + 16 * KIB;
}

function describeBuildCache(world: () => ContractWorld, features: ContractFeatures): void {
  if (features.buildCache === 'none') {
    test('readBuildCache() calls it unknown, and pruneBuildCache() does nothing', async () => {
      const { runtime } = world();
      assert.deepEqual([await runtime.readBuildCache(true), await runtime.pruneBuildCache(durationMs(1))], [null, 0]);
    });
  } else describePruning(world, features);

  test('readReceiving() tells of nothing while nobody pulls or loads anything', () => {
    assert.deepEqual(world().runtime.readReceiving(), { isUnderWay: false, missingBytes: 0 });
  });
}

function describePruning(world: () => ContractWorld, features: ContractFeatures): void {
  test('readBuildCache() tells what it holds beside images, at once or when it may take long; pruneBuildCache() takes what is old alone', async () => {
    const { fillBuildCache, runtime } = world();
    await fillBuildCache();
    assert.equal((await runtime.readBuildCache(false)) !== null, features.buildCache === 'cheap');
    const before = await runtime.readBuildCache(true);
    assert.ok(before !== null && (before.sizeBytes ?? 0) >= 5_000, JSON.stringify(before));
    assert.ok(before.unused.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) >= 5_000);
    assert.ok(before.unused.every(({ lastUsedAt }) => lastUsedAt !== null));
    assert.equal(await runtime.pruneBuildCache(durationMs(3_600_000)), 0);
    assert.equal((await runtime.readBuildCache(true))?.sizeBytes, before.sizeBytes);
    // Docker 28 lets go of what a build has made a moment after it has answered.
    let prunedBytes = 0;
    const rest = await until(
      async () => {
        prunedBytes += await runtime.pruneBuildCache(durationMs(1));
        return runtime.readBuildCache(true);
      },
      (cache) => cache?.sizeBytes === 0,
    );
    assert.ok(prunedBytes >= 5_000, String(prunedBytes));
    assert.deepEqual(rest, { layers: [], sizeBytes: 0, unused: [] });
  });
}
