import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bytes, containerId, type ImageId, imageId, wallMs } from '../../model/brands.ts';
import type { EngineEvent, EngineEventKind } from '../../model/engine-event.ts';
import { OperatingError } from '../../model/error.ts';
import { type DiskUsage, type Image, imagesOf as imagesOfContainer } from '../../model/inventory.ts';
import { canonicalReference } from '../../model/reference.ts';
import { type ContainerSurvey, type Described, surveyOf } from '../container-survey.ts';
import { readDisk } from '../image-filesystem.ts';
import { sortNames, useOf } from '../image-names.ts';
import type { ContainerUse, EventWatcher, ImageNames, Observation, Receiving, RemoveOutcome, Runtime } from '../runtime.ts';
import { CriClient, type CriImage, criLists, describeCriContainer, readNanoseconds } from './cri-client.ts';
import { type ContainerdOptions, connectGrpc, type GrpcClient, nullOn, STATUS, statusOf } from './grpc-client.ts';
import { Lists } from './lists.ts';
import { introspectionApi, runtimeServiceApi } from './messages.ts';
import { failureOf, UnheldRuntime } from './unheld-runtime.ts';
import type { AnswerOf } from './wire.ts';

const ID = /^(?:sha256:)?[0-9a-f]{64}$/;
const EVENT_KINDS: readonly EngineEventKind[] = ['container-created', 'container-started', 'container-ended', 'container-removed'];
/** As for containerd: nothing can be resumed. */
const NO_CURSOR = '';

/**
 * Opens an engine that serves CRI and nothing else that is known here, such as CRI-O.
 *
 * @throws OperatingError `engine-unreachable`, `permission`, `engine-nonsense` when no CRI is served there; `settings` for namespaces, which it
 *   does not have
 */
export async function openCri(options: ContainerdOptions & { readonly client?: GrpcClient }): Promise<Runtime> {
  const { socketPath, namespaces, address } = options;
  const client = options.client ?? (await (options.connect ?? connectGrpc)(socketPath, runtimeServiceApi.version));
  try {
    const cri = await CriClient.open(client);
    const parts = { operation: 'use the engine', subject: address };
    if (cri === null) {
      const hint = 'does containerd or CRI-O listen there?';
      throw new OperatingError({ kind: 'engine-nonsense', ...parts, problem: 'it serves neither containerd’s API nor CRI', hint });
    }
    if (namespaces.length > 0) {
      throw new OperatingError({ kind: 'settings', ...parts, problem: 'CRI has no namespaces', hint: 'leave "?namespace=" out' });
    }
    const canTell = await tellsEvents(client);
    return new CriRuntime(client, cri, { engineId: await readEngineId(client, address), address, canTell });
  } catch (error) {
    client.close();
    throw error;
  }
}

/** containerd has an ID of its own, so that one engine has one lock however it is spoken to; for others their address has to do. */
async function readEngineId(client: GrpcClient, address: string): Promise<string> {
  return (await nullOn(STATUS.unimplemented, client.call(introspectionApi.server, {})))?.uuid ?? address;
}

/** A stream that is not served ends at once; one that is goes on until it is given up. */
async function tellsEvents(client: GrpcClient): Promise<boolean> {
  const enough = new AbortController();
  const following = client.follow(runtimeServiceApi.getContainerEvents, {}, { signal: enough.signal, onAnswer: () => undefined });
  const refused = following.then(
    () => false,
    (error: unknown) => statusOf(error) === STATUS.unimplemented,
  );
  // An answer to this comes after the refusal of what was asked before it.
  const isRefused = await Promise.race([
    refused,
    client
      .call(runtimeServiceApi.version, {})
      .then(() => client.call(runtimeServiceApi.version, {}))
      .then(() => false),
  ]);
  enough.abort();
  await refused;
  return !isRefused;
}

type ToldOfContainer = AnswerOf<typeof runtimeServiceApi.getContainerEvents>;

/** What CRI tells at one instant. */
interface CriScene extends ContainerSurvey {
  readonly images: readonly CriImage[];
  readonly sandboxName: string | null;
}

class CriRuntime extends UnheldRuntime implements Runtime {
  readonly identity: Runtime['identity'];
  readonly capabilities: Runtime['capabilities'];
  readonly #client: GrpcClient;
  readonly #cri: CriClient;
  readonly #volumes = new Map<string, readonly string[]>();
  /** Undefined: not looked for yet. */
  #root: string | null | undefined;

