/** What only containerd can do to an image, and what only CRI can lose, on real engines. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ContainerId, ImageId } from '../../src/model/brands.ts';
import type { Image } from '../../src/model/inventory.ts';
import { openContainerd } from '../../src/runtime/containerd/containerd-runtime.ts';
import { imageServiceApi, imagesApi, leasesApi } from '../../src/runtime/containerd/messages.ts';
import { placeHolds } from '../../src/runtime/containerd/name-hold.ts';
import { CONTAINERD_KINDS, type ContainerdKind, type Lab } from '../lab/lab.ts';
import { containerCalls, imageCalls, leaseCalls, snapshotCalls } from './containerd-calls.ts';
import { type ContainerdActor, type ContainerdWorld, openContainerdWorld, PAUSE } from './containerd-world.ts';
import { find, local, nothingKnown } from './contract-images.ts';
import { openLabOfRun } from './lab-of-run.ts';

const KEEP_BUSY = ['created', 'running', 'exited'] as const;

const lab = await openLabOfRun(CONTAINERD_KINDS.map((kind) => `what containerd alone does, on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  for (const kind of CONTAINERD_KINDS) {
    describe(`what containerd alone does, on ${kind}`, () => describeCases(lab, kind));
    describe(`bytes on ${kind}`, () => describeBytes(lab, kind));
  }
}

function describeCases(lab: Lab, kind: ContainerdKind): void {
  let world: ContainerdWorld;
  let inDefault: ContainerdActor;
  before(async () => {
    world = await openContainerdWorld(lab, kind, 'kubernetes');
    inDefault = world.actorIn('default');
  });
  after(() => world.close());
  const observed = async (id: ImageId): Promise<Image> => find((await world.runtime.observe(nothingKnown)).inventory, id);
  const isRemoval = (path: string): boolean => path === imageServiceApi.removeImage.path;
  /** One that never had a task; its snapshot first, which the engine collects otherwise. */
  const dropContainer = async (id: ContainerId): Promise<void> => {
    const own = id.replace('k8s.io/', '');
    await world.client.call(snapshotCalls.remove, { snapshotter: 'overlayfs', key: own }, 'k8s.io');
    await world.client.call(containerCalls.delete, { id: own }, 'k8s.io');
  };
  const refuses = async (id: ImageId, why: RegExp): Promise<void> => {
    const outcome = await world.runtime.removeImage(id);
    assert.ok(outcome.kind === 'in-use' && why.test(outcome.message), JSON.stringify(outcome));
    assert.notEqual(await world.runtime.readNames(id), null);
  };

  test('an image that only a container in another namespace uses survives, and goes from all namespaces at once after it', async () => {
    const { actor, runtime } = world;
    const id = await actor.addImage(local('two-namespaces'));
    assert.equal(await inDefault.addImage(local('two-namespaces')), id);
    const container = await inDefault.createContainer({ image: 'lab/two-namespaces:1', name: 'elsewhere', state: 'created' });
    await refuses(id, /elsewhere \(created\)/);
    await inDefault.removeContainer(container);
    const before = await world.contentBytes();
    assert.deepEqual(await runtime.removeImage(id), { kind: 'done', isImageDeleted: true, deletedLayers: null });
    assert.deepEqual([await inDefault.namesOf(id), await actor.namesOf(id)], [[], []]);
    assert.ok((await world.contentBytes()) < before);
  });

  test('an image whose container comes into being as its names go gets all of them back, in each namespace', async () => {
    const { actor, runtime, log } = world;
    const id = await actor.addImage(local('late', { tags: ['1', '2'] }));
    const [, top = ''] = (await observed(id)).layers ?? [];
    await inDefault.addImage(local('late', { tags: ['1', '2'] }));
    const before = [await actor.namesOf(id), await inDefault.namesOf(id)];
    let container: ContainerId | undefined;
    log.afterNext(isRemoval, async () => {
      container = await actor.createFrom(top, 'late');
    });
    const outcome = await runtime.removeImage(id);
    assert.ok(outcome.kind === 'in-use' && outcome.message.includes('late'), JSON.stringify(outcome));
    assert.deepEqual([await actor.namesOf(id), await inDefault.namesOf(id)], before);
    assert.deepEqual((await runtime.observe(nothingKnown)).holds, []);
    await dropContainer(container ?? assert.fail());
  });

  test('a container that comes into being as its image goes for good is told with that image, and keeps its layers', async () => {
    const { actor, runtime, log } = world;
    const id = await actor.addImage(local('too-late'));
    const [, top = ''] = (await observed(id)).layers ?? [];
    let container: ContainerId | undefined;
    log.beforeNext(
      (path) => path === leasesApi.delete.path,
      async () => {
        container = await actor.createFrom(top, 'too-late');
      },
    );
    assert.equal((await runtime.removeImage(id)).kind, 'done');
    const use = (await runtime.listContainers()).find((each) => each.id === container);
    assert.deepEqual([use?.imageIds, use?.isComplete], [[id], true]);
    await dropContainer(container ?? assert.fail());
  });

  test('what a dead run took off is told as a hold, and comes back whole with it', async () => {
    const { runtime, client } = world;
    const id = await inDefault.addImage(local('held', { tags: ['1', '2'] }));
    const names = await inDefault.namesOf(id);
    const present = await Promise.all(
      names.map((name) =>
        client.call(imagesApi.get, { name }, 'default').then(({ image }) => {
          const target = image?.target ?? assert.fail();
          return { namespace: 'default', name, target: target.digest, isPinned: false, image: { ...(image ?? assert.fail()), target } };
        }),
      ),
    );
    await placeHolds(client, id, present, 'a-1-1-1-1');
    await inDefault.ctr('images', 'rm', '--sync', ...names);
    const { holds, inventory } = await runtime.observe(nothingKnown);
    assert.equal(
      inventory.images.some((image) => image.id === id),
      false,
    );
    assert.deepEqual(
      holds.map(({ imageId, original, mark }) => [imageId, original, mark]),
      [[id, 'docker.io/lab/held:1', 'a-1-1-1-1']],
    );
    const [hold = assert.fail()] = holds;
    assert.equal(await runtime.resolveName(hold.reference), id);
    assert.equal((await runtime.removeName(hold.reference)).kind, 'done');
    assert.deepEqual(await inDefault.namesOf(id), names);
    assert.deepEqual((await runtime.observe(nothingKnown)).holds, []);
    assert.equal((await runtime.removeImage(id)).kind, 'done');
  });

  test('a name that is moved while its image goes stays where it was moved to', async () => {
    const { actor, runtime, log } = world;
    const old = await actor.addImage(local('moving', { tags: ['1', '2'] }));
    const newer = await actor.addImage(local('moved-to'));
    log.afterNext(
      (path) => path === leasesApi.addResource.path,
      () => actor.tag(newer, 'docker.io/lab/moving:2'),
    );
    assert.equal((await runtime.removeImage(old)).kind, 'done');
    assert.equal(await runtime.resolveName('docker.io/lab/moving:2'), newer);
    assert.equal((await runtime.removeImage(newer)).kind, 'done');
  });

  test('blobs count once for two namespaces, unpacked layers twice', async () => {
    const { actor, runtime } = world;
    const id = await actor.addImage(local('shared', { layers: [['shared-only', 300]] }));
    const once = (await observed(id)).sizeBytes ?? 0;
    await inDefault.addImage(local('shared', { layers: [['shared-only', 300]] }));
    const twice = (await observed(id)).sizeBytes ?? 0;
    const before = await world.usedBytes();
    await runtime.removeImage(id);
    const freed = before - (await world.usedBytes());
    assert.ok(Math.abs(twice - once - once / 2) < 20_000, `${once} ${twice}`);
    assert.ok(Math.abs(freed - twice) < 50_000, `expected ${twice}, freed ${freed}`);
  });

  test('a pinned image survives, whoever pinned it', async () => {
    const id = await inDefault.addImage(local('pinned'));
    await inDefault.ctr('images', 'label', 'docker.io/lab/pinned:1', 'io.cri-containerd.pinned=pinned');
    assert.equal((await observed(id)).pinned, true);
    await refuses(id, /asks to keep it/);
  });

  test('a leased image survives, by its manifest or by its unpacked top layer, until the lease ends', async () => {
    const { client, runtime } = world;
    const id = await inDefault.addImage(local('leased'));
    const [top] = ((await observed(id)).layers ?? []).slice(1, 2);
    const { images } = await client.call(imageCalls.list, {}, 'default');
    const manifest = images.find(({ name }) => name === 'docker.io/lab/leased:1')?.target?.digest ?? '';
    for (const resource of [
      { id: manifest, type: 'content' },
      { id: top ?? '', type: 'snapshots/overlayfs' },
    ]) {
      await client.call(leaseCalls.create, { id: 'held' }, 'default');
      await client.call(leaseCalls.addResource, { id: 'held', resource }, 'default');
      assert.equal((await observed(id)).leased, true);
      await refuses(id, /lease/);
      await client.call(leaseCalls.delete, { id: 'held', sync: true }, 'default');
    }
    assert.equal((await runtime.removeImage(id)).kind, 'done');
  });

  test('the sandbox image survives, and a pod can start with no registry', async () => {
    const { runtime, actor } = world;
    const pause = await runtime.resolveName(PAUSE);
    assert.ok(pause !== null);
    const { sandbox, pinned } = await observed(pause);
    assert.ok(sandbox || pinned);
    await refuses(pause, /every pod begins with it|asks to keep it/);
    await actor.removePod(await actor.runPod('after-all'));
  });

  for (const state of KEEP_BUSY) {
    test(`a container in a pod that is ${state} keeps its image, and the pod keeps its own`, async () => {
      const { actor, runtime } = world;
      const id = await actor.addImage(local(`in-pod-${state}`));
      const container = await actor.createContainer({ image: `lab/in-pod-${state}:1`, name: `in-pod-${state}`, state });
      await refuses(id, new RegExp(state));
      await actor.stopPods();
      await refuses(id, /in-pod/);
      await actor.removeContainer(container);
      assert.equal((await runtime.removeImage(id)).kind, 'done');
    });
  }

  test('an image of Docker or BuildKit is shown and never touched, unless its namespace is named', async () => {
    const { engine, runtime } = world;
    const moby = world.actorIn('moby');
    const id = await moby.addImage(local('theirs'));
    assert.equal((await observed(id)).readOnly, true);
    await refuses(id, /moby/);
    const address = `containerd://${engine.socketPath}?namespace=moby`;
    const named = await openContainerd({ socketPath: engine.socketPath, namespaces: ['moby'], address });
    const other = await inDefault.addImage(local('ours'));
    assert.equal((await named.removeImage(other)).kind, 'in-use');
    assert.equal((await named.removeImage(id)).kind, 'done');
    named.close();
    assert.equal((await runtime.removeImage(other)).kind, 'done');
  });

  test('a namespace that is not there is told with those that are', async () => {
    const { socketPath } = world.engine;
    const opening = openContainerd({ socketPath, namespaces: ['nowhere'], address: `containerd://${socketPath}?namespace=nowhere` });
    await assert.rejects(opening, { kind: 'settings', problem: /no namespace "nowhere"/, hint: /default, k8s\.io/ });
  });

  test('the engine, its store and its images are the same after a restart', async () => {
    const { engine, actor } = world;
    const id = await actor.addImage(local('lasting'));
    const { engineId, storeId } = world.runtime.identity;
    await engine.restart();
    const again = await openContainerd({ socketPath: engine.socketPath, namespaces: [], address: `containerd://${engine.socketPath}` });
    const { images } = (await again.observe(nothingKnown)).inventory;
    again.close();
    assert.deepEqual([again.identity.engineId, again.identity.storeId], [engineId, storeId]);
    assert.ok(images.some((image) => image.id === id));
  });
}

