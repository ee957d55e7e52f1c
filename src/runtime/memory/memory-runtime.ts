import type { Bytes, ChainId, ContainerId, DurationMs, ImageId, WallMs } from '../../model/brands.ts';
import { bytes, wallMs } from '../../model/brands.ts';
import { OperatingError } from '../../model/error.ts';
import type { BuildCache, DiskUsage, Image, Layer, LayerFacts } from '../../model/inventory.ts';
import { addLayer } from '../../model/inventory.ts';
import { KEPT_BY_NOTHING, originByDigest, sortNames, useOf, withHeldNames } from '../image-names.ts';
import type { ContainerUse, EventWatcher, ImageNames, Observation, Receiving, RemoveOutcome, Runtime } from '../runtime.ts';
import type { MemoryCall, MemoryEngine, MemoryImage } from './memory-engine.ts';
import type { NumberedEvent } from './memory-events.ts';

const VERSION = '1';

/** Opens a {@link MemoryEngine}. @param now what the engine's listings say for "observed at" */
export function openMemory(engine: MemoryEngine, now: () => WallMs = () => wallMs(Date.now())): Runtime {
  return new MemoryRuntime(engine, now);
}

class MemoryRuntime implements Runtime {
  readonly identity: Runtime['identity'];
  readonly capabilities: Runtime['capabilities'];
  readonly #engine: MemoryEngine;
  readonly #now: () => WallMs;

  constructor(engine: MemoryEngine, now: () => WallMs) {
    const { engineId, storeId, holds } = engine;
    this.capabilities = { holds, digestsProvePull: true, digestsGoAlone: true, parentsKnown: true, events: 'replayed' };
    this.identity = { name: 'memory', version: VERSION, engineId, storeId, title: `memory engine ${engineId} (${storeId})` };
    this.#engine = engine;
    this.#now = now;
  }

  async observe(readKnown: () => LayerFacts): Promise<Observation> {
    const known = readKnown();
    const observedAt = this.#now();
    const engine = this.#engine;
    const listed = await this.#call('listImages', '', () =>
      [...engine.images.values()].map((image) => ({ image, names: this.#names(image.id) })),
    );
    const learned = { layersByImage: new Map<ImageId, readonly ChainId[]>(), sizeByLayer: new Map<ChainId, Bytes>() };
    const present: typeof listed = [];
    for (const item of listed) {
      const { id } = item.image;
      const layers = known.layersByImage.get(id) ?? (await this.#call('inspectImage', id, () => engine.images.get(id)?.layers));
      if (layers === undefined) continue;
      present.push(item);
      if (!known.layersByImage.has(id)) learned.layersByImage.set(id, layers);
      for (const layer of layers) this.#learnSize(layer, known, learned.sizeByLayer);
    }
    const workloads = await this.#call('listServices', '', () => engine.services);
    const containers = await this.#call('listContainers', '', () => [...engine.containers.values()]);
    const layers = new Map<ChainId, Layer>();
    for (const { image } of present) for (const key of image.layers) addLayer(layers, key, engine.layerSizes.get(key) ?? null);
    const named = withHeldNames(new Map(present.map(({ image, names }) => [image.id, names])));
    const images = present.map(({ image, names }) => describeImage(image, named.get(image.id) ?? names, engine.sizeOf(image.layers)));
    const { name, version } = this.identity;
    const rest = { engine: { name, version }, disk: this.#disk(), buildCache: null, workloads, doubts: [] };
    return { inventory: { observedAt, images, layers, containers, ...rest }, learned, holds: present.flatMap(({ names }) => names.holds) };
  }

  listContainers(): Promise<readonly ContainerUse[]> {
    return this.#call('listContainers', '', () => [...this.#engine.containers.values()].map((container) => useOf(container, true)));
  }

  readNames(id: ImageId): Promise<ImageNames | null> {
    return this.#call('readNames', id, () => (this.#engine.images.has(id) ? this.#names(id) : null));
  }

  resolveName(reference: string): Promise<ImageId | null> {
    return this.#call('resolveName', reference, () => this.#engine.names.get(reference) ?? null);
  }

  ping(): Promise<void> {
    return this.#call('ping', '', () => undefined);
  }

  measureDisk(): Promise<DiskUsage | null> {
    return this.#call('measureDisk', '', () => this.#disk());
  }

  readReceiving(): Receiving {
    return this.#engine.receiving;
  }

  readBuildCache(): Promise<BuildCache | null> {
    return this.#call('readBuildCache', '', () => {
      return { layers: [], sizeBytes: this.#engine.cachedBytes(), unused: this.#engine.buildCache };
    });
  }

  pruneBuildCache(unusedForMs: DurationMs): Promise<Bytes> {
    return this.#call('pruneBuildCache', '', () => this.#engine.pruneBuildCache(unusedForMs));
  }

  addName(id: ImageId, reference: string): Promise<boolean> {
    return this.#call('addName', reference, () => {
      if (!this.#engine.images.has(id)) return false;
      this.#engine.tag(id, reference);
      return true;
    });
  }

  removeName(reference: string): Promise<RemoveOutcome> {
    return this.#call('removeName', reference, () => this.#engine.removeName(reference));
  }

  removeImage(id: ImageId): Promise<RemoveOutcome> {
    return this.#call('removeImage', id, () => this.#engine.removeImage(id));
  }

  readEnd(id: ContainerId): Promise<string | null> {
    return this.#call('readEnd', id, () => this.#engine.ends.get(id) ?? null);
  }

  removeContainer(id: ContainerId): Promise<RemoveOutcome> {
    return this.#call('removeContainer', id, (): RemoveOutcome => {
      const state = this.#engine.containers.get(id)?.state;
      if (state === undefined) return { kind: 'gone' };
      if (state === 'running') return { kind: 'in-use', message: 'container is running' };
      this.#engine.removeContainer(id);
      return { kind: 'done', isImageDeleted: false, deletedLayers: null };
    });
  }

