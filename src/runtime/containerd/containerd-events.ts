import { type ChainId, type ContainerId, chainId, type ImageId, wallMs } from '../../model/brands.ts';
import type { EngineEvent, EngineEventKind } from '../../model/engine-event.ts';
import { canonicalReference } from '../../model/reference.ts';
import { GroupReader } from '../group-reader.ts';
import type { EventWatcher } from '../runtime.ts';
import { userId } from './container-survey.ts';
import type { GrpcClient } from './grpc-client.ts';
import { eventBodiesSnapshotPrepare, eventBodiesSubject, eventBodiesTaskExit, eventsApi } from './messages.ts';
import { imagesOfUser, type Scene } from './scene.ts';
import type { AnswerOf } from './wire.ts';

type Envelope = AnswerOf<typeof eventsApi.subscribe>;

const CONTAINER_TOPICS: Readonly<Record<string, EngineEventKind>> = {
  '/containers/create': 'container-created',
  '/tasks/start': 'container-started',
  '/tasks/exit': 'container-ended',
  '/containers/delete': 'container-removed',
};
const TOPICS = [...Object.keys(CONTAINER_TOPICS), '/snapshot/prepare', '/images/create', '/images/update', '/images/delete'];
/** Snapshots whose containers never came, or were of no interest, are forgotten after so many others. */
const PREPARED_MAX = 4_096;

/** Told already, or where the engine forgets: nothing can be resumed. */
const NO_CURSOR = '';

/**
 * Follows the events of all namespaces. containerd keeps none and cannot say from when on it tells, so it is looked at once more before the
 * watch counts as open.
 *
 * @param look sees what names and snapshots mean now
 */
export async function watchContainerd(
  client: GrpcClient,
  look: () => Promise<Scene>,
  { signal, onOpen, onEvents }: EventWatcher,
): Promise<void> {
  const broken = new AbortController();
  const resolver = new EnvelopeResolver(look);
  const reader = new GroupReader<Envelope>(async (envelopes) => {
    const events = await resolver.resolve(envelopes);
    if (events.length > 0) onEvents(events, NO_CURSOR);
  });
  const onAnswer = (envelope: Envelope): void => void reader.add([envelope]).catch((error: unknown) => broken.abort(error));
  const filters = TOPICS.map((topic) => `topic=="${topic}"`);
  const ending = { signal: AbortSignal.any([signal, broken.signal]) };
  const following = client.follow(eventsApi.subscribe, { filters }, { ...ending, onAnswer });
  const opening = resolver.begin().then(() => onOpen(null));
  opening.catch((error: unknown) => broken.abort(error));
  await following;
  if (broken.signal.aborted) throw broken.signal.reason;
}

/** Finds out which images events mean: by snapshots for containers, by names for images. */
class EnvelopeResolver {
  readonly #look: () => Promise<Scene>;
  readonly #parents = new Map<ContainerId, ChainId>();
  readonly #imagesOf = new Map<ContainerId, readonly ImageId[]>();
  /** By namespace and name. */
  readonly #named = new Map<string, ImageId>();
  /** Images that were there when the watch began, or were told of since. */
  readonly #told = new Set<ImageId>();
  #scene: Scene | null = null;

  constructor(look: () => Promise<Scene>) {
    this.#look = look;
  }

  async begin(): Promise<void> {
    const { images } = await this.#learn();
    for (const id of images.keys()) this.#told.add(id);
  }

  async resolve(envelopes: readonly Envelope[]): Promise<readonly EngineEvent[]> {
    for (const envelope of envelopes) if (envelope.topic === '/snapshot/prepare') this.#prepare(envelope);
    // Once for all of them; what a container is made of was told before it was.
    const needsLook = envelopes.some(({ topic, namespace, event }) => {
      if (topic === '/images/create' || topic === '/images/update') return true;
      return topic === '/containers/create' && this.#byParent(userId(namespace, subjectOf(event))).length === 0;
    });
    if (needsLook || this.#scene === null) await this.#learn();
    return envelopes.flatMap((envelope) => this.#resolveOne(envelope) ?? []);
  }

  async #learn(): Promise<Scene> {
    const scene = await this.#look();
    this.#scene = scene;
    for (const user of scene.users) this.#imagesOf.set(user.id, imagesOfUser(user, scene));
    for (const { id, records } of scene.images.values())
      for (const { namespace, name } of records) this.#named.set(`${namespace} ${name}`, id);
    return scene;
  }

  #prepare({ namespace, event }: Envelope): void {
    const { key, parent } = eventBodiesSnapshotPrepare.decode(event?.value ?? new Uint8Array());
    if (parent === '') return;
    this.#parents.set(userId(namespace, key), chainId(parent));
    const [oldest] = this.#parents.keys();
    if (this.#parents.size > PREPARED_MAX && oldest !== undefined) this.#parents.delete(oldest);
  }

  #byParent(id: ContainerId): readonly ImageId[] {
    const parent = this.#parents.get(id);
    return parent === undefined ? [] : (this.#scene?.byTop.get(parent) ?? []).map((image) => image.id);
  }

  #resolveOne(envelope: Envelope): EngineEvent | null {
    const { topic, namespace, timestamp, event } = envelope;
    const at = wallMs((timestamp?.seconds ?? 0) * 1_000 + Math.floor((timestamp?.nanos ?? 0) / 1_000_000));
    const subject = subjectOf(event);
    const kind = CONTAINER_TOPICS[topic];
    if (kind === undefined) return topic === '/snapshot/prepare' ? null : this.#resolveImage(topic, namespace, subject, at);
    // The end of a command that was run inside is not the container's.
    if (topic === '/tasks/exit' && eventBodiesTaskExit.decode(event?.value ?? new Uint8Array()).id !== subject) return null;
    const id = userId(namespace, subject);
    const found = this.#imagesOf.get(id) ?? this.#byParent(id);
    if (found.length > 0) this.#imagesOf.set(id, found);
    if (kind === 'container-removed') {
      this.#imagesOf.delete(id);
      this.#parents.delete(id);
    }
    return { kind, containerId: id, imageIds: found, reference: null, at };
  }

  /** containerd does not tell a pull from a tag: what was never seen before came just now, from where its blobs say. */
  #resolveImage(topic: string, namespace: string, name: string, at: EngineEvent['at']): EngineEvent | null {
    const key = `${namespace} ${name}`;
    const id = this.#named.get(key);
    const base = { containerId: null, reference: name.includes('/') ? canonicalReference(name) : null, at };
    if (topic === '/images/delete') {
      this.#named.delete(key);
      if (id === undefined || this.#named.values().some((each) => each === id)) return null;
      this.#told.delete(id);
      return { ...base, kind: 'image-removed', imageIds: [id] };
    }
    // CRI's own name for what has another name as well.
    if (base.reference === null && id !== undefined) return null;
    if (id === undefined) return { ...base, kind: 'image-tagged', imageIds: [] };
    const isNew = !this.#told.has(id) || topic === '/images/update';
    this.#told.add(id);
    const isPulled = this.#scene?.images.get(id)?.origin === 'pulled';
    const kind = isPulled && isNew ? 'image-pulled' : isNew && topic === '/images/create' ? 'image-loaded' : 'image-tagged';
    return { ...base, kind, imageIds: [id] };
  }
}

function subjectOf(event: Envelope['event']): string {
  return eventBodiesSubject.decode(event?.value ?? new Uint8Array()).id;
}
