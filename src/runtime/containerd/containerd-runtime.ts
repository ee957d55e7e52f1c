import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bytes, type ImageId, wallMs } from '../../model/brands.ts';
import { OperatingError, readOrNull } from '../../model/error.ts';
import type { DiskUsage, Image, LayerFacts } from '../../model/inventory.ts';
import { readDisk, readIngests } from '../image-filesystem.ts';
import { useOf } from '../image-names.ts';
import type {
  Capabilities,
  ContainerUse,
  EngineIdentity,
  EventWatcher,
  ImageNames,
  Observation,
  Receiving,
  RemoveOutcome,
  Runtime,
} from '../runtime.ts';
import { watchContainerd } from './containerd-events.ts';
import { type FoundImage, type ImageRecord, isOurs, listNamespaces, surveyImages } from './containerd-images.ts';
import { CriClient } from './cri-client.ts';
import { openCri } from './cri-runtime.ts';
import { type ContainerdOptions, connectGrpc, engineWords, type GrpcClient, STATUS, statusOf } from './grpc-client.ts';
import { DocumentReader } from './image-documents.ts';
import { countLayers, type LayerCount } from './layer-count.ts';
import { imagesApi, introspectionApi, versionApi } from './messages.ts';
import { CRI_NAMESPACE, describeUsers, findObstacle, lookAround, readKeeping, type Scene, type SceneTools } from './scene.ts';
import { UnheldRuntime } from './unheld-runtime.ts';

/** What containerd says of itself. */
interface Server {
  readonly uuid: string;
  readonly version: string;
  /** Its own folder; null where it cannot be seen from here. */
  readonly root: string | null;
  readonly snapshotters: readonly string[];
}

/**
 * Opens containerd 1.6 or newer, or whatever else serves CRI there.
 *
 * @throws OperatingError `engine-unreachable`, `permission`, `engine-nonsense`; `settings` for a namespace that is not there; `engine-refused`
 *   where all of it is Docker's
 */
export async function openContainerd(options: ContainerdOptions): Promise<Runtime> {
  const client = await (options.connect ?? connectGrpc)(options.socketPath, versionApi.version);
  try {
    const { version } = await client.call(versionApi.version, {});
    await checkNamespaces(client, options);
    const server = await readServer(client, version);
    return new ContainerdRuntime(client, await CriClient.open(client), server, options);
  } catch (error) {
    if (statusOf(error) === STATUS.unimplemented) return openCri({ ...options, client });
    client.close();
    throw error;
  }
}

async function checkNamespaces(client: GrpcClient, { namespaces: named, address }: ContainerdOptions): Promise<void> {
  const present = await listNamespaces(client);
  const absent = named.filter((each) => !present.includes(each));
  const parts = { operation: 'use the namespaces of containerd', subject: address };
  if (absent.length > 0) {
    const problem = `there is no namespace ${absent.map((each) => `"${each}"`).join(', ')}`;
    throw new OperatingError({ kind: 'settings', ...parts, problem, hint: `there are: ${present.join(', ') || 'none'}` });
  }
  if (present.length === 0 || present.some((each) => isOurs(each, named))) return;
  const hint = `clean up through Docker, or name them: ?namespace=${present[0]}`;
  throw new OperatingError({ kind: 'engine-refused', ...parts, problem: `all of it is somebody else's: ${present.join(', ')}`, hint });
}

async function readServer(client: GrpcClient, version: string): Promise<Server> {
  const [{ uuid }, { plugins }] = await Promise.all([client.call(introspectionApi.server, {}), client.call(introspectionApi.plugins, {})]);
  const working = plugins.filter(({ initErr }) => initErr === null);
  const snapshotters = working.filter(({ type }) => type === 'io.containerd.snapshotter.v1').map(({ id }) => id);
  const content = working.find(({ type }) => type === 'io.containerd.content.v1')?.exports['root'];
  const root = content === undefined ? null : dirname(content);
  // It writes its ID there: only if that is what this process sees is the folder containerd's, and not another one of that name.
  const seen = root === null ? null : readOrNull(() => readFileSync(join(root, 'io.containerd.grpc.v1.introspection/uuid'), 'utf8'));
  return { uuid, version, root: seen?.trim() === uuid ? root : null, snapshotters: snapshotters.sort() };
}

class ContainerdRuntime extends UnheldRuntime implements Runtime {
  readonly identity: EngineIdentity;
  readonly capabilities: Capabilities = { holds: false, digestsProvePull: true, digestsGoAlone: false, parentsKnown: true, events: 'live' };
  readonly #client: GrpcClient;
  readonly #cri: CriClient | null;
  readonly #root: string | null;
  readonly #tools: SceneTools;

  constructor(client: GrpcClient, cri: CriClient | null, server: Server, { namespaces, address }: ContainerdOptions) {
    super();
    const storeId = server.snapshotters.includes('overlayfs') ? 'overlayfs' : (server.snapshotters[0] ?? 'none');
    const { uuid, version, root, snapshotters } = server;
    const title = `containerd ${version} at ${address} (${storeId}${cri === null ? '' : ', CRI'})`;
    this.identity = { name: 'containerd', version, engineId: uuid, storeId, title };
    this.#client = client;
    this.#cri = cri;
    this.#root = root;
    this.#tools = { client, cri, documents: new DocumentReader(client, root), named: namespaces, snapshotters };
  }

