import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChainId } from '../../src/model/brands.ts';
import { OperatingError } from '../../src/model/error.ts';
import { parseHold } from '../../src/model/hold.ts';
import type { RemoveOutcome } from '../../src/runtime/runtime.ts';
import { BASE, find, holdOf, local, nothingKnown } from './contract-images.ts';
import type { ContractFeatures, ContractWorld } from './contract-world.ts';

const UNKNOWN_ID = `sha256:${'0'.repeat(64)}`;

/** Names and holds, given and taken. */
export function describeNames(world: () => ContractWorld, { holds }: ContractFeatures): void {
  describeLookups(world);
  if (holds) describeHolds(world);
}

function describeHolds(world: () => ContractWorld): void {
  test('a hold is found, is no name, and its original still counts as one', async () => {
    const { addImage, runtime } = world();
    const id = await addImage(local('held'));
    const [original, hold] = ['docker.io/lab/held:1', holdOf('docker.io/lab/held:1')];
    assert.equal(await runtime.addName(id, hold), true);
    assert.deepEqual(await runtime.removeName(original), kept(world()));
    const { inventory, holds } = await runtime.observe(nothingKnown);
    const found = { imageId: id, reference: hold, ...parseHold(hold) };
    assert.equal(parseHold(hold)?.original, original);
    assert.deepEqual(
      holds.filter((each) => each.imageId === id),
      [found],
    );
    assert.deepEqual(find(inventory, id).references, [original]);
    assert.deepEqual(await runtime.readNames(id).then((names) => [names?.references, names?.holds]), [[], [found]]);
  });

  test('a held name that points elsewhere by now belongs to that image', async () => {
    const { addImage, tag, runtime } = world();
    const [id, other] = [await addImage(local('taken')), await addImage(local('taker'))];
    await runtime.addName(id, holdOf('docker.io/lab/taken:1'));
    await tag(other, 'docker.io/lab/taken:1');
    const { inventory } = await runtime.observe(nothingKnown);
    assert.deepEqual(find(inventory, id).references, []);
    assert.deepEqual(find(inventory, other).references, ['docker.io/lab/taken:1', 'docker.io/lab/taker:1']);
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

  test('addName() tells that an image is gone', async () => {
    const { addImage, forceRemove, runtime } = world();
    const id = await addImage(local('gone-names'));
    await forceRemove(id);
    assert.equal(await runtime.addName(id, 'docker.io/lab/gone-names:2'), false);
  });
}

function describeLookups(world: () => ContractWorld): void {
  test('resolveName() tells where a tag or a digest points, and null for neither', async () => {
    const { pullImage, runtime } = world();
    const { id, references, digests } = await pullImage('team/resolve', 'tag');
    for (const name of [...references, ...digests]) assert.equal(await runtime.resolveName(name), id);
    assert.equal(await runtime.resolveName('docker.io/lab/nobody:1'), null);
  });

  test('readNames() tells that an image is gone', async () => {
    const { addImage, forceRemove, runtime } = world();
    const id = await addImage(local('gone'));
    await forceRemove(id);
    assert.equal(await runtime.readNames(id), null);
  });
}

/** What a removal takes, and what it leaves. */
export function describeRemoval(world: () => ContractWorld, { holds, parents }: ContractFeatures): void {
  describeRemovalById(world);
  if (holds) describeRemovalByName(world);
  else describeUnheldRemoval(world);
  if (parents) describeFamilies(world);
}

function describeRemovalByName(world: () => ContractWorld): void {
  test('removeName() takes the image with its last name, and tells which layers went', async () => {
    const { addImage, runtime, features } = world();
    await addImage(local('last-neighbour', { layers: [BASE, ['last-shared', 2]] }));
    const id = await addImage(local('last', { tags: ['1', '2'], layers: [BASE, ['last-shared', 2], ['last-own', 3]] }));
    const own = find((await runtime.observe(nothingKnown)).inventory, id).layers?.[2];
    assert.deepEqual(await runtime.removeName('docker.io/lab/last:1'), kept(world()));
    assert.deepEqual(await runtime.removeName('docker.io/lab/last:2'), removed(features.deletedLayers ? [own] : null));
    assert.equal(await runtime.readNames(id), null);
    assert.deepEqual(await runtime.removeName('docker.io/lab/last:2'), { kind: 'gone' });
  });

  test('removeName() of a digest takes an image that has no other name, and leaves one that gained a tag meanwhile where digests go alone', async () => {
    const { pullImage, tag, runtime, features } = world();
    const alone = await pullImage('team/by-digest', 'digest');
    const gone = await runtime.removeName(alone.digests[0] ?? '');
    assert.equal(gone.kind === 'done' && gone.isImageDeleted, true);
    const gained = await pullImage('team/by-digest-tagged', 'digest');
    await tag(gained.id, `${gained.repository}:later`);
    const taken = await runtime.removeName(gained.digests[0] ?? '');
    assert.equal(taken.kind === 'done' && !taken.isImageDeleted, features.digestsGoAlone);
    assert.equal(runtime.capabilities.digestsGoAlone, features.digestsGoAlone);
    const left = features.digestsGoAlone ? [`${gained.repository}:later`] : undefined;
    assert.deepEqual((await runtime.readNames(gained.id))?.references, left);
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

  test('removing what never was is gone, not an error', async () => {
    const { runtime } = world();
    assert.deepEqual(await runtime.removeName('docker.io/lab/never:1'), { kind: 'gone' });
    assert.deepEqual(await runtime.removeName(`docker.io/lab/never@${UNKNOWN_ID}`), { kind: 'gone' });
  });

  test('of removals of one image at the same moment one is done and the others are gone', async () => {
    const { addImage, features, runtime } = world();
    const id = await addImage(local('at-once'));
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => runtime.removeName('docker.io/lab/at-once:1')));
    const kinds = outcomes.map(({ kind }) => kind).sort();
    assert.deepEqual(
      features.oneRemoverIsTold ? kinds.slice(1) : kinds.slice(1).filter((kind) => kind !== 'done'),
      kinds.slice(1).filter((kind) => kind === 'gone'),
    );
    assert.deepEqual([kinds[0], await runtime.readNames(id)], ['done', null]);
  });
}

function describeRemovalById(world: () => ContractWorld): void {
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
}

function describeFamilies(world: () => ContractWorld): void {
  test('removing a child keeps its parent, and a parent with a child is not reported as deleted', async () => {
    const { addImage, commit, tag, features, runtime } = world();
    const parent = await addImage(local('family'));
    const child = await commit('docker.io/lab/family:1', 'docker.io/lab/family-child:1');
    if (features.parentsStay) {
      assert.deepEqual(await runtime.removeName('docker.io/lab/family:1'), kept(world()));
    } else await tag(await addImage(local('family-other')), 'docker.io/lab/family:1');
    assert.deepEqual(await runtime.readNames(parent), { references: [], digests: [], holds: [] });
    const outcome = await runtime.removeName('docker.io/lab/family-child:1');
    assert.ok(outcome.kind === 'done' && outcome.isImageDeleted);
    assert.equal(await runtime.readNames(child), null);
    assert.notEqual(await runtime.readNames(parent), null);
  });
}

/** Where an image loses all its names at once. */
function describeUnheldRemoval(world: () => ContractWorld): void {
  test('removeImage() takes an image with all its names, and nothing of its neighbours', async () => {
    const { addImage, tag, runtime } = world();
    const neighbour = await addImage(local('whole-neighbour', { layers: [BASE, ['whole-shared', 2]] }));
    const id = await addImage(local('whole', { tags: ['1', '2'], layers: [BASE, ['whole-shared', 2], ['whole-own', 3]] }));
    await tag(id, 'docker.io/lab/whole-elsewhere:1');
    assert.deepEqual(await runtime.removeImage(id), removed(null));
    assert.deepEqual([await runtime.readNames(id), await runtime.resolveName('docker.io/lab/whole:2')], [null, null]);
    const left = find((await runtime.observe(nothingKnown)).inventory, neighbour);
    assert.deepEqual(left.references, ['docker.io/lab/whole-neighbour:1']);
    assert.deepEqual(await runtime.removeImage(id), { kind: 'gone' });
  });

  test('removeImage() looks itself, and takes no name of an image that is in use', async () => {
    const { addImage, createContainer, removeContainer, runtime } = world();
    const id = await addImage(local('busy', { tags: ['1', '2'] }));
    const container = await createContainer({ image: 'lab/busy:1', name: 'busy', state: 'exited' });
    const outcome = await runtime.removeImage(id);
    await removeContainer(container);
    assert.ok(outcome.kind === 'in-use' && outcome.message.includes('busy'), JSON.stringify(outcome));
    assert.deepEqual((await runtime.readNames(id))?.references, ['docker.io/lab/busy:1', 'docker.io/lab/busy:2']);
  });

  test('removeName() and addName() do nothing', async () => {
    const { addImage, runtime } = world();
    const id = await addImage(local('whole-names'));
    assert.equal((await runtime.removeName('docker.io/lab/whole-names:1')).kind, 'failed');
    await assert.rejects(runtime.addName(id, 'docker.io/lab/whole-names:2'), OperatingError);
    assert.deepEqual((await runtime.readNames(id))?.references, ['docker.io/lab/whole-names:1']);
  });

  test('of removals of one image at the same moment one is done and the others are gone', async () => {
    const { addImage, runtime } = world();
    const id = await addImage(local('at-once'));
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => runtime.removeImage(id)));
    assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), ['done', 'gone', 'gone', 'gone']);
  });
}

