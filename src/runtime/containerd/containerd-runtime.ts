import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bytes, type ChainId, type ImageId, wallMs } from '../../model/brands.ts';
import { OperatingError, readOrNull } from '../../model/error.ts';
import { formatOwnerMark } from '../../model/hold.ts';
import type { DiskUsage, Image, LayerFacts } from '../../model/inventory.ts';
import { splitReference } from '../../model/reference.ts';
import { readOwnerMark } from '../host/owner-mark.ts';
import { readDisk, readIngests } from '../image-filesystem.ts';
import { sortNames, useOf } from '../image-names.ts';
import type { ContainerUse, EventWatcher, FoundHold, ImageNames, Observation, Receiving, RemoveOutcome, Runtime } from '../runtime.ts';
import { watchContainerd } from './containerd-events.ts';
import { type FoundImage, isOurs, NAMESPACES, surveyImages } from './containerd-images.ts';
import { CriClient } from './cri-client.ts';
import { openCri } from './cri-runtime.ts';
import { type ContainerdOptions, connectGrpc, type GrpcClient, nullOn, STATUS, statusOf } from './grpc-client.ts';
import { DocumentReader } from './image-documents.ts';
import { countLayers, isCountStill, type LayerCount } from './layer-count.ts';
import { Lists } from './lists.ts';
import { imagesApi, introspectionApi, versionApi } from './messages.ts';
import { giveNamesBack, holdName, isMoved, type NameHold, type NameNow, placeHolds, readNameNow, releaseHold } from './name-hold.ts';
import type { Scene, SceneTools } from './scene.ts';
import { CRI_NAMESPACE, describeUsers, findLateUser, findObstacle, listHolds, lookAround, readKeeping, topsOf } from './scene.ts';
import { failureOf, UnheldRuntime } from './unheld-runtime.ts';

/** More than one run removes. */
const GONE_MAX = 10_000;

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
  const present = await new Lists(client, null).ask(NAMESPACES);
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

/** What an inventory says of a scene, whoever asks for it. */
interface Told {
  readonly scene: Scene;
  readonly count: LayerCount;
  readonly images: readonly Image[];
}

class ContainerdRuntime extends UnheldRuntime implements Runtime {
  readonly identity: Runtime['identity'];
  readonly capabilities = { holds: false, digestsProvePull: true, digestsGoAlone: false, parentsKnown: true, events: 'live' } as const;
  readonly #client: GrpcClient;
  readonly #cri: CriClient | null;
  readonly #root: string | null;
  readonly #tools: SceneTools;
  /** Images that were removed here, by their top layer: a container that was made of one at that moment is told. */
  readonly #gone = new Map<ChainId, ImageId>();
  #scene: Scene | null = null;
  /** What was told of the last scene. */
  #told: Told | null = null;

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

