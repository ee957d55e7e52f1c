import { createHash } from 'node:crypto';
import type { Bytes, ChainId, ContainerId, DurationMs, ImageId, WallMs } from '../../model/brands.ts';
import { bytes, chainId, containerId, imageId, wallMs } from '../../model/brands.ts';
import type { EngineEvent, EngineEventKind } from '../../model/engine-event.ts';
import { type BuildCache, type Container, type Image, imagesOf, type WorkloadNeed } from '../../model/inventory.ts';
import { canonicalReference, splitReference } from '../../model/reference.ts';
import type { Receiving, RemoveOutcome, Runtime } from '../runtime.ts';
import { MemoryEvents } from './memory-events.ts';

/** An image to put into a {@link MemoryEngine}. Images with equal layers from the base up share them. */
export interface MemoryImageSpec {
  /** Name and unpacked bytes, base first; null bytes: the engine does not tell. */
  readonly layers: readonly (readonly [name: string, sizeBytes: number | null])[];
  readonly references?: readonly string[];
  readonly digests?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly parentId?: ImageId;
  readonly createdAt?: string;
  /** How it came; absent: pulled where it has a digest, loaded where it has none. */
  readonly by?: 'pull' | 'load' | 'build';
}

/** A container to create. The image and the mounted images are given by name, digest reference or ID, as an engine takes them. */
export interface MemoryContainerSpec {
  readonly image: string;
  readonly name?: string;
  readonly state?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly mounts?: readonly string[];
}

/** An image as the engine keeps it. */
export interface MemoryImage extends Pick<Image, 'id' | 'labels' | 'parentId' | 'createdAt'> {
  readonly layers: readonly ChainId[];
}

/** One call that the engine is asked, as an adapter's wire would show it. */
export interface MemoryCall {
  readonly kind: keyof Runtime | 'listImages' | 'inspectImage' | 'listServices';
  /** The name or ID asked for; empty for listings. */
  readonly subject: string;
}

/** How the engine differs from the default one. */
export interface MemoryEngineOptions {
  readonly engineId?: string;
  readonly storeId?: string;
  /** False: names are not given and taken one by one, as on containerd. */
  readonly holds?: boolean;
  /** Of the disk that holds the images; absent: the engine's disk cannot be measured. */
  readonly capacityBytes?: number;
}

/**
 * A container engine in memory that follows Docker's rules of removal (`docs/engines.md` §3): what is in use stays, a name is the
 * last one only once, children protect their parents. For tests, the simulator and demonstrations.
 */
export class MemoryEngine {
  /** May be changed, as when another engine comes to listen at the same address; an open runtime keeps what it read. */
  engineId: string;
  readonly storeId: string;
  readonly capacityBytes: Bytes | null;
  readonly holds: boolean;
  readonly images = new Map<ImageId, MemoryImage>();
  readonly containers = new Map<ContainerId, Container>();
  /** When a container ended that nothing starts again; taken out, it is one that something does. */
  readonly ends = new Map<ContainerId, string>();
  /** Tags and digest references, canonical. */
  readonly names = new Map<string, ImageId>();
  readonly layerSizes = new Map<ChainId, Bytes | null>();
  /** Removals of these fail with these words. */
  readonly failures = new Map<ImageId, string>();
  /** What happens, as it happens. */
  readonly events = new MemoryEvents();
  /** What others keep on the disk of the images. */
  otherBytes = 0;
  /** What services of a cluster need on this host. */
  services: readonly WorkloadNeed[] = [];
  /** What somebody pulls or loads. */
  receiving: Receiving = { isUnderWay: false, missingBytes: bytes(0) };
  /** What the build cache holds. */
  buildCache: BuildCache['unused'] = [];
  /** The engine's own wall clock. */
  now: () => WallMs = () => wallMs(Date.now());
  /** Called around every call: to race with it, or to throw in its place. */
  onCall: (call: MemoryCall, phase: 'before' | 'after') => void | Promise<void> = () => undefined;
  /** A container goes on holding its layers when its image is gone. */
  readonly #containerLayers = new Map<ContainerId, readonly ChainId[]>();
  #made = 0;
  #ended = 0;

  constructor(options: MemoryEngineOptions = {}) {
    this.holds = options.holds ?? true;
    this.engineId = options.engineId ?? 'memory-engine';
    this.storeId = options.storeId ?? 'memory';
    this.capacityBytes = options.capacityBytes === undefined ? null : bytes(options.capacityBytes);
  }