  async observe(readKnown: () => LayerFacts): Promise<Observation> {
    const observedAt = wallMs(Date.now());
    const looking = lookAround(this.#tools);
    const known = readKnown();
    const scene = await looking;
    const count = await countLayers(this.#client, scene, known, this.identity.storeId);
    const images = [...scene.images.values()].map((image) => describeImage(image, scene, count));
    const engine = { name: this.identity.name, version: this.identity.version };
    const told = { observedAt, engine, disk: await this.measureDisk(), buildCache: null, workloads: [] };
    return { inventory: { ...told, images, layers: count.layers, ...describeUsers(scene) }, learned: count.learned, holds: [] };
  }

  async listContainers(): Promise<readonly ContainerUse[]> {
    const scene = await lookAround(this.#tools);
    const isKnown = new Map(scene.users.map(({ id, chain }) => [id, chain !== undefined]));
    return describeUsers(scene).containers.map((container) => useOf(container, isKnown.get(container.id) === true));
  }

  async readNames(id: ImageId): Promise<ImageNames | null> {
    return (await surveyImages(this.#tools)).images.get(id)?.names ?? null;
  }

  async resolveName(reference: string): Promise<ImageId | null> {
    const { images } = await surveyImages(this.#tools);
    return images.values().find(({ names }) => names.references.includes(reference) || names.digests.includes(reference))?.id ?? null;
  }

  async ping(): Promise<void> {
    await this.#client.call(versionApi.version, {});
  }

  async measureDisk(): Promise<DiskUsage | null> {
    return this.#root === null ? null : readDisk(this.#root);
  }

  readReceiving(): Receiving {
    return this.#root === null ? { isUnderWay: false, missingBytes: bytes(0) } : readIngests(this.#root);
  }

  watch(watcher: EventWatcher): Promise<void> {
    return watchContainerd(this.#client, () => lookAround(this.#tools), watcher);
  }

  close(): void {
    this.#client.close();
  }

  /**
   * Neither containerd nor CRI protects anything from being removed, so everything is looked at again. What a deletion lets go of is collected
   * before the answer comes: CRI asks for that, and so does this.
   */
  protected async remove(id: ImageId): Promise<RemoveOutcome> {
    const scene = await lookAround(this.#tools);
    const image = scene.images.get(id);
    if (image === undefined) return { kind: 'gone' };
    const obstacle = findObstacle(image, scene);
    if (obstacle !== null) return { kind: 'in-use', message: obstacle };
    try {
      const taken = await this.#takeNames(image);
      if (!taken) return { kind: 'gone' };
    } catch (error) {
      if (!(error instanceof OperatingError) || error.kind !== 'engine-refused') throw error;
      return { kind: 'failed', message: engineWords(error) };
    }
    return { kind: 'done', isImageDeleted: (await this.readNames(id)) === null, deletedLayers: null };
  }

  /** @returns whether there was any left to take */
  async #takeNames({ records }: FoundImage): Promise<boolean> {
    const inCri = this.#cri === null ? [] : records.filter(({ namespace }) => namespace === CRI_NAMESPACE);
    // By its ID where CRI gave it one: the books of CRI are then right at once, and it takes all names.
    const first = inCri.find(({ name }) => name.startsWith('sha256:')) ?? inCri[0];
    if (first !== undefined) await this.#cri?.removeImage(first.name);
    let isTaken = first !== undefined;
    for (const record of records) {
      const isDone = await this.#deleteName(record);
      isTaken ||= isDone;
    }
    return isTaken;
  }

  /** @returns false when it is gone; since 2.0 also when it points elsewhere by now */
  async #deleteName({ namespace, name, target }: ImageRecord): Promise<boolean> {
    try {
      await this.#client.call(imagesApi.delete, { name, sync: true, target: { mediaType: '', digest: target, size: 0 } }, namespace);
      return true;
    } catch (error) {
      if (statusOf(error) === STATUS.notFound) return false;
      throw error;
    }
  }
}

function describeImage(image: FoundImage, scene: Scene, { layers, layersByImage }: LayerCount): Image {
  const [config] = image.configs;
  const own = layersByImage.get(image.id) ?? [];
  const sizes = own.map((layer) => layers.get(layer)?.sizeBytes ?? null);
  return {
    id: image.id,
    references: image.names.references,
    digests: image.names.digests,
    layers: config === undefined ? null : own,
    sizeBytes: sizes.includes(null) ? null : bytes(sizes.reduce((sum: number, size) => sum + (size ?? 0), 0)),
    createdAt: config?.createdAt ?? null,
    labels: config?.labels ?? {},
    parentId: null,
    origin: image.origin,
    ...readKeeping(image, scene),
    readOnly: image.isForeign,
  };
}
