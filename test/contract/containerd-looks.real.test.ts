/** A later look at containerd makes nothing again of what has not changed: whatever somebody else changes is seen all the same. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ImageId } from '../../src/model/brands.ts';
import type { Image, Inventory } from '../../src/model/inventory.ts';
import { CONTAINERD_KINDS, type ContainerdKind, type Lab } from '../lab/lab.ts';
import { containerCalls, imageCalls, leaseCalls, snapshotCalls } from './containerd-calls.ts';
import { type ContainerdActor, type ContainerdWorld, openContainerdWorld } from './containerd-world.ts';
import { find, local } from './contract-images.ts';
import { openLabOfRun } from './lab-of-run.ts';

const lab = await openLabOfRun(CONTAINERD_KINDS.map((kind) => `what changes between two looks at ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  for (const kind of CONTAINERD_KINDS) describe(`what changes between two looks at ${kind}`, () => describeLooks(lab, kind));
}

function describeLooks(lab: Lab, kind: ContainerdKind): void {
  let world: ContainerdWorld;
  let inDefault: ContainerdActor;
  before(async () => {
    world = await openContainerdWorld(lab, kind, 'kubernetes');
    inDefault = world.actorIn('default');
    // Two, because what is listed in no order shows that only then.
    for (const name of ['one', 'two']) await world.actor.createContainer({ image: await imageFor(name), name, state: 'created' });
  });
  after(() => world.close());
  const imageFor = async (name: string): Promise<string> => {
    await world.actor.addImage(local(name));
    return `lab/${name}:1`;
  };
  const known = { layersByImage: new Map(), sizeByLayer: new Map() };
  const observe = async (): Promise<Inventory> => {
    const { inventory, learned } = await world.runtime.observe(() => known);
    for (const [id, chain] of learned.layersByImage) known.layersByImage.set(id, chain);
    for (const [layer, size] of learned.sizeByLayer) known.sizeByLayer.set(layer, size);
    return inventory;
  };
  /** Looks until nothing is made again, so that the next look finds nothing but the change; the engine may have work left of what was done to it. */
  const settle = async (): Promise<Inventory> => {
    let last = await observe();
    for (let looks = 0; looks < 20; looks += 1) {
      const next = await observe();
      if (next.images === last.images) return next;
      last = next;
    }
    return assert.fail('it was made again at every look');
  };
  const look = async (id: ImageId): Promise<Image> => find(await observe(), id);

  test('nothing is made again while nothing changes, and the moment and the disk are of the look', async () => {
    const first = await settle();
    const second = await observe();
    assert.equal(second.images, first.images);
    assert.equal(second.layers, first.layers);
    assert.deepEqual(second.containers, first.containers);
    assert.ok(second.observedAt >= first.observedAt);
    assert.notEqual(second.disk, first.disk);
  });

  test('an image that came, a name that moved, a name and an image that went', async () => {
    await settle();
    const id = await inDefault.addImage(local('came'));
    assert.deepEqual((await look(id)).references, ['docker.io/lab/came:1']);
    const other = await inDefault.addImage(local('other'));
    await settle();
    await inDefault.tag(other, 'docker.io/lab/came:2');
    assert.deepEqual((await look(other)).references, ['docker.io/lab/came:2', 'docker.io/lab/other:1']);
    await inDefault.tag(id, 'docker.io/lab/came:2');
    const moved = await observe();
    assert.deepEqual(find(moved, other).references, ['docker.io/lab/other:1']);
    assert.deepEqual(find(moved, id).references, ['docker.io/lab/came:1', 'docker.io/lab/came:2']);
    await settle();
    await inDefault.ctr('images', 'rm', '--sync', 'docker.io/lab/came:2');
    assert.deepEqual((await look(id)).references, ['docker.io/lab/came:1']);
    await inDefault.forceRemove(id);
    assert.equal(
      (await observe()).images.some((image) => image.id === id),
      false,
    );
  });

  test('a pin, and a label by which a blob tells its registry', async () => {
    const id = await inDefault.addImage(local('labelled'));
    await settle();
    await inDefault.ctr('images', 'label', 'docker.io/lab/labelled:1', 'io.cri-containerd.pinned=pinned');
    assert.equal((await look(id)).pinned, true);
    await inDefault.ctr('images', 'label', 'docker.io/lab/labelled:1', 'io.cri-containerd.pinned=');
    assert.equal((await look(id)).pinned, false);
    await settle();
    const { images } = await world.client.call(imageCalls.list, {}, 'default');
    const target = images.find(({ name }) => name === 'docker.io/lab/labelled:1')?.target?.digest ?? assert.fail();
    await inDefault.ctr('content', 'label', target, 'containerd.io/distribution.source.registry.example=lab/labelled');
    assert.equal((await look(id)).origin, 'pulled');
    await inDefault.ctr('content', 'label', target, 'containerd.io/distribution.source.registry.example=');
    assert.equal((await look(id)).origin, 'local');
  });

  test('a lease, what it holds, and its end', async () => {
    const { client } = world;
    const id = await inDefault.addImage(local('held'));
    const { images } = await client.call(imageCalls.list, {}, 'default');
    const digest = images.find(({ name }) => name === 'docker.io/lab/held:1')?.target?.digest ?? assert.fail();
    await settle();
    await client.call(leaseCalls.create, { id: 'later' }, 'default');
    assert.equal((await look(id)).leased, false);
    await client.call(leaseCalls.addResource, { id: 'later', resource: { id: digest, type: 'content' } }, 'default');
    assert.equal((await look(id)).leased, true);
    await settle();
    await client.call(leaseCalls.delete, { id: 'later', sync: true }, 'default');
    assert.equal((await look(id)).leased, false);
  });

  test('a file system that was prepared, a container on it, its label, its state, and its end', async () => {
    const { client } = world;
    const id = await inDefault.addImage(local('used'));
    const [, top = assert.fail()] = (await look(id)).layers ?? [];
    const users = async (): Promise<readonly string[]> =>
      (await observe()).containers
        .filter(({ imageId }) => imageId === id)
        .map(({ name, state, labels }) => `${name} ${state} ${labels['x'] ?? ''}`);
    await settle();
    // Else the engine, which may still collect what went before, takes it for garbage.
    const labels = { 'containerd.io/gc.root': 'a test' };
    await client.call(snapshotCalls.prepare, { snapshotter: 'overlayfs', key: 'prepared', parent: top, labels }, 'default');
    assert.deepEqual(await users(), ['prepared prepared ']);
    await client.call(snapshotCalls.remove, { snapshotter: 'overlayfs', key: 'prepared' }, 'default');
    assert.deepEqual(await users(), []);
    await settle();
    const container = await inDefault.createContainer({ image: 'lab/used:1', name: 'user', state: 'created' });
    assert.deepEqual(await users(), ['user created ']);
    await inDefault.ctr('containers', 'label', 'user', 'x=y');
    assert.deepEqual(await users(), ['user created y']);
    await settle();
    await inDefault.ctr('tasks', 'start', '--detach', 'user');
    assert.deepEqual(await users(), ['user running y']);
    await settle();
    await inDefault.removeContainer(container);
    assert.deepEqual(await users(), []);
  });

  test('a container whose snapshot goes is a doubt at the next look, and at the one after it', async () => {
    const { client } = world;
    const id = await inDefault.addImage(local('bare'));
    const [, top = assert.fail()] = (await look(id)).layers ?? [];
    await inDefault.createFrom(top, 'bared');
    await settle();
    await client.call(snapshotCalls.remove, { snapshotter: 'overlayfs', key: 'bared' }, 'default');
    for (let looks = 0; looks < 2; looks += 1) assert.match((await observe()).doubts[0]?.message ?? '', /bared/);
    await client.call(containerCalls.delete, { id: 'bared' }, 'default');
    assert.deepEqual((await observe()).doubts, []);
  });

  test('a container of a pod, and an image in a namespace that is new', async () => {
    const id = await world.actor.addImage(local('in-pod'));
    await settle();
    const container = await world.actor.createContainer({ image: 'lab/in-pod:1', name: 'in-pod', state: 'created' });
    const told = (await observe()).containers.find((each) => each.id === container);
    assert.deepEqual([told?.imageId, told?.state], [id, 'created']);
    await world.actor.removeContainer(container);
    assert.equal(
      (await observe()).containers.some((each) => each.id === container),
      false,
    );
    await settle();
    const elsewhere = await world.actorIn('elsewhere').addImage(local('elsewhere'));
    assert.deepEqual((await look(elsewhere)).references, ['docker.io/lab/elsewhere:1']);
  });
}
