import { type ChainId, type ImageId, imageId } from '../../model/brands.ts';
import type { Origin } from '../../model/inventory.ts';
import { splitReference } from '../../model/reference.ts';
import { blobKey } from '../chain-ids.ts';
import { sortNames } from '../image-names.ts';
import type { ImageNames } from '../runtime.ts';
import type { GrpcClient } from './grpc-client.ts';
import type { DocumentReader, ImageContent } from './image-documents.ts';
import { contentApi, imagesApi, namespacesApi } from './messages.ts';

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
}

/** Whether a namespace is ours to clean up. @param named those that the address names; empty: none */
export function isOurs(namespace: string, named: readonly string[]): boolean {
  return named.length === 0 ? !FOREIGN_NAMESPACE.test(namespace) : named.includes(namespace);
}

/** Every namespace there is. */
export async function listNamespaces(client: GrpcClient): Promise<readonly string[]> {
  return (await client.call(namespacesApi.list, {})).namespaces.map(({ name }) => name).sort();
}

/** The names in a namespace that point to one of these. */
export async function listNamesOf(client: GrpcClient, namespace: string, targets: readonly string[]): Promise<readonly string[]> {
  const filters = targets.map((target) => `target.digest==${JSON.stringify(target)}`);
  return (await client.call(imagesApi.list, { filters }, namespace)).images.map(({ name }) => name);
}

/** What is listed of images, and not looked into yet. */
export interface ListedImages extends Pick<ImageSurvey, 'namespaces' | 'blobs'> {
  readonly records: readonly ImageRecord[];
}

/** Lists the images of all namespaces, and looks into those that are new. */
export async function surveyImages(tools: ImageTools): Promise<ImageSurvey> {
  return lookInto(await listImages(tools.client), tools);
}

/** Asks for all lists that {@link lookInto} needs. */
export async function listImages(client: GrpcClient): Promise<ListedImages> {
  const namespaces = await listNamespaces(client);
  // Images before blobs: a blob that is there already, but whose image is listed too late, is an image that is not removed yet.
  const records = (await Promise.all(namespaces.map((namespace) => listRecords(client, namespace)))).flat();
  const blobs = new Map<string, Blob>();
  for (const listed of await Promise.all(namespaces.map((namespace) => listBlobs(client, namespace)))) {
    for (const [digest, blob] of listed) blobs.set(digest, { ...blob, isPulled: blob.isPulled || blobs.get(digest)?.isPulled === true });
  }
  return { namespaces, records, blobs };
}

/** Finds out what was listed; the engine is asked for no more than documents that are new. */
export async function lookInto(
  { namespaces, records, blobs }: ListedImages,
  { documents, named }: Omit<ImageTools, 'client'>,
): Promise<ImageSurvey> {
  const places = new Map([...blobs].map(([digest, { namespace }]) => [digest, namespace]));
  const contents = await documents.readAll(new Set(records.map(({ target }) => target)), places);
  const byImage = Map.groupBy(records, ({ target }) => imageId(contents.get(target)?.configs[0]?.digest ?? target));
  const images = new Map<ImageId, FoundImage>();
  for (const [id, own] of byImage) {
    // What went between the two listings, with all that it was made of.
    if (!own.some(({ target }) => blobs.has(target))) continue;
    images.set(id, describe(id, own, contents, { blobs, named }));
  }
  return { namespaces, images, blobs };
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

async function listRecords(client: GrpcClient, namespace: string): Promise<readonly ImageRecord[]> {
  const { images } = await client.call(imagesApi.list, {}, namespace);
  return images.map(({ name, labels, target }) => ({
    namespace,
    name,
    target: target?.digest ?? '',
    isPinned: labels[PINNED_LABEL] === 'pinned',
  }));
}

async function listBlobs(client: GrpcClient, namespace: string): Promise<readonly (readonly [string, Blob])[]> {
  const pieces = await client.collect(contentApi.list, {}, namespace);
  return pieces
    .flatMap(({ info }) => info)
    .map(({ digest, size, labels }) => {
      const isPulled = Object.keys(labels).some((label) => label.startsWith(SOURCE_LABEL));
      return [digest, { key: keyOf(digest), sizeBytes: size, namespace, isPulled }] as const;
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