  async #look(): Promise<Scene> {
    this.#scene = await lookAround(this.#tools, this.#scene);
    return this.#scene;
  }

  async observe(readKnown: () => LayerFacts): Promise<Observation> {
    const observedAt = wallMs(Date.now());
    const looking = this.#look();
    const known = readKnown();
    const scene = await looking;
    const { count, images } = await this.#tell(scene, known);
    const engine = { name: this.identity.name, version: this.identity.version };
    const told = { observedAt, engine, disk: await this.measureDisk(), buildCache: null, workloads: [] };
    return {
      inventory: { ...told, images, layers: count.layers, ...describeUsers(scene) },
      learned: count.learned,
      holds: scene.holds.map(describeHold),
    };
  }

  async #tell(scene: Scene, known: LayerFacts): Promise<Told> {
    const last = this.#told;
    if (last?.scene === scene && isCountStill(last.count, scene, known)) return last;
    const count = await countLayers(this.#client, scene, known, this.identity.storeId);
    const images = [...scene.images.values()].map((image) => describeImage(image, scene, count));
    const learned = { layersByImage: new Map(), sizeByLayer: new Map() };
    this.#told = { scene, count: { ...count, learned }, images };
    return { scene, count, images };
  }

  async listContainers(): Promise<readonly ContainerUse[]> {
    const scene = await this.#look();
    const isKnown = new Map(scene.users.map(({ id, chain }) => [id, chain !== undefined]));
    return describeUsers(scene, this.#gone).containers.map((container) => useOf(container, isKnown.get(container.id) === true));
  }

  async readNames(id: ImageId): Promise<ImageNames | null> {
    return (await surveyImages(this.#tools, this.#scene)).images.get(id)?.names ?? null;
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
    return watchContainerd(this.#client, () => this.#look(), watcher);
  }

  close(): void {
    this.#client.close();
  }

  /** A name by which an image is found, whatever it is; of a hold, the image it is for. */
  async resolveName(reference: string): Promise<ImageId | null> {
    const hold = (await listHolds(this.#client)).find((each) => holdName(each) === reference);
    if (hold !== undefined) return hold.imageId;
    const { images } = await surveyImages(this.#tools, this.#scene);
    const isNamed = ({ names, records }: FoundImage): boolean =>
      names.references.includes(reference) || names.digests.includes(reference) || records.some(({ name }) => name === reference);
    return images.values().find(isNamed)?.id ?? null;
  }

  /** Names come back all at once, when the hold goes that tells of them. */
  override async addName(id: ImageId, reference: string): Promise<boolean> {
    return (await listHolds(this.#client)).some(({ imageId }) => imageId === id) || super.addName(id, reference);
  }

  override async removeName(reference: string): Promise<RemoveOutcome> {
    const hold = (await listHolds(this.#client)).find((each) => holdName(each) === reference);
    if (hold === undefined) return super.removeName(reference);
    await giveNamesBack(this.#client, hold);
    return { kind: 'done', isImageDeleted: false, deletedLayers: null };
  }

  /**
   * Neither containerd nor CRI protects anything from being removed, so everything is looked at again. A creation may be under way all the
   * same: the names are taken off while a lease of ours keeps what the image is made of, and who uses it by then gives them back.
   */
  protected async remove(id: ImageId): Promise<RemoveOutcome> {
    const scene = await this.#look();
    const image = scene.images.get(id);
    if (image === undefined) return { kind: 'gone' };
    const obstacle = findObstacle(image, scene);
    if (obstacle !== null) return { kind: 'in-use', message: obstacle };
    return this.#removeFound(image).catch(failureOf);
  }

  async #removeFound(image: FoundImage): Promise<RemoveOutcome> {
    const names = await Promise.all(image.records.map((record) => readNameNow(this.#client, record)));
    const moved = names.find(isMoved);
    if (moved !== undefined) return { kind: 'in-use', message: `${moved.name} was moved at this very moment` };
    const present = names.filter((each) => each.image !== null);
    const holds = await placeHolds(this.#client, image.id, present, formatOwnerMark(readOwnerMark()));
    try {
      const isTaken = await this.#takeNames(present);
      const user = isTaken ? await findLateUser(image, this.#tools) : null;
      if (user !== null) {
        await this.#giveBack(holds);
        return { kind: 'in-use', message: user };
      }
      // What nothing needs by now is collected before the answer comes.
      for (const [index, hold] of holds.entries()) await releaseHold(this.#client, hold, index === holds.length - 1);
      if (!isTaken) return { kind: 'gone' };
      this.#remember(image);
      return { kind: 'done', isImageDeleted: true, deletedLayers: null };
    } catch (error) {
      // What cannot be given back now is by the next run.
      await this.#giveBack(holds).catch(() => undefined);
      throw error;
    }
  }

  #remember(image: FoundImage): void {
    for (const top of topsOf(image)) this.#gone.set(top, image.id);
    const [oldest] = this.#gone.keys();
    if (this.#gone.size > GONE_MAX && oldest !== undefined) this.#gone.delete(oldest);
  }

  async #giveBack(holds: readonly NameHold[]): Promise<void> {
    for (const hold of holds) await giveNamesBack(this.#client, hold);
  }

  /** @returns whether there was any left to take */
  async #takeNames(names: readonly NameNow[]): Promise<boolean> {
    const inCri = this.#cri === null ? [] : names.filter(({ namespace }) => namespace === CRI_NAMESPACE);
    // By its ID where CRI gave it one: the books of CRI are then right at once, and it takes all names.
    const first = inCri.find(({ name }) => name.startsWith('sha256:')) ?? inCri[0];
    if (first !== undefined) await this.#cri?.removeImage(first.name);
    let isTaken = first !== undefined;
    for (const name of names) {
      const isDone = await this.#deleteName(name);
      isTaken ||= isDone;
    }
    return isTaken;
  }

  /** @returns false when it is gone, or points elsewhere by now */
  async #deleteName(record: NameNow): Promise<boolean> {
    const now = await readNameNow(this.#client, record);
    if (now.image === null || isMoved(now)) return false;
    const deleting = this.#client.call(imagesApi.delete, { name: now.name, target: now.image.target }, now.namespace);
    return (await nullOn(STATUS.notFound, deleting)) !== null;
  }
}

/** A hold as the port has it: the image's first name stands for all that come back with it. */
function describeHold(hold: NameHold): FoundHold {
  const { imageId: id, mark, images } = hold;
  const names = images.map(({ name }) => name).filter((name) => splitReference(name).name.includes('/'));
  const { references, digests } = sortNames(id, names);
  const original = references[0] ?? digests[0] ?? images[0]?.name ?? '';
  return { imageId: id, reference: holdName(hold), original, mark, isReleasing: false };
}

function describeImage(image: FoundImage, scene: Scene, { layers, layersByImage }: LayerCount): Image {
  const { id, names, origin, isForeign } = image;
  const [config] = image.configs;
  const own = layersByImage.get(id) ?? [];
  const sizes = own.map((layer) => layers.get(layer)?.sizeBytes ?? null);
  const sizeBytes = sizes.includes(null) ? null : bytes(sizes.reduce((sum: number, size) => sum + (size ?? 0), 0));
  const told = { createdAt: config?.createdAt ?? null, labels: config?.labels ?? {}, parentId: null, origin, readOnly: isForeign };
  const { references, digests } = names;
  return { id, references, digests, layers: config === undefined ? null : own, sizeBytes, ...told, ...readKeeping(image, scene) };
}
