import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageId } from '../../src/model/brands.ts';
import type { EngineEvent, EventCursor } from '../../src/model/engine-event.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { local } from './contract-images.ts';
import type { ContractFeatures, ContractWorld } from './contract-world.ts';

/** A watch under way, and what it was told. */
interface Watching {
  readonly events: readonly EngineEvent[];
  readonly cursor: () => EventCursor | null;
  /** Waits for the first event that fits; what was told before counts. */
  until(fits: (event: EngineEvent) => boolean): Promise<EngineEvent>;
  stop(): Promise<void>;
}

async function startWatching(runtime: Runtime, since: EventCursor | null = null): Promise<Watching> {
  const abort = new AbortController();
  const opened = Promise.withResolvers<void>();
  const events: EngineEvent[] = [];
  let cursor: EventCursor | null = null;
  let wake: () => void = () => undefined;
  const ended = runtime.watch({
    since,
    signal: abort.signal,
    onOpen: (from) => {
      cursor = from;
      opened.resolve();
    },
    onEvents: (told, last) => {
      events.push(...told);
      cursor = last;
      wake();
    },
  });
  await Promise.race([opened.promise, ended]);
  const until = async (fits: (event: EngineEvent) => boolean): Promise<EngineEvent> => {
    for (;;) {
      const found = events.find(fits);
      if (found !== undefined) return found;
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      await Promise.race([promise, ended.then(() => assert.fail('the watch ended'))]);
    }
  };
  const stop = async (): Promise<void> => {
    abort.abort();
    await ended;
  };
  return { events, cursor: () => cursor, until, stop };
}

/** What every adapter tells of what happens on an engine. */
export function describeEvents(world: () => ContractWorld, { events, imageEvents }: ContractFeatures): void {
  describeWatching(world, events);
  if (events !== 'none') describeContainerEvents(world);
  if (imageEvents) describeImageEvents(world);
  if (events === 'replayed') describeResuming(world);
}

function describeContainerEvents(world: () => ContractWorld): void {
  test('watch() tells every step in the life of a container, and its image by ID', async () => {
    const { addImage, createContainer, removeContainer, runtime } = world();
    const id = await addImage(local('watched'));
    const watching = await startWatching(runtime);
    const container = await createContainer({ image: 'lab/watched:1', name: 'watched', state: 'exited' });
    await removeContainer(container);
    await watching.until(({ kind, containerId }) => kind === 'container-removed' && containerId === container);
    await watching.stop();
    const told = watching.events.filter(({ containerId }) => containerId === container);
    const kinds = ['container-created', 'container-started', 'container-ended', 'container-removed'];
    assert.deepEqual(
      told.map(({ kind }) => kind),
      kinds,
    );
    assert.ok(told.every(({ imageIds }) => imageIds.length === 1 && imageIds[0] === id));
    assert.ok(told.every(({ at }) => Math.abs(at - Date.now()) < 3_600_000));
  });

  test('watch() tells the image that a container was made of, also when its tag was moved before the event is read', async () => {
    const { addImage, createContainer, removeContainer, tag, runtime } = world();
    const [older, newer] = [await addImage(local('switch-old')), await addImage(local('switch-new'))];
    await tag(older, 'docker.io/lab/switch:1');
    const watching = await startWatching(runtime);
    const container = await createContainer({ image: 'lab/switch:1', name: 'switch', state: 'created' });
    await tag(newer, 'docker.io/lab/switch:1');
    const created = await watching.until(({ kind, containerId }) => kind === 'container-created' && containerId === container);
    await removeContainer(container);
    const removed = await watching.until(({ kind, containerId }) => kind === 'container-removed' && containerId === container);
    await watching.stop();
    assert.deepEqual([created.imageIds, removed.imageIds], [[older], [older]]);
  });
}

function describeImageEvents(world: () => ContractWorld): void {
  test('watch() tells pulls with their name, loads, tags and removals', async () => {
    const { addImage, pullImage, tag, forceRemove, features, runtime } = world();
    const watching = await startWatching(runtime);
    const pulled = await pullImage('team/told', 'tag');
    const pull = await watching.until(({ kind, imageIds }) => kind === 'image-pulled' && imageIds.includes(pulled.id));
    const loaded = await addImage(local('told'));
    const isLoaded = (images: readonly ImageId[]) => (features.loadsToldById ? images.includes(loaded) : images.length === 0);
    await watching.until(({ kind, imageIds }) => kind === 'image-loaded' && isLoaded(imageIds));
    await tag(loaded, 'docker.io/lab/told-again:1');
    const tagged = await watching.until(({ kind, reference }) => kind === 'image-tagged' && reference === 'docker.io/lab/told-again:1');
    await forceRemove(loaded);
    await watching.until(({ kind, imageIds }) => kind === 'image-removed' && imageIds.includes(loaded));
    await watching.stop();
    assert.deepEqual([pull.reference, tagged.imageIds], [pulled.references[0], [loaded]]);
  });
}

function describeResuming(world: () => ContractWorld): void {
  test('watch() tells all that happened since it was opened to whoever resumes from there, also when it told nothing', async () => {
    const { addImage, createContainer, removeContainer, runtime } = world();
    const id = await addImage(local('quiet'));
    const watching = await startWatching(runtime);
    await watching.stop();
    const container = await createContainer({ image: 'lab/quiet:1', name: 'quiet', state: 'exited' });
    await removeContainer(container);
    const resumed = await startWatching(runtime, watching.cursor());
    const removed = await resumed.until(({ kind, containerId }) => kind === 'container-removed' && containerId === container);
    await resumed.stop();
    assert.deepEqual(removed.imageIds, [id]);
  });

  test('watch() resumes behind a cursor: what happened meanwhile is told once, what was told is not told again', async () => {
    const { addImage, createContainer, removeContainer, tag, runtime } = world();
    const id = await addImage(local('resumed'));
    await runtime.observe(() => ({ layersByImage: new Map(), sizeByLayer: new Map() }));
    const before = await startWatching(runtime);
    await tag(id, 'docker.io/lab/resumed:before');
    await before.until(({ reference }) => reference === 'docker.io/lab/resumed:before');
    await before.stop();
    const container = await createContainer({ image: 'lab/resumed:1', name: 'resumed', state: 'created' });
    await removeContainer(container);
    const after = await startWatching(runtime, before.cursor());
    const removed = await after.until(({ kind, containerId }) => kind === 'container-removed' && containerId === container);
    await after.stop();
    assert.deepEqual(removed.imageIds, [id]);
    assert.equal(
      after.events.some(({ reference }) => reference === 'docker.io/lab/resumed:before'),
      false,
    );
    assert.equal(after.events.filter(({ kind, containerId }) => kind === 'container-created' && containerId === container).length, 1);
  });
}

function describeWatching(world: () => ContractWorld, expected: ContractFeatures['events']): void {
  test('watch() ends when it is told to, and not before', async () => {
    const watching = await startWatching(world().runtime);
    await watching.stop();
    assert.deepEqual(watching.events, []);
  });

  test('watch() says from where it can be resumed, or that it cannot', async () => {
    const { runtime } = world();
    const watching = await startWatching(runtime);
    await watching.stop();
    assert.equal(runtime.capabilities.events, expected);
    assert.equal(watching.cursor() !== null, expected === 'replayed');
  });
}