  async watch({ since, signal, onOpen, onEvents }: EventWatcher): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const tell = (told: readonly NumberedEvent[]): void => {
      const events = told.map(({ event }) => event);
      const last = told.at(-1);
      if (last !== undefined) onEvents(events, String(last.number));
    };
    await this.#call('watch', '', () => undefined);
    using _listening = this.#engine.events.listen((told) => (told === null ? reject(streamEnded()) : tell([told])));
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) return;
    onOpen(since ?? String(this.#engine.events.count));
    tell(this.#engine.events.since(since === null ? null : Number(since)));
    await promise;
  }

  close(): void {}

  async #call<Value>(kind: MemoryCall['kind'], subject: string, answer: () => Value): Promise<Value> {
    await this.#engine.onCall({ kind, subject }, 'before');
    const value = answer();
    await this.#engine.onCall({ kind, subject }, 'after');
    return value;
  }

  #learnSize(layer: ChainId, known: LayerFacts, learned: Map<ChainId, Bytes>): void {
    const sizeBytes = this.#engine.layerSizes.get(layer) ?? null;
    if (sizeBytes !== null && !known.sizeByLayer.has(layer)) learned.set(layer, sizeBytes);
  }

  #names(id: ImageId): ImageNames {
    return sortNames(id, this.#engine.namesOf(id));
  }

  #disk(): DiskUsage | null {
    const { capacityBytes } = this.#engine;
    if (capacityBytes === null) return null;
    const usedBytes = this.#engine.usedBytes();
    return { capacityBytes, usedBytes, availableBytes: bytes(Math.max(0, capacityBytes - usedBytes)), inodes: null, inodesUsed: null };
  }
}

function streamEnded(): OperatingError {
  const parts = { operation: 'watch the engine', subject: 'memory engine', problem: 'the engine ended the stream', hint: null };
  return new OperatingError({ kind: 'engine-unreachable', ...parts });
}

function describeImage({ id, layers, labels, parentId, createdAt }: MemoryImage, names: ImageNames, sizeBytes: Bytes | null): Image {
  const { references, digests } = names;
  return { id, references, digests, layers, sizeBytes, createdAt, labels, parentId, origin: originByDigest(names), ...KEPT_BY_NOTHING };
}