  /** Adds an image; names that pointed elsewhere move to it. Equal specifications give equal IDs but for their names. */
  addImage(spec: MemoryImageSpec): ImageId {
    const { layers: stack, labels = {}, parentId = null } = spec;
    const createdAt = spec.createdAt === undefined ? null : wallMs(Date.parse(spec.createdAt));
    const layers = stack.map((_, index) => chainId(digestOf(stack.slice(0, index + 1).map(([name]) => name))));
    const id = imageId(digestOf([stack, labels, parentId, createdAt]));
    for (const [index, layer] of layers.entries()) {
      const sizeBytes = stack[index]?.[1] ?? null;
      this.layerSizes.set(layer, sizeBytes === null ? null : bytes(sizeBytes));
    }
    this.images.set(id, { id, layers, labels, parentId, createdAt });
    const names = [...(spec.references ?? []), ...(spec.digests ?? [])].map(canonicalReference);
    for (const name of names) this.names.set(name, id);
    this.#tellArrival(id, names, spec.by ?? ((spec.digests ?? []).length > 0 ? 'pull' : 'load'));
    return id;
  }

  /** Gives a name; it leaves whatever had it. */
  tag(id: ImageId, reference: string): void {
    this.names.set(reference, id);
    this.#tell('image-tagged', [id], { reference });
  }

  /** The container's process ends; the container stays. */
  endContainer(id: ContainerId): void {
    const container = this.containers.get(id);
    if (container === undefined) return;
    this.containers.set(id, { ...container, state: 'exited' });
    this.#noteEnd(id);
    this.#tell('container-ended', imagesOf(container), { containerId: id });
  }

  /** An ended container runs again, and ends again when it is told to. */
  restartContainer(id: ContainerId): void {
    const container = this.containers.get(id);
    if (container === undefined) return;
    this.ends.delete(id);
    this.containers.set(id, { ...container, state: 'running' });
    this.#tell('container-started', imagesOf(container), { containerId: id });
  }

  removeContainer(id: ContainerId): void {
    const container = this.containers.get(id);
    if (container === undefined) return;
    this.containers.delete(id);
    this.ends.delete(id);
    this.#containerLayers.delete(id);
    this.#tell('container-removed', imagesOf(container), { containerId: id });
  }