/** The name is off, the image is there. */
function kept({ features }: ContractWorld): RemoveOutcome {
  return { kind: 'done', isImageDeleted: false, deletedLayers: features.deletedLayers ? [] : null };
}

function removed(layers: readonly (ChainId | undefined)[] | null): unknown {
  return { kind: 'done', isImageDeleted: true, deletedLayers: layers };
}

/** Containers that have ended. */
export function describeContainers(world: () => ContractWorld): void {
  test('readEnd() tells of a container that ended and stays so, in the same words until it runs again', async () => {
    const { addImage, createContainer, startContainer, runtime, features } = world();
    await addImage(local('ended'));
    const id = await createContainer({ image: 'lab/ended:1', name: 'ended', state: 'exited' });
    const end = await runtime.readEnd(id);
    assert.equal(end !== null, features.removesContainers);
    assert.equal(await runtime.readEnd(id), end);
    if (features.removesContainers) await startContainer(id);
    assert.equal(await runtime.readEnd(id), null);
  });

  test('readEnd() is null for one that runs, that is to be started again, that never ran, and that is gone', async () => {
    const { addImage, createContainer, removeContainer, runtime } = world();
    await addImage(local('not-ended'));
    const image = 'lab/not-ended:1';
    for (const state of ['created', 'running'] as const) {
      assert.equal(await runtime.readEnd(await createContainer({ image, name: `not-ended-${state}`, state })), null);
    }
    const restarted = await createContainer({ image, name: 'not-ended-restarted', state: 'exited', isRestarted: true });
    assert.equal(await runtime.readEnd(restarted), null);
    await removeContainer(restarted);
    assert.equal(await runtime.readEnd(restarted), null);
  });

  test('removeContainer() removes one that ended, refuses one that runs, and tells that one is gone', async (t) => {
    const { addImage, createContainer, runtime, features } = world();
    if (!features.removesContainers) return t.diagnostic('the engine leaves containers to whoever orchestrates them');
    await addImage(local('done'));
    const ended = await createContainer({ image: 'lab/done:1', name: 'done-ended', state: 'exited' });
    const running = await createContainer({ image: 'lab/done:1', name: 'done-running', state: 'running' });
    assert.equal((await runtime.removeContainer(ended)).kind, 'done');
    assert.equal((await runtime.removeContainer(ended)).kind, 'gone');
    assert.equal((await runtime.removeContainer(running)).kind, 'in-use');
    const left = await runtime.listContainers();
    assert.deepEqual([left.some(({ id }) => id === ended), left.some(({ id }) => id === running)], [false, true]);
  });
}
