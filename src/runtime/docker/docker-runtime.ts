import { type Bytes, bytes, type ChainId, chainId, type DurationMs, type ImageId, imageId, wallMs } from '../../model/brands.ts';
import type { BuildCache, DiskUsage, Image, Inventory, Layer, LayerFacts } from '../../model/inventory.ts';
import { addLayer } from '../../model/inventory.ts';
import { splitReference } from '../../model/reference.ts';
import { blobKey } from '../chain-ids.ts';
import { engineMessage, type ImageDetails, imageDetails, imageHistory, refusal, takeAnswer } from '../engine-answers.ts';
import type { EngineAnswer, EngineClientOptions, EngineConnection } from '../engine-client.ts';
import { connectEngine, ELSEWHERE, imagePath } from '../engine-client.ts';
import { EventResolver, parseEventLine, type RawEvent } from '../engine-events.ts';
import { watchEvents } from '../event-watch.ts';
import { HttpRuntime, type NamedImage } from '../http-runtime.ts';
import { readDisk, readIngests } from '../image-filesystem.ts';
import { originByDigest, withHeldNames } from '../image-names.ts';
import { type LayerSurvey, surveyLayers } from '../layer-survey.ts';
import { describeListed, readSize } from '../listed-images.ts';
import type { EventWatcher, ImageNames, Observation, Receiving, RemoveOutcome, Runtime } from '../runtime.ts';
import { pruneBuildCache, readBuildCache } from './build-cache.ts';
import { ContainerSurveyor } from './container-uses.ts';
import { findContainerdRoot, readBlobs, readDiffIds } from './content-blobs.ts';
import { deletions, type EngineInfo, engineInfo, type ListedImage, takeImageList } from './docker-answers.ts';
import { type DockerClient, speakDocker } from './docker-client.ts';
import { eventsPath, KINDS } from './docker-events.ts';
import { type RawNames, readDockerNames, readHistoryNames } from './docker-names.ts';
import { findGraphDriverRoot, readTemporaryFiles } from './image-disk.ts';
import { readServices } from './swarm-services.ts';

/**
 * Opens a Docker Engine, 20.10 or newer, with a graph driver or the containerd image store.
 *
 * @throws OperatingError `engine-unreachable`, `permission`, `engine-refused` or `engine-nonsense`
 */
export async function openDocker(options: EngineClientOptions): Promise<Runtime> {
  return startDocker(await connectEngine(options));
}

/** The same, on a connection that is closed when it fails. */
export async function startDocker(connection: EngineConnection): Promise<Runtime> {
  try {
    const client = speakDocker(connection);
    const info = takeAnswer(engineInfo, await client.call('GET', '/info'));
    return new DockerRuntime(client, connection.isLocal ? info : { ...info, DockerRootDir: ELSEWHERE });
  } catch (error) {
    connection.close();
    throw error;
  }
}

class DockerRuntime extends HttpRuntime<DockerClient> implements Runtime {
  readonly identity: Runtime['identity'];
  readonly capabilities: Runtime['capabilities'];
  readonly #info: EngineInfo;
  readonly #hasContentStore: boolean;
  protected readonly containers: ContainerSurveyor;
  readonly #events: EventResolver;
  /** Undefined: not looked for yet. */
  #imageRoot: string | null | undefined;

  constructor(client: DockerClient, info: EngineInfo) {
    super(client);
    const { ServerVersion: version, Driver } = info;
    const title = `docker ${version} at ${client.address} (${Driver})`;
    this.identity = { name: 'docker', version, engineId: info.ID, storeId: Driver, title };
    this.#hasContentStore = (info.DriverStatus ?? []).some(([, value]) => value === 'io.containerd.snapshotter.v1');
    // The containerd store makes up a digest reference for every tag, also of an image that was loaded or built.
    const isGraphDriver = !this.#hasContentStore;
    this.capabilities = {
      holds: true,
      digestsProvePull: isGraphDriver,
      digestsGoAlone: isGraphDriver,
      parentsKnown: isGraphDriver,
      events: 'replayed',
    };
    this.#info = info;
    this.containers = new ContainerSurveyor(client, info.DockerRootDir);
    this.#events = new EventResolver(this.containers, (name) => this.resolveName(name));
  }

