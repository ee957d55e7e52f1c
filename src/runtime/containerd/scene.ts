import { type ChainId, type ContainerId, type ImageId, imageId } from '../../model/brands.ts';
import type { Container, Doubt, Image, Inventory } from '../../model/inventory.ts';
import { canonicalReference } from '../../model/reference.ts';
import { type ContentSurvey, type ContentUser, surveyContent, userId } from './container-survey.ts';
import { type FoundImage, type ImageSurvey, type ImageTools, listNamesOf, listRecords, lookInto, NAMESPACES } from './containerd-images.ts';
import { type CriClient, type CriContainer, type CriImage, criLists, describeCriContainer, nameOf, stateOf } from './cri-client.ts';
import { type GrpcClient, nullOn, STATUS } from './grpc-client.ts';
import { Lists, listOf } from './lists.ts';
import { leasesApi } from './messages.ts';
import { type NameHold, readNameHold } from './name-hold.ts';

/** The namespace of Kubernetes, whose images CRI keeps its own books of. */
export const CRI_NAMESPACE = 'k8s.io';
/** Stands for the image of a container that has none; no image has this ID. */
const NO_IMAGE = 'none';

/** What a look at containerd needs. */
export interface SceneTools extends ImageTools {
  readonly cri: CriClient | null;
  readonly snapshotters: readonly string[];
}

/** Everything that decides whether an image may go, at one instant. */
export interface Scene extends ImageSurvey, ContentSurvey {
  /** What it was made of beside the images. */
  readonly userLists: Lists;
  readonly criImages: readonly CriImage[];
  readonly criContainers: ReadonlyMap<ContainerId, CriContainer>;
  /** Canonical; null where the engine does not tell. */
  readonly sandboxName: string | null;
  /** Digests, and keys of snapshots, that leases hold. */
  readonly leased: ReadonlySet<string>;
  /** Leases of ours, of whoever placed them. */
  readonly holds: readonly NameHold[];
  /** Images by their top layer; several differ in their configuration alone. */
  readonly byTop: ReadonlyMap<ChainId, readonly FoundImage[]>;
}

/** Why an image stays by the engine's own word. */
export type Keeping = Pick<Image, 'pinned' | 'leased' | 'sandbox'>;

/**
 * Looks at all namespaces: images first, then whoever uses them.
 *
 * @param before the look before, which is the answer where all lists say the same again; null: there was none
 */
export async function lookAround(tools: SceneTools, before: Scene | null): Promise<Scene> {
  const { client, cri } = tools;
  const lists = new Lists(client, before?.imageLists ?? null);
  const userLists = new Lists(client, before?.userLists ?? null);
  const lookAtBoth = async () => {
    const namespaces = await lists.ask(NAMESPACES);
    const records = await listRecords(lists, namespaces);
    // Blobs say nothing of who uses them, so both go on at once, and the engine lists while this process reads what it has listed.
    return Promise.all([lookInto(records, { lists, namespaces, before }, tools), lookForUsers(userLists, namespaces, tools)]);
  };
  const [[survey, { leases, content, criContainers }], criImages, sandboxName] = await Promise.all([
    lookAtBoth(),
    cri === null ? [] : userLists.ask(criLists.images),
    cri === null ? null : userLists.ask(criLists.sandboxName, '', { verbose: true }),
  ]);
  if (before !== null && survey === before && userLists.isUnchanged) return before;
  return {
    ...survey,
    ...content,
    userLists,
    criImages,
    criContainers: new Map(criContainers.map((container) => [userId(CRI_NAMESPACE, container.id), container])),
    sandboxName: sandboxName === null ? null : canonicalReference(sandboxName),
    leased: new Set(leases.flatMap(({ leased }) => leased)),
    holds: leases.flatMap(({ holds }) => holds),
    byTop: indexByTop(survey.images.values()),
  };
}