  constructor(client: GrpcClient, cri: CriClient, { engineId, address, canTell }: { engineId: string; address: string; canTell: boolean }) {
    super();
    const { name, version } = cri;
    this.identity = { name: 'cri', version, engineId, storeId: 'cri', title: `${name} ${version} at ${address} (CRI)` };
    // CRI-O shares its store with Podman, which makes digests up for what it loads.
    const events = canTell ? 'live' : 'none';
    this.capabilities = { holds: false, digestsProvePull: false, digestsGoAlone: false, parentsKnown: true, events };
    this.#client = client;
    this.#cri = cri;
  }

  async observe(): Promise<Observation> {
    const observedAt = wallMs(Date.now());
    const { images, sandboxName, containers, doubts } = await this.#look();
    const disk = await this.#findDisk(images);
    const engine = { name: this.identity.name, version: this.identity.version };
    const told = { observedAt, engine, disk, containers, doubts: [...doubts.values()], buildCache: null, workloads: [], layers: new Map() };
    const described = images.map((image) => describeImage(image, sandboxName));
    return { inventory: { ...told, images: described }, learned: { layersByImage: new Map(), sizeByLayer: new Map() }, holds: [] };
  }

  async listContainers(): Promise<readonly ContainerUse[]> {
    const { containers, doubts } = await this.#look();
    return containers.map((container) => useOf(container, !doubts.has(container.id)));
  }

  async readNames(id: ImageId): Promise<ImageNames | null> {
    const found = await this.#cri.findImage(id);
    return found === null || found.id !== id ? null : namesOf(found);
  }

  async resolveName(reference: string): Promise<ImageId | null> {
    const found = await this.#cri.findImage(reference);
    return found === null ? null : imageId(found.id);
  }

  async ping(): Promise<void> {
    await this.#client.call(runtimeServiceApi.version, {});
  }

  async measureDisk(): Promise<DiskUsage | null> {
    return this.#findDisk(this.#root === undefined ? await new Lists(this.#client, null).ask(criLists.images) : []);
  }

  readReceiving(): Receiving {
    return { isUnderWay: false, missingBytes: bytes(0) };
  }

  async watch({ signal, onOpen, onEvents }: EventWatcher): Promise<void> {
    if (this.capabilities.events === 'none') {
      onOpen(null);
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => resolve());
      return signal.aborted ? undefined : promise;
    }
    const imagesOf = new Map<string, readonly ImageId[]>();
    let isOpen = false;
    const onAnswer = (told: ToldOfContainer): void => {
      const event = readEvent(told, imagesOf);
      // containerd 2 begins with what it told before.
      if (event !== null && isOpen) onEvents([event], NO_CURSOR);
    };
    const following = this.#client.follow(runtimeServiceApi.getContainerEvents, {}, { signal, onAnswer });
    // A container that goes is told of without its image, so those that are there are looked at now.
    const opening = this.#look().then(({ containers }) => {
      for (const container of containers) imagesOf.set(container.id, imagesOf.get(container.id) ?? imagesOfContainer(container));
      isOpen = true;
      onOpen(null);
    });
    await Promise.all([following, opening]);
  }

  close(): void {
    this.#client.close();
  }

  /** CRI protects nothing, not even what runs: everything is looked at again. */
  protected async remove(id: ImageId): Promise<RemoveOutcome> {
    const { images, sandboxName, containers, doubts } = await this.#look();
    const image = images.find((each) => each.id === id);
    if (image === undefined) return { kind: 'gone' };
    const user = containers.find((each) => each.imageId === id || each.mountedImageIds.includes(id));
    if (user !== undefined) return { kind: 'in-use', message: `container ${user.name} (${user.state}) uses it` };
    const [doubt] = doubts.values();
    if (doubt !== undefined) return { kind: 'in-use', message: doubt.message };
    const { pinned, sandbox } = describeImage(image, sandboxName);
    if (pinned || sandbox) return { kind: 'in-use', message: pinned ? 'the engine asks to keep it' : 'every pod begins with it' };
    const failure = await this.#cri.removeImage(id).catch(failureOf);
    if (failure !== undefined) return failure;
    return { kind: 'done', isImageDeleted: (await this.readNames(id)) === null, deletedLayers: null };
  }

  /** Images first, then containers. */
  async #look(): Promise<CriScene> {
    const lists = new Lists(this.#client, null);
    const [images, sandboxName] = await Promise.all([lists.ask(criLists.images), lists.ask(criLists.sandboxName, '', { verbose: true })]);
    const described: Described[] = [];
    for (const listed of await lists.ask(criLists.containers)) {
      const mounted = (await this.#readVolumes(listed.id)).map((name) => resolveImage([name], images));
      const root = resolveImage([listed.imageId, listed.imageRef], images);
      const volumes = mounted.filter((each) => each !== null);
      const isKnown = root !== null && !mounted.includes(null);
      const container = describeCriContainer(listed, containerId(listed.id), root, volumes);
      described.push([container, isKnown ? null : 'the engine does not say which image it uses']);
    }
    return { images, sandboxName: sandboxName === null ? null : canonicalReference(sandboxName), ...surveyOf(described) };
  }

  async #readVolumes(id: string): Promise<readonly string[]> {
    const known = this.#volumes.get(id) ?? (await this.#cri.readImageVolumes(id)) ?? [];
    this.#volumes.set(id, known);
    return known;
  }

  /** Where the engine says that its images are, if files of a listed image are seen there. */
  async #findDisk(images: readonly CriImage[]): Promise<DiskUsage | null> {
    if (this.#root === undefined && images.length > 0) {
      const folders = await this.#cri.readImageFolders();
      this.#root = folders.find((folder) => images.slice(0, 8).some(({ id }) => isHolding(folder, id))) ?? null;
    }
    return this.#root == null ? null : readDisk(this.#root);
  }
}