  async observe(readKnown: () => LayerFacts): Promise<Observation> {
    const observedAt = wallMs(Date.now());
    // Services along with images: an answer that came after the containers' would make that list older than it need be.
    const [list, known, services] = await Promise.all([this.#listImages(), meanwhile(readKnown), readServices(this.client)]);
    const root = this.#findImageRoot(list);
    const contentRoot = this.#hasContentStore ? root : null;
    const readOther = async (id: string) => (contentRoot === null ? null : readDiffIds(contentRoot, id));
    const survey = await surveyLayers(this.client, list, known, readOther);
    // Nothing below asks for images, so containers are listed last, as the port promises, while the rest is worked out.
    const [{ containers, doubts }, { images, layers, holds }, disk] = await Promise.all([
      this.containers.survey(),
      meanwhile(() => this.#describeImages(list, survey, contentRoot)),
      meanwhile(() => (root === null ? null : readDisk(root))),
    ]);
    const engine = { name: this.identity.name, version: this.identity.version };
    const told = { workloads: services.workloads, doubts: [...doubts.values(), ...services.doubts] };
    const inventory = { observedAt, engine, disk, images, layers, containers, buildCache: null, ...told };
    return { inventory, learned: survey.learned, holds };
  }

  async measureDisk(): Promise<DiskUsage | null> {
    const root = this.#imageRoot === undefined ? this.#findImageRoot(await this.#listImages()) : this.#imageRoot;
    return root === null ? null : readDisk(root);
  }

  readReceiving(): Receiving {
    const root = this.#imageRoot ?? null;
    if (root === null) return { isUnderWay: false, missingBytes: bytes(0) };
    return this.#hasContentStore ? readIngests(root) : readTemporaryFiles(root);
  }

  readBuildCache(mayTakeLong: boolean): Promise<BuildCache | null> {
    return readBuildCache(this.client, mayTakeLong);
  }

  pruneBuildCache(unusedForMs: DurationMs): Promise<Bytes> {
    return pruneBuildCache(this.client, unusedForMs);
  }

  async addName(id: ImageId, reference: string): Promise<boolean> {
    const { name, tag } = splitReference(reference);
    const target = new URLSearchParams({ repo: name, tag: tag ?? '' });
    const answer = await this.client.call('POST', `${imagePath(id)}/tag?${target}`);
    if (isGone(answer)) return false;
    if (answer.status === 201) return true;
    throw refusal(answer);
  }

  async removeName(nameOrId: string): Promise<RemoveOutcome> {
    const answer = await this.client.call('DELETE', `${imagePath(nameOrId)}?noprune=1`);
    if (isGone(answer)) return { kind: 'gone' };
    if (answer.status === 409) return { kind: 'in-use', message: engineMessage(answer) };
    if (answer.status !== 200) return { kind: 'failed', message: engineMessage(answer) };
    const deleted = takeAnswer(deletions, answer).flatMap(({ Deleted }) => Deleted ?? []);
    const [image, ...layers] = deleted;
    if (image === undefined) return { kind: 'done', isImageDeleted: false, deletedLayers: this.#hasContentStore ? null : [] };
    if (!this.#hasContentStore) return { kind: 'done', isImageDeleted: true, deletedLayers: layers.map(chainId) };
    // Docker 28, containerd store: a parent with children is said to be deleted, and is there still, without a name.
    return { kind: 'done', isImageDeleted: (await this.#inspect(image)) === null, deletedLayers: null };
  }

  /** Docker has one call for both. */
  removeImage(id: ImageId): Promise<RemoveOutcome> {
    return this.removeName(id);
  }

  watch(watcher: EventWatcher): Promise<void> {
    const parse = (line: string): RawEvent | null => parseEventLine(line, KINDS);
    const source = { client: this.client, resolver: this.#events, path: eventsPath(watcher.since), parse };
    return watchEvents({ ...source, lagNano: 0n, verify: async (raws) => raws }, watcher);
  }

  /** With `all`, because an unnamed parent in the middle of a build chain holds layers too, and is listed only then. */
  async #listImages(): Promise<readonly ListedImage[]> {
    return takeImageList(await this.client.call('GET', '/images/json?all=1'));
  }

  /** The image, and all its names. @returns null when there is no such image */
  protected async find(nameOrId: string): Promise<NamedImage | null> {
    const found = (this.#hasContentStore ? await this.#readHistory(nameOrId) : null) ?? (await this.#inspect(nameOrId));
    return found === null ? null : { id: imageId(found.Id), names: readDockerNames(found) };
  }

  /** Docker 28, containerd store: a history has the image's ID and names, and takes half as long as an inspection. @returns null when it tells nothing */
  async #readHistory(nameOrId: string): Promise<RawNames | null> {
    const answer = await this.client.call('GET', `${imagePath(nameOrId)}/history`);
    const newest = answer.status === 200 ? takeAnswer(imageHistory, answer)[0] : undefined;
    return newest === undefined ? null : readHistoryNames(newest);
  }

  /** @returns null when there is no such image */
  async #inspect(nameOrId: string): Promise<ImageDetails | null> {
    const answer = await this.client.call('GET', `${imagePath(nameOrId)}/json`);
    return answer.status === 404 ? null : takeAnswer(imageDetails, answer);
  }

  /** Proven once: where it is cannot change while the engine has the same ID. */
  #findImageRoot(list: readonly ListedImage[]): string | null {
    const { DockerRootDir } = this.#info;
    this.#imageRoot ??= this.#hasContentStore ? findContainerdRoot(DockerRootDir, list) : findGraphDriverRoot(this.#info, list);
    return this.#imageRoot;
  }

  async #describeImages(list: readonly ListedImage[], survey: LayerSurvey, contentRoot: string | null): Promise<DescribedImages> {
    const { stacks, layers } = await this.#countLayers(list, survey, contentRoot);
    const named = new Map(list.map((listed) => [imageId(listed.Id), readDockerNames(listed)]));
    this.#events.learnNames(named);
    const images = this.#readImages(list, stacks, withHeldNames(named));
    return { images, layers, holds: [...named.values()].flatMap(({ holds }) => holds) };
  }

  async #countLayers(list: readonly ListedImage[], survey: LayerSurvey, contentRoot: string | null): Promise<LayerCount> {
    const layers = new Map<ChainId, Layer>();
    const stacks = new Map<ImageId, readonly ChainId[] | null>();
    const blobs = contentRoot === null ? null : await readBlobs(contentRoot, list);
    for (const { Id, Size } of list) {
      const stack = survey.layersByImage.get(imageId(Id));
      if (stack === undefined) continue;
      for (const layer of stack ?? []) addLayer(layers, layer, survey.sizeByLayer.get(layer) ?? null);
      const content = this.#hasContentStore && stack !== null ? (blobs?.get(Id) ?? ownContent(Id, Size, stack, layers)) : [];
      const keys = [...content].map(([key, sizeBytes]) => {
        addLayer(layers, key, sizeBytes);
        return key;
      });
      stacks.set(imageId(Id), stack === null ? null : [...stack, ...keys]);
    }
    return { stacks, layers };
  }

  #readImages(list: readonly ListedImage[], stacks: LayerCount['stacks'], names: ReadonlyMap<ImageId, ImageNames>): readonly Image[] {
    // The containerd store makes digests up, so there they prove nothing.
    const originOf = (own: Pick<Image, 'references' | 'digests'>) => (this.#hasContentStore ? null : originByDigest(own));
    return describeListed(list, stacks, names, (_listed, own) => ({ origin: originOf(own) }));
  }
}

/** Does something after what was just asked has gone out to the engine, which then works at the same time. */
async function meanwhile<Result>(work: () => Result | Promise<Result>): Promise<Result> {
  await new Promise((resolve) => setImmediate(resolve));
  return work();
}

type DescribedImages = Pick<Inventory, 'images' | 'layers'> & Pick<Observation, 'holds'>;

interface LayerCount {
  readonly stacks: ReadonlyMap<ImageId, readonly ChainId[] | null>;
  readonly layers: ReadonlyMap<ChainId, Layer>;
}

/**
 * Where the content store cannot be read, the blobs of an image count as one layer of its own: the engine tells their sum alone
 * (listed size less unpacked layers), so what a removal frees is then an upper bound.
 */
function ownContent(id: string, listedSize: number, stack: readonly ChainId[], layers: ReadonlyMap<ChainId, Layer>) {
  let content: number | null = readSize(listedSize);
  for (const layer of stack) {
    const sizeBytes = layers.get(layer)?.sizeBytes ?? null;
    content = content === null || sizeBytes === null ? null : content - sizeBytes;
  }
  const size: Bytes | null = content === null || content < 0 ? null : bytes(content);
  return [[blobKey(id), size] as const];
}

/** Docker 20.10 answers 500 "unrecognized image ID" when another call removed the image at the same moment. */
function isGone(answer: EngineAnswer): boolean {
  return answer.status === 404 || (answer.status === 500 && engineMessage(answer).includes('unrecognized image ID'));
}