/** Leases first: what a pull gives up, a container may hold by then. */
async function lookForUsers(lists: Lists, namespaces: readonly string[], { cri, snapshotters }: SceneTools) {
  const leases = await Promise.all(namespaces.map((namespace) => listLeased(lists, namespace)));
  const [content, criContainers] = await Promise.all([
    surveyContent(lists, namespaces, snapshotters),
    cri === null ? [] : lists.ask(criLists.containers),
  ]);
  return { leases, content, criContainers };
}

function indexByTop(images: Iterable<FoundImage>): ReadonlyMap<ChainId, readonly FoundImage[]> {
  const byTop = new Map<ChainId, FoundImage[]>();
  for (const image of images) {
    for (const top of new Set(image.configs.map(({ chain }) => chain.at(-1)))) {
      if (top !== undefined) byTop.set(top, [...(byTop.get(top) ?? []), image]);
    }
  }
  return byTop;
}

/** The images that a user of content needs: its root's first. Of several with the same layers each may be meant. */
export function imagesOfUser(
  { chain, imageName, id }: ContentUser,
  scene: Pick<Scene, 'byTop' | 'criContainers' | 'images'>,
): readonly ImageId[] {
  const candidates = chain === null || chain === undefined ? [] : (scene.byTop.get(chain) ?? []);
  const name = canonicalReference(imageName ?? '');
  const isNamed = ({ names }: FoundImage): boolean => names.references.includes(name) || names.digests.includes(name);
  const ids = candidates.toSorted((a, b) => Number(isNamed(b)) - Number(isNamed(a))).map((image) => image.id);
  const cri = scene.criContainers.get(id);
  const told = cri === undefined ? [] : [imageId(cri.imageRef), imageId(cri.imageId)].filter((each) => scene.images.has(each));
  return [...new Set([...ids, ...told])];
}

/**
 * Containers, and whoever else uses an image, as the inventory has them.
 *
 * @param gone images that are there no more, by their top layer: what is left of one in a container is known by that alone
 */
export function describeUsers(scene: Scene, gone: ReadonlyMap<ChainId, ImageId> = new Map()): Pick<Inventory, 'containers' | 'doubts'> {
  const containers: Container[] = [];
  const doubts: Doubt[] = [];
  for (const user of scene.users) {
    const [root, ...others] = imagesOfUser(user, scene);
    if (root === undefined && !user.isContainer) continue;
    const { id, labels, imageName, createdAt, finishedAt } = user;
    const cri = scene.criContainers.get(id);
    const [name, state] = cri === undefined ? [user.name, user.state] : [nameOf(cri), stateOf(cri)];
    // Where the image is gone, CRI still tells its ID; elsewhere what the container is made of stands for it.
    const made = user.chain == null ? NO_IMAGE : (gone.get(user.chain) ?? user.chain);
    const own = root ?? (cri === undefined ? imageId(made) : imageId(cri.imageRef));
    const told = { id, name, labels, imageName, createdAt, finishedAt, startedAt: null };
    containers.push({ ...told, state, imageId: own, mountedImageIds: others });
    if (user.chain !== undefined) continue;
    const message = `container ${name} (${state}): its snapshot is not there, so the engine does not say which image it was made from`;
    doubts.push({ kind: 'in-use-unknown', message });
  }
  const known = new Set(scene.users.map(({ id }) => id));
  for (const [id, listed] of scene.criContainers)
    if (!known.has(id)) containers.push(describeCriContainer(listed, id, imageId(listed.imageRef), []));
  return { containers, doubts };
}

/** The top layers that an image may be unpacked to, one for each platform. */
export function topsOf({ configs }: Pick<FoundImage, 'configs'>): readonly ChainId[] {
  return configs.flatMap(({ chain }) => chain.at(-1) ?? []);
}

/** By the engine's own word, whoever uses it. */
export function readKeeping(image: FoundImage, scene: Scene): Keeping {
  const names = new Set([...image.names.references, ...image.names.digests]);
  const isPinned = ({ id, repoTags, repoDigests, pinned }: CriImage): boolean =>
    pinned && (id === image.id || [...repoTags, ...repoDigests].some((name) => names.has(canonicalReference(name))));
  const tops = topsOf(image);
  return {
    pinned: image.records.some((record) => record.isPinned) || scene.criImages.some(isPinned),
    leased: [...image.documents, ...tops].some((each) => scene.leased.has(each)),
    sandbox: scene.sandboxName !== null && names.has(scene.sandboxName),
  };
}