  /** @throws Error when a name points to nothing, as an engine answers 404 */
  createContainer(spec: MemoryContainerSpec): ContainerId {
    this.#made += 1;
    const root = this.#need(spec.image);
    const mounted = (spec.mounts ?? []).map((name) => this.#need(name));
    const id = containerId(digestOf(['container', this.#made]).slice('sha256:'.length));
    const { name = `container-${this.#made}`, state = 'running', labels = {} } = spec;
    const images = { imageId: root.id, imageName: spec.image, mountedImageIds: mounted.map((image) => image.id) };
    this.containers.set(id, { id, name, state, labels, ...images, createdAt: null, startedAt: null, finishedAt: null });
    const needed = [root, ...mounted];
    const layers = needed.flatMap((image) => image.layers);
    this.#containerLayers.set(id, layers);
    const used = needed.map((image) => image.id);
    this.#tell('container-created', used, { containerId: id });
    if (state === 'exited') this.#noteEnd(id);
    if (state !== 'created') this.#tell('container-started', used, { containerId: id });
    return id;
  }

  /** The image that a name or an ID means now. */
  find(nameOrId: string): MemoryImage | null {
    const named = this.names.get(canonicalReference(nameOrId));
    return this.images.get(named ?? imageId(nameOrId)) ?? null;
  }

  namesOf(id: ImageId): readonly string[] {
    return [...this.names.keys()].filter((name) => this.names.get(name) === id);
  }

  /** Removes an image whatever uses it, as someone else's force would. @returns the layers that went with it, the top first */
  forceRemove(id: ImageId): readonly ChainId[] {
    const layers = this.images.get(id)?.layers ?? [];
    for (const name of this.namesOf(id)) this.names.delete(name);
    this.images.delete(id);
    this.#tell('image-removed', [id], {});
    const needed = this.#layersInUse();
    return layers.filter((layer) => !needed.has(layer)).toReversed();
  }

  /** Removal by name, by Docker's rules: the last name takes the image with it, unless it has children. */
  removeName(reference: string): RemoveOutcome {
    const id = this.names.get(reference);
    if (id === undefined) return { kind: 'gone' };
    const refusal = this.#refuse(id);
    if (refusal !== null && isOneReference(this.namesOf(id))) return refusal;
    this.names.delete(reference);
    this.#dropLonelyDigests(id, reference);
    if (this.namesOf(id).length > 0 || this.#hasChildren(id)) return { kind: 'done', isImageDeleted: false, deletedLayers: [] };
    return { kind: 'done', isImageDeleted: true, deletedLayers: this.forceRemove(id) };
  }

  /** Removal by ID, by Docker's rules. */
  removeImage(id: ImageId): RemoveOutcome {
    if (!this.images.has(id)) return { kind: 'gone' };
    const refusal = this.#refuse(id);
    if (refusal !== null) return refusal;
    if (this.holds && !isOneReference(this.namesOf(id))) return { kind: 'in-use', message: 'image is referenced in multiple repositories' };
    if (this.#hasChildren(id)) return { kind: 'in-use', message: 'image has dependent child images' };
    return { kind: 'done', isImageDeleted: true, deletedLayers: this.forceRemove(id) };
  }

  /** Drops what was not used for so long. @returns its bytes */
  pruneBuildCache(unusedForMs: DurationMs): Bytes {
    const before = this.cachedBytes();
    this.buildCache = this.buildCache.filter(({ lastUsedAt }) => lastUsedAt === null || this.now() - lastUsedAt < unusedForMs);
    return bytes(before - this.cachedBytes());
  }

  /** What the build cache takes. */
  cachedBytes(): Bytes {
    return bytes(this.buildCache.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  }

  /** Unique layers of images and containers, the build cache, and what others keep there; a layer of unknown size takes none. */
  usedBytes(): Bytes {
    const beside = this.otherBytes + this.cachedBytes();
    return bytes([...this.#layersInUse()].reduce((sum, layer) => sum + (this.layerSizes.get(layer) ?? 0), beside));
  }

  /** The sum of layers; null when the engine does not tell one of them. */
  sizeOf(layers: readonly ChainId[]): Bytes | null {
    const sizes = layers.map((layer) => this.layerSizes.get(layer) ?? null);
    return sizes.includes(null) ? null : bytes(sizes.reduce((sum: number, size) => sum + (size ?? 0), 0));
  }

  #tellArrival(id: ImageId, names: readonly string[], by: 'pull' | 'load' | 'build'): void {
    if (by === 'load') this.#tell('image-loaded', [id], {});
    else for (const reference of names) this.#tell(by === 'pull' ? 'image-pulled' : 'image-tagged', [id], { reference });
  }

  #tell(kind: EngineEventKind, imageIds: readonly ImageId[], more: Partial<EngineEvent>): void {
    this.events.emit({ kind, imageIds, containerId: null, reference: null, at: this.now(), ...more });
  }

  #noteEnd(id: ContainerId): void {
    this.#ended += 1;
    this.ends.set(id, `end ${this.#ended}`);
  }

  #need(nameOrId: string): MemoryImage {
    const image = this.find(nameOrId);
    if (image === null) throw new Error(`No such image: ${nameOrId}`);
    return image;
  }

  #refuse(id: ImageId): RemoveOutcome | null {
    const failure = this.failures.get(id);
    if (failure !== undefined) return { kind: 'failed', message: failure };
    const user = this.containers.values().find((container) => imagesOf(container).includes(id));
    return user === undefined ? null : { kind: 'in-use', message: `container ${user.name} is using its referenced image` };
  }

  #hasChildren(id: ImageId): boolean {
    return [...this.images.values()].some(({ parentId }) => parentId === id);
  }

  /** A repository's digests go with its last tag. */
  #dropLonelyDigests(id: ImageId, reference: string): void {
    const repository = splitReference(reference).name;
    const rest = this.namesOf(id).filter((name) => splitReference(name).name === repository);
    if (reference.includes('@') || rest.some((name) => !name.includes('@'))) return;
    for (const digest of rest) this.names.delete(digest);
  }

  #layersInUse(): ReadonlySet<ChainId> {
    const ofImages = [...this.images.values()].flatMap(({ layers }) => layers);
    return new Set([...ofImages, ...[...this.containers.keys()].flatMap((id) => this.#containerLayers.get(id) ?? [])]);
  }
}

/** At most one tag, and every name in one repository: then Docker treats the names as one. */
function isOneReference(names: readonly string[]): boolean {
  const repositories = new Set(names.map((name) => splitReference(name).name));
  return names.length <= 1 || (repositories.size === 1 && names.filter((name) => !name.includes('@')).length <= 1);
}

function digestOf(parts: unknown): string {
  return `sha256:${createHash('sha256').update(JSON.stringify(parts)).digest('hex')}`;
}
