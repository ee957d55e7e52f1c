import { type Bytes, bytes, type ImageId, imageId, wallMs } from '../../model/brands.ts';
import type { DiskUsage, LayerFacts } from '../../model/inventory.ts';
import { canonicalReference, splitReference } from '../../model/reference.ts';
import { engineMessage, refusal, takeAnswer } from '../engine-answers.ts';
import { ELSEWHERE, type EngineAnswer, type EngineClient, type EngineConnection, imagePath } from '../engine-client.ts';
import { EventResolver, type RawEvent } from '../engine-events.ts';
import { watchEvents } from '../event-watch.ts';
import { HttpRuntime, type NamedImage } from '../http-runtime.ts';
import { readDisk } from '../image-filesystem.ts';
import { sortNames, withHeldNames } from '../image-names.ts';
import { type LayerSurvey, surveyLayers } from '../layer-survey.ts';
import type { EventWatcher, Observation, Receiving, RemoveOutcome, Runtime } from '../runtime.ts';
import { ManifestLists } from './manifest-lists.ts';
import { type PodmanImage, type PodmanInfo, podmanImage, podmanImages, podmanInfo, podmanRemoval } from './podman-answers.ts';
import { PodmanContainers } from './podman-containers.ts';
import { LAG_NANO, parsePodmanEvent, podmanEventsPath } from './podman-events.ts';
import { readImages, readLayers, readListedNames } from './podman-images.ts';
import { findGraphRoot, readStorage } from './podman-storage.ts';

/** Podman 5 takes this version too, and answers the same. */
const API = '/v4.0.0/libpod';
/** `ExitCode` of a removal: podman-rmi(1). */
const EXIT = { done: 0, unknown: 1, inUse: 2 } as const;
/** Podman's own rules, told with the exit code of every other error. */
const REFUSALS = /by (?:ID|digest) with more than one tag|read-only image/;

/**
 * Opens Podman, 4.3 or newer, rootful or rootless, on a connection that is closed when it fails.
 *
 * @throws OperatingError `engine-unreachable`, `permission`, `engine-refused` or `engine-nonsense`
 */
export async function startPodman(connection: EngineConnection): Promise<Runtime> {
  try {
    const client = connection.speak(API);
    const info = takeAnswer(podmanInfo, await client.call('GET', '/info'));
    return new PodmanRuntime(
      client,
      connection.isLocal ? info : { ...info, store: { ...info.store, graphRoot: `${ELSEWHERE} at ${client.address}` } },
    );
  } catch (error) {
    connection.close();
    throw error;
  }
}

class PodmanRuntime extends HttpRuntime<EngineClient> implements Runtime {
  readonly identity: Runtime['identity'];
  // Podman makes a digest up for every image that it loads or builds. It removes a parent whatever was built on it, and keeps the layers.
  readonly capabilities = { holds: true, digestsProvePull: false, digestsGoAlone: true, parentsKnown: true, events: 'replayed' } as const;
  readonly #info: PodmanInfo;
  readonly #lists: ManifestLists;
  protected readonly containers: PodmanContainers;
  readonly #events: EventResolver;
  #root: string | null = null;
  /** By name, the images that have or had it, as last listed. */
  #everNamed: ReadonlyMap<string, readonly ImageId[]> | null = null;