/** containerd keeps configurations as blobs beside its snapshots; containers/storage, which CRI-O uses, a folder for each image. */
function isHolding(folder: string, id: string): boolean {
  const hex = id.replace(/^sha256:/, '');
  const places = [
    join(dirname(folder), 'io.containerd.content.v1.content/blobs/sha256', hex),
    join(folder, 'overlay-images', hex),
    join(folder, hex),
  ];
  return places.some((place) => existsSync(place));
}

/** @param imagesOf of containers that are known; kept up to date @returns null for a sandbox, whose image never goes */
function readEvent(told: ToldOfContainer, imagesOf: Map<string, readonly ImageId[]>): EngineEvent | null {
  const { containerId: id, containerEventType, createdAt, containersStatuses } = told;
  const status = containersStatuses.find((each) => each.id === id);
  const found = status === undefined ? null : resolveImage([status.imageId, status.imageRef], []);
  const imageIds = imagesOf.get(id) ?? (found === null ? [] : [found]);
  const kind = EVENT_KINDS[containerEventType];
  if (kind === undefined || (status === undefined && imageIds.length === 0)) return null;
  if (kind === 'container-removed') imagesOf.delete(id);
  else if (imageIds.length > 0) imagesOf.set(id, imageIds);
  return { kind, containerId: containerId(id), imageIds, reference: null, at: readNanoseconds(createdAt) ?? wallMs(Date.now()) };
}

function namesOf({ id, repoTags, repoDigests }: CriImage): ImageNames {
  return sortNames(imageId(id), [...repoTags, ...repoDigests]);
}

function describeImage(image: CriImage, sandboxName: string | null): Image {
  const { references, digests } = namesOf(image);
  const isSandbox = sandboxName !== null && (references.includes(sandboxName) || digests.includes(sandboxName));
  const told = { labels: {}, parentId: null, origin: null, leased: false, readOnly: false, createdAt: null, layers: null };
  return { ...told, id: imageId(image.id), references, digests, sizeBytes: bytes(image.size), pinned: image.pinned, sandbox: isSandbox };
}

/**
 * The image that an engine means: by ID or by digest, since a tag may have moved.
 *
 * @param told most certain first; an ID that is not listed is of an image that is gone
 * @returns null when it cannot be known
 */
function resolveImage(told: readonly string[], images: readonly CriImage[]): ImageId | null {
  const bare = (id: string): string => id.replace(/^sha256:/, '');
  for (const each of told.filter((text) => text !== '')) {
    const name = canonicalReference(each);
    const found = images.find(({ id, repoDigests }) => bare(id) === bare(each) || repoDigests.includes(name));
    if (found !== undefined) return imageId(found.id);
  }
  const gone = told.find((each) => ID.test(each));
  return gone === undefined ? null : imageId(gone);
}
