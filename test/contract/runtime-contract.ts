import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ChainId, ImageId } from '../../src/model/brands.ts';
import { holdReference, parseHold } from '../../src/model/hold.ts';
import type { Image } from '../../src/model/inventory.ts';
import type { LayerFacts } from '../../src/model/layer-facts.ts';
import type { Observation, RemoveOutcome } from '../../src/runtime/runtime.ts';
import type { ContractImage, ContractWorld } from './contract-world.ts';

const NOTHING_KNOWN: LayerFacts = { layersByImage: new Map(), sizeByLayer: new Map() };
const MARK = '0a1b2c3d-1-2-3-4';
const KIB = 1_024;
/** A container starts from it: its first layer holds a shell. */
const BASE = ['base', 8] as const;
const UNKNOWN_ID = `sha256:${'0'.repeat(64)}`;

/**
 * What every adapter of `src/runtime/runtime.ts` promises, as tests. Each makes what it needs under names of its own, so they
 * depend neither on their order nor on an empty engine.
 */
export function describeRuntimeContract(engineName: string, open: () => Promise<ContractWorld>): void {
  describe(`runtime contract on ${engineName}`, () => {
    let world: ContractWorld;
    before(async () => {
      world = await open();
    });
    after(() => world.close());
    describeInventory(() => world);
    describeUse(() => world);
    describeNames(() => world);
    describeRemoval(() => world);
    describeRaces(() => world);
  });
}

function describeInventory(world: () => ContractWorld): void {
  test('observe() names images canonically and tells their labels, size and engine', async () => {
    const { addImage, runtime } = world();
    const id = await addImage(local('facts', { tags: ['1', '2'], labels: { team: 'blue' } }));
    const { inventory } = await runtime.observe(NOTHING_KNOWN);
    const image = find(inventory.images, id);
    assert.deepEqual(image.references, ['docker.io/lab/facts:1', 'docker.io/lab/facts:2']);
    assert.equal(image.labels['team'], 'blue');
    assert.ok((image.sizeBytes ?? 0) >= 12 * KIB);
    assert.equal(image.parentId, null);
    assert.equal(inventory.engine.name, runtime.identity.name);
    assert.deepEqual(inventory.doubts, []);
  });

  test('observe() gives shared layers one key and every layer its size', async () => {
    const { addImage, runtime } = world();
    const one = await addImage(local('shared-one', { layers: [BASE, ['shared', 40], ['one', 20]] }));
    const two = await addImage(local('shared-two', { layers: [BASE, ['shared', 40], ['two', 30]] }));
    const { inventory } = await runtime.observe(NOTHING_KNOWN);
    const stacks = [one, two].map((id) => find(inventory.images, id).layers?.slice(0, 3) ?? []);
    assert.deepEqual(stacks[0]?.slice(0, 2), stacks[1]?.slice(0, 2));
    assert.notEqual(stacks[0]?.[2], stacks[1]?.[2]);
    const [base = 0, shared = 0, own = 0] = (stacks[0] ?? []).map((layer) => inventory.layers.get(layer)?.sizeBytes ?? 0);
    assert.ok(base >= 8 * KIB);
    assert.ok(isAbout(shared, 40 * KIB) && isAbout(own, 20 * KIB), `${shared} ${own}`);
  });

  test('observe() tells what was pulled, where digests prove it, and never calls an image without names local', async () => {
    const { addImage, pullImage, features, runtime } = world();
    const pulled = await pullImage('team/origin', 'tag');
    const localId = await addImage(local('origin-local'));
    const danglingId = await addImage(local('origin-dangling', { tags: [] }));
    const { images } = (await runtime.observe(NOTHING_KNOWN)).inventory;
    assert.equal(runtime.capabilities.digestsProvePull, features.digestsProvePull);
    assert.equal(find(images, pulled.id).origin, features.digestsProvePull ? 'pulled' : null);
    assert.equal(find(images, localId).origin, features.digestsProvePull ? 'local' : null);
    assert.equal(find(images, danglingId).origin, null);
    assert.deepEqual([find(images, danglingId).references, find(images, danglingId).digests], [[], []]);
  });

  test('observe() and readNames() agree on an image that was pulled by tag and on one pulled by digest alone', async () => {
    const { pullImage, runtime } = world();
    const pulled = [await pullImage('team/by-tag', 'tag'), await pullImage('team/by-digest', 'digest')];
    const { images } = (await runtime.observe(NOTHING_KNOWN)).inventory;
    for (const { id, references, digests } of pulled) {
      assert.deepEqual({ references: find(images, id).references, digests: find(images, id).digests }, { references, digests });
      assert.deepEqual(await runtime.readNames(id), { references, digests, holds: [] });
    }
  });

  test('observe() knows a parent, also one that lost its name', async () => {
    const { addImage, commit, tag, runtime } = world();
    const grandparent = await addImage(local('chain'));
    const parent = await commit('docker.io/lab/chain:1', 'docker.io/lab/chain-parent:1');
    const child = await commit('docker.io/lab/chain-parent:1', 'docker.io/lab/chain-child:1');
    await tag(grandparent, 'docker.io/lab/chain-parent:1');
    const { images } = (await runtime.observe(NOTHING_KNOWN)).inventory;
    assert.equal(find(images, child).parentId, parent);
    assert.equal(find(images, parent).parentId, grandparent);
    assert.deepEqual(find(images, parent).references, []);
  });

  test('observe() asks for the two listings alone once the layers are known', async () => {
    const { addImage, takeCalls, runtime } = world();
    const id = await addImage(local('warm'));
    const { learned } = await runtime.observe(NOTHING_KNOWN);
    assert.ok(learned.layersByImage.has(id));
    takeCalls();
    const again = await runtime.observe(learned);
    assert.deepEqual(takeCalls(), ['listImages', 'listContainers']);
    assert.deepEqual([again.learned.layersByImage.size, again.learned.sizeByLayer.size], [0, 0]);
    assert.deepEqual(find(again.inventory.images, id).layers?.slice(0, 2), learned.layersByImage.get(id));
  });

  test('measureDisk() tells the filesystem of the images', async () => {
    const { addImage, runtime } = world();
    await addImage(local('disk'));
    const disk = await runtime.measureDisk();
    assert.ok(disk !== null && disk.usedBytes > 0 && disk.availableBytes < disk.capacityBytes);
    assert.equal((await runtime.observe(NOTHING_KNOWN)).inventory.disk?.capacityBytes, disk.capacityBytes);
  });
}

