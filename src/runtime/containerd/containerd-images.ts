import { setImmediate } from 'node:timers/promises';
import { type ChainId, type ImageId, imageId } from '../../model/brands.ts';
import type { Origin } from '../../model/inventory.ts';
import { splitReference } from '../../model/reference.ts';
import { blobKey } from '../chain-ids.ts';
import { sortNames } from '../image-names.ts';
import type { ImageNames } from '../runtime.ts';
import type { GrpcClient } from './grpc-client.ts';
import type { DocumentReader, ImageContent } from './image-documents.ts';
import { Lists, listOf } from './lists.ts';
import { contentApi, imagesApi, namespacesApi } from './messages.ts';
import type { AnswerOf } from './wire.ts';

/** The label by which a namespace, or who keeps its images, asks to keep one. */
const PINNED_LABEL = 'io.cri-containerd.pinned';
/** What a registry gave has its host in such a label, on each blob. */
const SOURCE_LABEL = 'containerd.io/distribution.source.';
/** Docker's own, and BuildKit's: they are somebody else's to clean up, unless named. */
const FOREIGN_NAMESPACE = /^(moby|plugins\.moby|buildkit.*)$/;

/** One name in one namespace: what keeps an image from containerd's garbage collection. */
export interface ImageRecord {
  readonly namespace: string;
  readonly name: string;
  readonly target: string;
  readonly isPinned: boolean;
}

/** One image, over all namespaces. Its ID is the digest of its configuration; where that cannot be read, of what its names point to. */
export interface FoundImage extends ImageContent {
  readonly id: ImageId;
  readonly records: readonly ImageRecord[];
  readonly names: ImageNames;
  readonly origin: Origin | null;
  /** A namespace that is not ours to clean up has it too. */
  readonly isForeign: boolean;
}

/** One blob that is there. */
interface Blob {
  /** Under which it is counted. */
  readonly key: ChainId;
  readonly sizeBytes: number;
  /** A namespace in which it can be read. */
  readonly namespace: string;
  readonly isPulled: boolean;
}

/** What a listing of images needs. */
export interface ImageTools {
  readonly client: GrpcClient;
  readonly documents: DocumentReader;
  /** The namespaces that the address names; empty: none. */
  readonly named: readonly string[];
}

/** Images and blobs of all namespaces. */
export interface ImageSurvey {
  readonly namespaces: readonly string[];
  readonly images: ReadonlyMap<ImageId, FoundImage>;
  readonly blobs: ReadonlyMap<string, Blob>;
  /** What all this was made of. */
  readonly imageLists: Lists;
  /** Whether the same lists make the same again: what is there could be read. */
  readonly isSettled: boolean;
}

/** Every namespace there is, in order. */
export const NAMESPACES = listOf(namespacesApi.list, (answers) =>
  answers.flatMap(({ namespaces }) => namespaces.map(({ name }) => name)).sort(),
);
const RECORDS = listOf(imagesApi.list, ([answer], namespace): readonly ImageRecord[] => {
  const isPinned = (labels: Readonly<Record<string, string>>): boolean => labels[PINNED_LABEL] === 'pinned';
  const images = answer?.images ?? [];
  return images.map(({ name, labels, target }) => ({ namespace, name, target: target?.digest ?? '', isPinned: isPinned(labels) }));
});
const BLOBS = listOf(contentApi.list, readBlobs, true);

/** Whether a namespace is ours to clean up. @param named those that the address names; empty: none */
export function isOurs(namespace: string, named: readonly string[]): boolean {
  return named.length === 0 ? !FOREIGN_NAMESPACE.test(namespace) : named.includes(namespace);
}

/** The names in a namespace that point to one of these. */
export async function listNamesOf(client: GrpcClient, namespace: string, targets: readonly string[]): Promise<readonly string[]> {
  const filters = targets.map((target) => `target.digest==${JSON.stringify(target)}`);
  return (await client.call(imagesApi.list, { filters }, namespace)).images.map(({ name }) => name);
}

/** Lists the images of all namespaces, and looks into them. @param before what may be so still */
export async function surveyImages(tools: ImageTools, before: ImageSurvey | null): Promise<ImageSurvey> {
  const lists = new Lists(tools.client, before?.imageLists ?? null);
  const namespaces = await lists.ask(NAMESPACES);
  return lookInto(await listRecords(lists, namespaces), { lists, namespaces, before }, tools);
}