/** What a removal is expected to free, and what the disk shows. */
function describeBytes(lab: Lab, kind: ContainerdKind): void {
  for (const mode of ['native', 'kubernetes'] as const) {
    for (const [title, kib, files] of [
      ['one big file', 8_000, 1],
      ['thousands of small files', 2_000, 2_000],
    ] as const) {
      test(`of ${title} what was expected comes free, ${mode}`, async (t) => {
        const world = await openContainerdWorld(lab, kind, mode);
        try {
          const { actor, runtime } = world;
          await actor.addImage(local('neighbour', { layers: [['common', 64]] }));
          const spec = local('bytes', {
            layers: [
              ['common', 64],
              ['bytes', kib],
            ],
          });
          const id = await actor.addImage(spec, files);
          const { images, layers } = (await runtime.observe(nothingKnown)).inventory;
          const kept = new Set(images.flatMap((image) => (image.id === id ? [] : (image.layers ?? []))));
          const own = images.find((image) => image.id === id)?.layers?.filter((layer) => !kept.has(layer)) ?? [];
          const expected = own.reduce((sum, layer) => sum + (layers.get(layer)?.sizeBytes ?? Number.NaN), 0);
          const before = await world.usedBytes();
          assert.equal((await runtime.removeImage(id)).kind, 'done');
          const freed = before - (await world.usedBytes());
          t.diagnostic(`${kind} ${mode}, ${title}: expected ${expected}, measured ${freed}`);
          assert.ok(freed > expected * 0.9 && freed < expected * 1.2, `expected ${expected}, measured ${freed}`);
        } finally {
          await world.close();
        }
      });
    }
  }
}