function describeUse(world: () => ContractWorld): void {
  for (const state of ['created', 'running', 'paused', 'exited'] as const) {
    test(`observe() and listContainers() find the image of a container that is ${state}`, async () => {
      const { addImage, createContainer, removeContainer, runtime } = world();
      const id = await addImage(local(`use-${state}`));
      const container = await createContainer({ image: `lab/use-${state}:1`, name: `use-${state}`, state });
      const seen = (await runtime.observe(NOTHING_KNOWN)).inventory.containers.find((each) => each.id === container);
      const use = (await runtime.listContainers()).containers.find((each) => each.id === container);
      const outcome = await runtime.removeImage(id);
      await removeContainer(container);
      assert.deepEqual([seen?.name, seen?.imageId, seen?.state, seen?.imageName], [`use-${state}`, id, state, `lab/use-${state}:1`]);
      assert.deepEqual([use?.imageIds, use?.isComplete, use?.state], [[id], true, state]);
      assert.equal(outcome.kind, 'in-use');
    });
  }

  test('listContainers() tells the image of a container whose tag was moved away', async () => {
    const { addImage, createContainer, tag, removeContainer, runtime } = world();
    const id = await addImage(local('moved-from'));
    const container = await createContainer({ image: 'lab/moved-from:1', name: 'moved-from', state: 'created' });
    await tag(await addImage(local('moved-to')), 'docker.io/lab/moved-from:1');
    const use = (await runtime.listContainers()).containers.find((each) => each.id === container);
    await removeContainer(container);
    assert.deepEqual(use?.imageIds, [id]);
  });

  test('observe() is in no doubt about a container whose image is gone', async () => {
    const { addImage, createContainer, forceRemove, removeContainer, runtime } = world();
    const id = await addImage(local('lost'));
    const container = await createContainer({ image: 'lab/lost:1', name: 'lost', state: 'created' });
    await forceRemove(id);
    const { inventory } = await runtime.observe(NOTHING_KNOWN);
    await removeContainer(container);
    assert.equal(inventory.containers.find((each) => each.id === container)?.imageId, id);
    assert.equal(
      inventory.images.some((image) => image.id === id),
      false,
    );
    assert.deepEqual(inventory.doubts, []);
  });

  test('an image mounted into a container is in use, also when its tag was moved away', async () => {
    const { addImage, createContainer, tag, removeContainer, runtime, features } = world();
    const [root, mounted] = [await addImage(local('mount-root')), await addImage(local('mounted'))];
    const creating = createContainer({ image: 'lab/mount-root:1', name: 'mounts', state: 'created', mounts: ['lab/mounted:1'] });
    if (!features.imageMounts) return assert.rejects(creating);
    const container = await creating;
    await tag(root, 'docker.io/lab/mounted:1');
    const seen = (await runtime.observe(NOTHING_KNOWN)).inventory.containers.find((each) => each.id === container);
    const use = (await runtime.listContainers()).containers.find((each) => each.id === container);
    await removeContainer(container);
    assert.deepEqual([seen?.mountedImageIds, use?.imageIds, use?.isComplete], [[mounted], [root, mounted], true]);
  });
}

