import { type ChainId, type ContainerId, chainId, containerId, type WallMs, wallMs } from '../../model/brands.ts';
import { byId, type Lists, listOf } from './lists.ts';
import { containersApi, snapshotsApi, tasksApi } from './messages.ts';
import type { AnswerOf } from './wire.ts';

type RawContainer = AnswerOf<typeof containersApi.list>['containers'][number];
type RawTask = AnswerOf<typeof tasksApi.list>['tasks'][number];
type RawSnapshot = AnswerOf<typeof snapshotsApi.list>['info'][number];

/** `kind` of a snapshot that a layer of an image is; all others are somebody's file system. */
const COMMITTED = 3;
const STATES = ['unknown', 'created', 'running', 'exited', 'paused', 'paused'] as const;

/** One who uses the content of an image: a container, or a file system that is prepared for one, or mounted as an image volume. */
export interface ContentUser {
  readonly id: ContainerId;
  readonly namespace: string;
  readonly name: string;
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly imageName: string | null;
  readonly createdAt: WallMs | null;
  readonly finishedAt: WallMs | null;
  readonly isContainer: boolean;
  /** The top layer that its file system is on; null: on none, so it uses no image. Undefined: it cannot be known. */
  readonly chain: ChainId | null | undefined;
}

/** One unpacked layer, in one namespace: namespaces share blobs, but unpack for themselves (measured on 1.6 and 2.1). */
export interface LayerCopy {
  readonly namespace: string;
  readonly snapshotter: string;
  readonly chain: ChainId;
}

/** What runs, and what is unpacked, in all namespaces. */
export interface ContentSurvey {
  readonly users: readonly ContentUser[];
  readonly layers: readonly LayerCopy[];
}

/** A container's ID, which is its own in its namespace alone. */
export function userId(namespace: string, id: string): ContainerId {
  return containerId(`${namespace}/${id}`);
}

/**
 * Looks for who uses what, by snapshots alone: containers first, so that what each is made of can be found after.
 *
 * @param snapshotters those that work; what a container of another one uses cannot be known
 */
export async function surveyContent(lists: Lists, namespaces: readonly string[], snapshotters: readonly string[]): Promise<ContentSurvey> {
  const parts = await Promise.all(namespaces.map((namespace) => surveyNamespace(lists, namespace, snapshotters)));
  return { users: parts.flatMap(({ users }) => users), layers: parts.flatMap(({ layers }) => layers) };
}

async function surveyNamespace(lists: Lists, namespace: string, snapshotters: readonly string[]): Promise<ContentSurvey> {
  const [containers, tasks] = await Promise.all([lists.ask(CONTAINERS, namespace), lists.ask(TASKS, namespace)]);
  const found = await Promise.all(snapshotters.map((snapshotter) => lists.ask(SNAPSHOTS, namespace, { snapshotter })));
  const layers = found.flatMap((each) => each.layers);
  const snapshots = new Map(found.map((each) => [each.snapshotter, each.byName]));
  const find = ({ snapshotter, snapshotKey }: RawContainer) => snapshots.get(snapshotter)?.get(snapshotKey);
  const missing = containers.filter((each) => each.snapshotKey !== '' && find(each) === undefined);
  // What went between the two listings is no container any more.
  const left = missing.length === 0 ? [] : await lists.ask(CONTAINERS, namespace);
  const gone = new Set(missing.map(({ id }) => id)).difference(new Set(left.map(({ id }) => id)));
  const present = containers.filter(({ id }) => !gone.has(id));
  const taskById = new Map(tasks.map((task) => [task.id, task]));
  const named = present.map((each) => describe(namespace, each, taskById.get(each.id), find(each)));
  const own = new Set(present.map(find));
  const loose = found.flatMap((each) => each.prepared).filter((snapshot) => !own.has(snapshot));
  return { users: [...named, ...loose.map((snapshot) => describeLoose(namespace, snapshot))], layers };
}

type Snapshot = RawSnapshot & { readonly snapshotter: string };

const CONTAINERS = listOf(containersApi.list, (answers) => answers.flatMap(({ containers }) => containers));
const TASKS = listOf(tasksApi.list, (answers) => answers.flatMap(({ tasks }) => tasks).sort(byId));
const SNAPSHOTS = listOf(
  snapshotsApi.list,
  (answers, namespace, { snapshotter = '' }) => {
    const all = answers.flatMap(({ info }) => info.map((each): Snapshot => ({ ...each, snapshotter })));
    const committed = all.filter(({ kind }) => kind === COMMITTED);
    const layers = committed.map(({ name }): LayerCopy => ({ namespace, snapshotter, chain: chainId(name) }));
    const prepared = all.filter(({ kind, parent }) => kind !== COMMITTED && parent !== '');
    return { snapshotter, layers, prepared, byName: new Map(all.map((each) => [each.name, each])) };
  },
  true,
);

function describe(namespace: string, raw: RawContainer, task: RawTask | undefined, snapshot: Snapshot | undefined): ContentUser {
  const { labels } = raw;
  const pod = labels['io.kubernetes.pod.name'];
  const inPod = labels['io.kubernetes.container.name'] ?? 'sandbox';
  return {
    id: userId(namespace, raw.id),
    namespace,
    name: pod === undefined ? (labels['nerdctl/name'] ?? raw.id) : `${pod}/${inPod}`,
    state: STATES[task?.status ?? 1] ?? 'unknown',
    labels,
    imageName: raw.image === '' ? null : raw.image,
    createdAt: readTime(raw.createdAt),
    finishedAt: readTime(task?.exitedAt ?? null),
    isContainer: true,
    chain: raw.snapshotKey === '' ? null : snapshot === undefined ? undefined : chainOf(snapshot),
  };
}

function describeLoose(namespace: string, snapshot: Snapshot): ContentUser {
  const told = { state: 'prepared', labels: {}, imageName: null, createdAt: null, finishedAt: null, isContainer: false };
  const id = userId(namespace, `${snapshot.snapshotter}/${snapshot.name}`);
  return { id, namespace, name: snapshot.name, ...told, chain: chainOf(snapshot) };
}

function chainOf({ parent }: RawSnapshot): ChainId | null {
  return parent === '' ? null : chainId(parent);
}

/** Go's zero time, far before 1970, means that nobody wrote a time down. */
function readTime(stamp: { readonly seconds: number; readonly nanos: number } | null): WallMs | null {
  return stamp === null || stamp.seconds <= 0 ? null : wallMs(stamp.seconds * 1_000 + Math.floor(stamp.nanos / 1_000_000));
}