/** The names in each namespace. */
export async function listRecords(lists: Lists, namespaces: readonly string[]): Promise<readonly (readonly ImageRecord[])[]> {
  return Promise.all(namespaces.map((namespace) => lists.ask(RECORDS, namespace)));
}

/**
 * Finds out what names point to: lists blobs, and asks for no more than documents that are new.
 *
 * @param records listed before: a blob that is there already, but whose image is listed too late, is an image that is not removed yet
 */
export async function lookInto(
  records: readonly (readonly ImageRecord[])[],
  { lists, namespaces, before }: { readonly lists: Lists; readonly namespaces: readonly string[]; readonly before: ImageSurvey | null },
  { documents, named }: ImageTools,
): Promise<ImageSurvey> {
  const all = records.flat();
  const targets = new Set(all.map(({ target }) => target));
  const asked = namespaces.map((namespace) => lists.ask(BLOBS, namespace));
  // Once all that is asked for at the same time is on its way.
  const [blobLists] = await Promise.all([Promise.all(asked), setImmediate().then(() => documents.readAhead(targets))]);
  if (before?.isSettled === true && lists.isUnchanged) return before;
  const blobs = new Map<string, Blob>();
  for (const [digest, blob] of blobLists.flat())
    blobs.set(digest, { ...blob, isPulled: blob.isPulled || blobs.get(digest)?.isPulled === true });
  const places = new Map([...blobs].map(([digest, { namespace }]) => [digest, namespace]));
  const { contents, isSettled } = await documents.readAll(targets, places);
  const byImage = Map.groupBy(all, ({ target }) => imageId(contents.get(target)?.configs[0]?.digest ?? target));
  const images = new Map<ImageId, FoundImage>();
  for (const [id, own] of byImage) {
    // What went between the two listings, with all that it was made of.
    if (!own.some(({ target }) => blobs.has(target))) continue;
    images.set(id, describe(id, own, contents, { blobs, named }));
  }
  return { namespaces, images, blobs, imageLists: lists, isSettled };
}

function describe(
  id: ImageId,
  records: readonly ImageRecord[],
  contents: ReadonlyMap<string, ImageContent>,
  { blobs, named }: { readonly blobs: ReadonlyMap<string, Blob>; readonly named: readonly string[] },
): FoundImage {
  const targets = [...new Set(records.map(({ target }) => target))];
  const parts = targets.flatMap((target) => contents.get(target) ?? []);
  const content = {
    documents: [...new Set([...targets, ...parts.flatMap((part) => part.documents)])],
    packed: [...new Set(parts.flatMap((part) => part.packed))],
    configs: [...new Map(parts.flatMap((part) => part.configs).map((config) => [config.digest, config])).values()],
  };
  const isPulled = targets.some((target) => blobs.get(target)?.isPulled === true);
  const names = sortNames(id, [...new Set(records.flatMap((record) => namesOf(record, isPulled)))]);
  const origin = isPulled ? 'pulled' : names.references.length > 0 ? 'local' : null;
  const isForeign = records.some(({ namespace }) => !isOurs(namespace, named));
  return { id, records, ...content, names, origin, isForeign };
}

/**
 * A name as people know it. CRI keeps every image under its ID as well, and whoever needs a name for what has none writes a word and the
 * digest (`import-2026-11-26@sha256:…`). What was pulled by tag can be pulled again by the digest that the tag points to.
 */
function namesOf({ name, target }: ImageRecord, isPulled: boolean): readonly string[] {
  const { name: repository, tag } = splitReference(name);
  if (!repository.includes('/')) return [];
  return tag !== null && isPulled && !name.includes('@') ? [name, `${repository}@${target}`] : [name];
}

function readBlobs(answers: readonly AnswerOf<typeof contentApi.list>[], namespace: string): readonly (readonly [string, Blob])[] {
  const infos = answers.flatMap(({ info }) => info);
  return infos.map(({ digest, size, labels }) => {
    const isPulled = Object.keys(labels).some((label) => label.startsWith(SOURCE_LABEL));
    return [digest, { key: keyOf(digest), sizeBytes: size, namespace, isPulled }];
  });
}

const KEYS = new Map<string, ChainId>();
/** So many digests, in some 200 bytes each. */
const KEYS_MAX = 20_000;

/** Remembered, because hashing the digests of 500 images takes as long as half of all the rest. */
function keyOf(digest: string): ChainId {
  const key = KEYS.get(digest) ?? blobKey(digest);
  if (KEYS.size < KEYS_MAX) KEYS.set(digest, key);
  return key;
}