function describeNames(world: () => ContractWorld): void {
  test('a hold is found, is no name, and its original still counts as one', async () => {
    const { addImage, runtime } = world();
    const id = await addImage(local('held'));
    const [original, hold] = ['docker.io/lab/held:1', holdOf('docker.io/lab/held:1')];
    assert.equal(await runtime.addName(id, hold), true);
    assert.deepEqual(await runtime.removeName(original), kept(world()));
    const { inventory, holds } = await runtime.observe(NOTHING_KNOWN);
    const found = { imageId: id, reference: hold, ...parseHold(hold) };
    assert.equal(parseHold(hold)?.original, original);
    assert.deepEqual(
      holds.filter((each) => each.imageId === id),
      [found],
    );
    assert.deepEqual(find(inventory.images, id).references, [original]);
    assert.deepEqual(await runtime.readNames(id).then((names) => [names?.references, names?.holds]), [[], [found]]);
  });

  test('a held name that points elsewhere by now belongs to that image', async () => {
    const { addImage, tag, runtime } = world();
    const [id, other] = [await addImage(local('taken')), await addImage(local('taker'))];
    await runtime.addName(id, holdOf('docker.io/lab/taken:1'));
    await tag(other, 'docker.io/lab/taken:1');
    const { images } = (await runtime.observe(NOTHING_KNOWN)).inventory;
    assert.deepEqual(find(images, id).references, []);
    assert.deepEqual(find(images, other).references, ['docker.io/lab/taken:1', 'docker.io/lab/taker:1']);
  });

  test('tags and digests are the same after a hold in the same repository, and back', async () => {
    const { pullImage, runtime } = world();
    const { id, repository } = await pullImage('team/round-trip', 'tag');
    const original = `${repository}:v1`;
    const namesBefore = await runtime.readNames(id);
    await runtime.addName(id, holdOf(original));
    await runtime.removeName(original);
    assert.deepEqual((await runtime.readNames(id))?.digests, namesBefore?.digests);
    await runtime.addName(id, original);
    await runtime.removeName(holdOf(original));
    assert.deepEqual(await runtime.readNames(id), namesBefore);
  });

  test('resolveName() tells where a tag or a digest points, and null for neither', async () => {
    const { pullImage, runtime } = world();
    const { id, references, digests } = await pullImage('team/resolve', 'tag');
    for (const name of [...references, ...digests]) assert.equal(await runtime.resolveName(name), id);
    assert.equal(await runtime.resolveName('docker.io/lab/nobody:1'), null);
  });

  test('readNames() and addName() tell that an image is gone', async () => {
    const { addImage, forceRemove, runtime } = world();
    const id = await addImage(local('gone-names'));
    await forceRemove(id);
    assert.equal(await runtime.readNames(id), null);
    assert.equal(await runtime.addName(id, 'docker.io/lab/gone-names:2'), false);
  });
}