/** Why an image must not go now; null when nothing speaks against it. */
export function findObstacle(image: FoundImage, scene: Scene): string | null {
  const { containers, doubts } = describeUsers(scene);
  const { pinned, leased, sandbox } = readKeeping(image, scene);
  const user = containers.find(({ imageId: root, mountedImageIds }) => root === image.id || mountedImageIds.includes(image.id));
  if (user !== undefined) return `container ${user.name} (${user.state}) uses it`;
  if (doubts[0] !== undefined) return doubts[0].message;
  if (image.isForeign) return `it is in namespace ${image.records.map(({ namespace }) => namespace).join(', ')} too, which is not ours`;
  if (sandbox) return 'every pod begins with it';
  if (pinned) return 'the engine asks to keep it';
  return leased ? 'a lease holds it' : null;
}

/**
 * Why an image whose names are off has to get them back; null when nothing speaks against its removal. This is the last look, so it asks for no
 * more than has changed since the first.
 */
export async function findLateUser(image: FoundImage, { client, cri, snapshotters }: SceneTools): Promise<string | null> {
  const lists = new Lists(client, null);
  const namespaces = await lists.ask(NAMESPACES);
  const targets = [...new Set(image.records.map(({ target }) => target))];
  const named = (await Promise.all(namespaces.map((namespace) => listNamesOf(client, namespace, targets)))).flat();
  const [{ users }, criContainers] = await Promise.all([
    surveyContent(lists, namespaces, snapshotters),
    cri === null ? [] : lists.ask(criLists.containers),
  ]);
  const tops = new Set(topsOf(image));
  const user = users.find(({ chain }) => chain != null && tops.has(chain));
  if (user !== undefined) return `container ${user.name} (${user.state}) uses it`;
  const told = criContainers.find(({ imageRef }) => imageRef === image.id);
  if (told !== undefined) return `container ${nameOf(told)} (${stateOf(told)}) uses it`;
  const unknown = users.find(({ chain }) => chain === undefined);
  if (unknown !== undefined) return `container ${unknown.name} (${unknown.state}): its snapshot is not there`;
  return named[0] === undefined ? null : `it gained the name ${named[0]} at this very moment`;
}

/** Our leases in all namespaces. */
export async function listHolds(client: GrpcClient): Promise<readonly NameHold[]> {
  const lists = new Lists(client, null);
  const leases = await Promise.all((await lists.ask(NAMESPACES)).map((namespace) => lists.ask(LEASES, namespace)));
  return leases.flat().flatMap(({ hold }) => hold ?? []);
}

const LEASES = listOf(leasesApi.list, (answers, namespace) =>
  answers.flatMap(({ leases }) => leases.map((lease) => ({ id: lease.id, hold: readNameHold(namespace, lease) }))),
);
const RESOURCES = listOf(leasesApi.listResources, (answers) => answers.flatMap(({ resources }) => resources.map(({ id }) => id)));

async function listLeased(lists: Lists, namespace: string): Promise<{ leased: readonly string[]; holds: readonly NameHold[] }> {
  const leases = await lists.ask(LEASES, namespace);
  const others = leases.filter(({ hold }) => hold === null);
  const leased = await Promise.all(others.map(({ id }) => listHeld(lists, id, namespace)));
  return { leased: leased.flat(), holds: leases.flatMap(({ hold }) => hold ?? []) };
}

/** What a lease holds: nothing when it has been given up since it was listed, as a pull's is at its end. */
async function listHeld(lists: Lists, id: string, namespace: string): Promise<readonly string[]> {
  return (await nullOn(STATUS.notFound, lists.ask(RESOURCES, namespace, { id }))) ?? [];
}