  constructor(client: EngineClient, info: PodmanInfo) {
    super(client);
    const { host, store } = info;
    const { Version: version } = info.version;
    const kind = host.security.rootless ? `${store.graphDriverName}, rootless` : store.graphDriverName;
    const title = `podman ${version} at ${client.address} (${kind})`;
    // Podman has no ID of its own. All who use one storage, with or without a socket, share its folder, and its lock.
    this.identity = { name: 'podman', version, engineId: `podman${store.graphRoot}`, storeId: store.graphDriverName, title };
    this.#info = info;
    this.#lists = new ManifestLists(client);
    this.containers = new PodmanContainers(client, (name) => this.#findEverNamed(name));
    this.#events = new EventResolver(this.containers, (name) => this.resolveName(name));
  }

  async observe(readKnown: () => LayerFacts): Promise<Observation> {
    const observedAt = wallMs(Date.now());
    const [all, known] = await Promise.all([this.#listImages(), readKnown()]);
    const lists = await this.#lists.find(all);
    const list = all.filter(({ Id }) => !lists.ids.has(Id));
    const root = this.#findRoot(list);
    const survey = await this.#surveyLayers(list, known, root);
    const { containers, doubts } = await this.containers.survey();
    const named = new Map(list.map((listed) => [imageId(listed.Id), readListedNames(listed)]));
    this.#events.learnNames(named);
    const engine = { name: this.identity.name, version: this.identity.version };
    const inventory = {
      observedAt,
      engine,
      disk: root === null ? null : readDisk(root),
      images: readImages(list, survey, withHeldNames(named), lists.digests),
      layers: readLayers(list, survey),
      containers,
      buildCache: null,
      doubts: [...doubts.values()],
      workloads: [],
    };
    return { inventory, learned: survey.learned, holds: [...named.values()].flatMap(({ holds }) => holds) };
  }

  async measureDisk(): Promise<DiskUsage | null> {
    const root = this.#root ?? this.#findRoot(await this.#listImages());
    return root === null ? null : readDisk(root);
  }

  /** What Podman downloads lies outside of its storage, under names that many programs use. */
  readReceiving(): Receiving {
    return { isUnderWay: false, missingBytes: bytes(0) };
  }

  /** A build's steps are images here. */
  async readBuildCache(): Promise<null> {
    return null;
  }

  async pruneBuildCache(): Promise<Bytes> {
    return bytes(0);
  }

  async addName(id: ImageId, reference: string): Promise<boolean> {
    const answer = await this.client.call('POST', `${imagePath(id)}/tag?${nameQuery(reference)}`);
    if (answer.status === 404) return false;
    if (answer.status === 201) return true;
    throw refusal(answer);
  }

  /**
   * While the image has another tag, the name is taken off that very image and no other: one that was moved meanwhile stays. A digest that
   * somebody pulled by goes with the last tag of its repository, as on Docker; here it would keep the image.
   */
  async removeName(reference: string): Promise<RemoveOutcome> {
    const found = await this.find(reference);
    // The name of a manifest list finds an image of another name.
    if (found === null || !(reference.includes('@') || found.tags.includes(reference))) return { kind: 'gone' };
    const { id, tags } = found;
    const repository = splitReference(reference).name;
    const others = tags.filter((tag) => tag !== reference);
    const isLastHere = tags.includes(reference) && !others.some((tag) => splitReference(tag).name === repository);
    const digests = found.names.digests.filter((digest) => isLastHere && splitReference(digest).name === repository);
    for (const digest of digests) await this.#untag(id, digest);
    if (others.length === 0) return this.#remove(id, reference);
    const isDone = await this.#untag(id, reference);
    return isDone ? { kind: 'done', isImageDeleted: false, deletedLayers: null } : { kind: 'gone' };
  }

  /** By its ID Podman removes what has one name at most. */
  async removeImage(id: ImageId): Promise<RemoveOutcome> {
    const found = await this.find(id);
    if (found === null) return { kind: 'gone' };
    const digests = found.tags.length > 0 ? [] : found.names.digests.slice(1);
    for (const digest of digests) await this.#untag(id, digest);
    return this.#remove(id, id);
  }

  watch(watcher: EventWatcher): Promise<void> {
    const source = { client: this.client, resolver: this.#events, path: podmanEventsPath(watcher.since), parse: parsePodmanEvent };
    return watchEvents({ ...source, lagNano: LAG_NANO, verify: (raws) => this.#leaveOutRefused(raws) }, watcher);
  }

  async #listImages(): Promise<readonly PodmanImage[]> {
    const list = takeAnswer(podmanImages, await this.client.call('GET', '/images/json?all=true'));
    const pairs = list.flatMap(({ Id, Names, History }) =>
      [...new Set([...(Names ?? []), ...(History ?? [])])].map((name) => ({ name, Id })),
    );
    const grouped = Map.groupBy(pairs, ({ name }) => name);
    this.#everNamed = new Map([...grouped].map(([name, images]) => [name, images.map(({ Id }) => imageId(Id))]));
    return list;
  }

  async #findEverNamed(name: string): Promise<readonly ImageId[]> {
    if (this.#everNamed === null) await this.#listImages();
    const now = await this.resolveName(name);
    // A short name may have been completed in more than one way.
    const written = [name, `${name}:latest`];
    const once = [...(this.#everNamed ?? [])].filter(([each]) => written.some((text) => each === text || each.endsWith(`/${text}`)));
    return [...once.flatMap(([, images]) => images), ...(now === null ? [] : [now])];
  }

  #findRoot(list: readonly PodmanImage[]): string | null {
    this.#root ??= findGraphRoot(this.#info, list);
    return this.#root;
  }

  async #surveyLayers(list: readonly PodmanImage[], known: LayerFacts, root: string | null): Promise<LayerSurvey> {
    const isNew = ({ Id }: PodmanImage) => !known.layersByImage.has(imageId(Id));
    if (root === null || !list.some(isNew)) return surveyLayers(this.client, list, known, async () => null);
    const stored = readStorage(root, this.#info.store.graphDriverName);
    const layersByImage = new Map([...stored.layersByImage, ...known.layersByImage]);
    const sizeByLayer = new Map([...stored.sizeByLayer, ...known.sizeByLayer]);
    const survey = await surveyLayers(this.client, list, { layersByImage, sizeByLayer }, async () => null);
    return { ...survey, learned: learnedOf(stored, survey.learned, known) };
  }

  /** @returns null when there is no such image */
  protected async find(nameOrId: string): Promise<Found | null> {
    const answer = await this.#askForImage(nameOrId);
    if (answer.status === 404) return null;
    const { Id, RepoTags, RepoDigests } = takeAnswer(podmanImage, answer);
    const id = imageId(Id);
    const tags = (RepoTags ?? []).map(canonicalReference).filter((name) => !name.includes('@'));
    return { id, tags, names: sortNames(id, [...tags, ...(RepoTags ?? []), ...(RepoDigests ?? [])]) };
  }

  /** Podman that finds a name and then not the image, because another call removed it meanwhile, answers 500, in ever other words. */
  async #askForImage(nameOrId: string): Promise<EngineAnswer> {
    const ask = (what: 'exists' | 'json') => this.client.call('GET', `${imagePath(nameOrId)}/${what}`);
    const answer = await ask('json');
    if (answer.status !== 500) return answer;
    const existence = await ask('exists');
    return existence.status === 404 ? existence : ask('json');
  }

  /** Takes a name off one image, and never removes it. @returns false when the image has no such name */
  async #untag(id: ImageId, reference: string): Promise<boolean> {
    const answer = await this.client.call('POST', `${imagePath(id)}/untag?${nameQuery(reference)}`);
    if (answer.status === 201) return true;
    if (answer.status === 404 || engineMessage(answer).includes('tag not known')) return false;
    // An ID that Podman knows no more it takes for a name, and has ever other words.
    if ((await this.find(id)) !== null) throw refusal(answer);
    return false;
  }

  /** Never by `DELETE /images/{name}`: that takes parents without a name along, and then may say that nothing was removed. Never with force. */
  async #remove(id: ImageId, nameOrId: string): Promise<RemoveOutcome> {
    const which = new URLSearchParams({ images: nameOrId.replace(/^sha256:/, ''), noprune: 'true' });
    const answer = await this.client.call('DELETE', `/images/remove?${which}`);
    if (answer.status === 404) return { kind: 'gone' };
    const { Deleted, Errors, ExitCode } = takeAnswer(podmanRemoval, answer);
    const message = (Errors ?? []).join('; ');
    if (ExitCode === EXIT.unknown) return { kind: 'gone' };
    if (ExitCode === EXIT.inUse || REFUSALS.test(message)) return { kind: 'in-use', message };
    const isThere = async () => (await this.find(id)) !== null;
    if (ExitCode !== EXIT.done || message !== '') {
      // Podman trips over what another call removes at the same moment, in ever other words.
      return (await isThere()) ? { kind: 'failed', message: message || `exit code ${ExitCode} without a message` } : { kind: 'gone' };
    }
    // An image that others were built on goes without being told of.
    const isImageDeleted = Deleted?.some((each) => id.endsWith(each)) === true || !(await isThere());
    return { kind: 'done', isImageDeleted, deletedLayers: null };
  }

  /** Podman tells of the removal of an image also when it refused it, and when it took a name off alone. */
  async #leaveOutRefused(raws: readonly RawEvent[]): Promise<readonly RawEvent[]> {
    const told: RawEvent[] = [];
    for (const raw of raws) {
      const isThere = raw.kind === 'image-removed' && (await this.client.call('GET', `${imagePath(raw.id)}/exists`)).status === 204;
      if (!isThere) told.push(raw);
    }
    return told;
  }
}

interface Found extends NamedImage {
  /** Holds among them. */
  readonly tags: readonly string[];
}

/** For a digest the API has no place, and puts what it is given around a colon. */
function nameQuery(reference: string): URLSearchParams {
  const { name, tag, digest } = splitReference(reference);
  const [algorithm, hex = ''] = digest?.split(':') ?? [];
  return new URLSearchParams(algorithm === undefined ? { repo: name, tag: tag ?? '' } : { repo: `${name}@${algorithm}`, tag: hex });
}

function learnedOf(stored: LayerFacts, asked: LayerFacts, known: LayerFacts): LayerFacts {
  const layersByImage = new Map([...stored.layersByImage, ...asked.layersByImage].filter(([id]) => !known.layersByImage.has(id)));
  const sizeByLayer = new Map([...stored.sizeByLayer, ...asked.sizeByLayer].filter(([layer]) => !known.sizeByLayer.has(layer)));
  return { layersByImage, sizeByLayer };
}