function describeRemoval(world: () => ContractWorld): void {
  test('removeName() takes the image with its last name, and tells which layers went', async () => {
    const { addImage, runtime, features } = world();
    await addImage(local('last-neighbour', { layers: [BASE, ['last-shared', 2]] }));
    const id = await addImage(local('last', { tags: ['1', '2'], layers: [BASE, ['last-shared', 2], ['last-own', 3]] }));
    const own = find((await runtime.observe(NOTHING_KNOWN)).inventory.images, id).layers?.[2];
    assert.deepEqual(await runtime.removeName('docker.io/lab/last:1'), kept(world()));
    assert.deepEqual(await runtime.removeName('docker.io/lab/last:2'), removed(features.deletedLayers ? [own] : null));
    assert.equal(await runtime.readNames(id), null);
    assert.deepEqual(await runtime.removeName('docker.io/lab/last:2'), { kind: 'gone' });
  });

  test('removeName() refuses the last name of an image in use, and nothing changes', async () => {
    const { addImage, createContainer, removeContainer, runtime } = world();
    const id = await addImage(local('busy', { tags: ['1', '2'] }));
    const container = await createContainer({ image: 'lab/busy:1', name: 'busy', state: 'exited' });
    assert.deepEqual(await runtime.removeName('docker.io/lab/busy:1'), kept(world()));
    assert.equal((await runtime.removeName('docker.io/lab/busy:2')).kind, 'in-use');
    assert.deepEqual((await runtime.readNames(id))?.references, ['docker.io/lab/busy:2']);
    await removeContainer(container);
  });

  test('removeImage() removes by ID what has no name, or one digest alone', async () => {
    const { addImage, pullImage, runtime } = world();
    const dangling = await addImage(local('by-id', { tags: [] }));
    const { id: byDigest } = await pullImage('team/remove-by-digest', 'digest');
    for (const id of [dangling, byDigest]) {
      const outcome = await runtime.removeImage(id);
      assert.ok(outcome.kind === 'done' && outcome.isImageDeleted);
      assert.deepEqual(await runtime.removeImage(id), { kind: 'gone' });
    }
  });

  test('removeImage() refuses an image with tags in two repositories', async () => {
    const { addImage, tag, runtime } = world();
    const id = await addImage(local('two-repositories'));
    await tag(id, 'docker.io/lab/second-repository:1');
    assert.equal((await runtime.removeImage(id)).kind, 'in-use');
    assert.equal((await runtime.readNames(id))?.references.length, 2);
  });

  test('a digest stays while another tag of its repository is there, and goes with the last', async () => {
    const { pullImage, tag, runtime } = world();
    const { id, repository, digests } = await pullImage('team/digest-stays', 'tag');
    await tag(id, `${repository}:other`);
    await tag(id, 'docker.io/lab/digest-elsewhere:1');
    const theirs = async () => (await runtime.readNames(id))?.digests.filter((name) => name.startsWith(repository));
    await runtime.removeName(`${repository}:v1`);
    assert.deepEqual(await theirs(), digests);
    await runtime.removeName(`${repository}:other`);
    assert.deepEqual(await theirs(), []);
  });

  test('removing a child keeps its parent, and a parent with a child is not reported as deleted', async () => {
    const { addImage, commit, runtime } = world();
    const parent = await addImage(local('family'));
    const child = await commit('docker.io/lab/family:1', 'docker.io/lab/family-child:1');
    assert.deepEqual(await runtime.removeName('docker.io/lab/family:1'), kept(world()));
    assert.deepEqual(await runtime.readNames(parent), { references: [], digests: [], holds: [] });
    const outcome = await runtime.removeName('docker.io/lab/family-child:1');
    assert.ok(outcome.kind === 'done' && outcome.isImageDeleted);
    assert.equal(await runtime.readNames(child), null);
    assert.notEqual(await runtime.readNames(parent), null);
  });

  test('removing what never was is gone, not an error', async () => {
    const { runtime } = world();
    assert.deepEqual(await runtime.removeName('docker.io/lab/never:1'), { kind: 'gone' });
    assert.deepEqual(await runtime.removeName(`docker.io/lab/never@${UNKNOWN_ID}`), { kind: 'gone' });
  });
}

function describeRaces(world: () => ContractWorld): void {
  test('observe() leaves out an image that vanished after the listing, and nothing else', async () => {
    const { addImage, forceRemove, afterNextImageList, runtime } = world();
    const [vanished, other] = [await addImage(local('vanished')), await addImage(local('not-vanished'))];
    afterNextImageList(() => forceRemove(vanished));
    const { inventory } = await runtime.observe(NOTHING_KNOWN);
    assert.equal(
      inventory.images.some(({ id }) => id === vanished),
      false,
    );
    assert.equal(find(inventory.images, other).layers === null, false);
  });

  test('observe() sees a container that was created after the images were listed', async () => {
    const { addImage, createContainer, removeContainer, afterNextImageList, runtime } = world();
    const id = await addImage(local('late'));
    const created: Parameters<typeof removeContainer>[0][] = [];
    afterNextImageList(async () => {
      created.push(await createContainer({ image: 'lab/late:1', name: 'late', state: 'created' }));
    });
    const { inventory } = await runtime.observe(NOTHING_KNOWN);
    for (const container of created) await removeContainer(container);
    assert.equal(inventory.containers.find(({ name }) => name === 'late')?.imageId, id);
  });

  test('of removals of one image at the same moment one is done and the others are gone', async () => {
    const { addImage, runtime } = world();
    await addImage(local('at-once'));
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => runtime.removeName('docker.io/lab/at-once:1')));
    assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), ['done', 'gone', 'gone', 'gone']);
  });
}

function local(name: string, spec: Partial<ContractImage> = {}): ContractImage {
  return { repository: `docker.io/lab/${name}`, tags: ['1'], layers: [BASE, [name, 4]], ...spec };
}

function find(images: Observation['inventory']['images'], id: ImageId): Image {
  const image = images.find((each) => each.id === id);
  assert.ok(image, `${id} is listed`);
  return image;
}

/** Some engines count whole blocks, and directories with them. */
function isAbout(size: number, wanted: number): boolean {
  return size >= wanted && size <= wanted + 16 * KIB;
}

function holdOf(reference: string): string {
  const hold = holdReference(reference, MARK);
  assert.ok(hold);
  return hold;
}

/** The name is off, the image is there. */
function kept({ features }: ContractWorld): RemoveOutcome {
  return { kind: 'done', isImageDeleted: false, deletedLayers: features.deletedLayers ? [] : null };
}

function removed(layers: readonly (ChainId | undefined)[] | null): unknown {
  return { kind: 'done', isImageDeleted: true, deletedLayers: layers };
}
