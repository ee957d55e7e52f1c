import * as v from 'valibot';
import { type ImageId, imageId } from '../../model/brands.ts';
import { readOrNull } from '../../model/error.ts';
import type { ImageRecord } from './containerd-images.ts';
import { type GrpcClient, nullOn, STATUS } from './grpc-client.ts';
import { imagesApi, leasesApi } from './messages.ts';
import type { AnswerOf } from './wire.ts';

type Lease = AnswerOf<typeof leasesApi.list>['leases'][number];

const LEASE_ID = /^imagegc\.hold\.([0-9a-z]+(?:-[0-9a-z]+){4})\.[0-9a-f]{12}$/;
const IMAGE_LABEL = 'io.imagegc.image';
const NAME_LABEL = 'io.imagegc.name.';
/** A label of containerd has at most so many bytes, key included. */
const LABEL_BYTES_MAX = 4_096;

const strings = v.record(v.string(), v.string());
const heldImage = v.object({
  name: v.string(),
  labels: strings,
  target: v.object({ mediaType: v.string(), digest: v.string(), size: v.number(), annotations: strings }),
});
/** A name with all that is needed to give it back. */
type HeldImage = v.InferOutput<typeof heldImage>;

/**
 * A lease of ours in one namespace: it keeps what an image is made of while its names are off, and says whose it is and which names those were.
 * So names can be given back from the engine alone.
 */
export interface NameHold {
  readonly namespace: string;
  readonly leaseId: string;
  readonly mark: string;
  readonly imageId: ImageId;
  readonly images: readonly HeldImage[];
}

/** Reads a lease; null when it is not of ours. */
export function readNameHold(namespace: string, { id, labels }: Lease): NameHold | null {
  const [, mark] = LEASE_ID.exec(id) ?? [];
  if (mark === undefined) return null;
  const texts = Object.entries(labels).filter(([key]) => key.startsWith(NAME_LABEL));
  const images = texts.flatMap(([, text]) => {
    const json: unknown = readOrNull(() => JSON.parse(text));
    const parsed = v.safeParse(heldImage, json);
    return parsed.success ? [parsed.output] : [];
  });
  return { namespace, leaseId: id, mark, imageId: imageId(labels[IMAGE_LABEL] ?? ''), images };
}

/** What a hold is called among the names of an image. */
export function holdName({ namespace, leaseId }: NameHold): string {
  return `${namespace}/${leaseId}`;
}

/** A name as it is now. */
export interface NameNow extends ImageRecord {
  /** Null: it is there no more. */
  readonly image: HeldImage | null;
}

/** Asks where a name points to now: since 2.0 the engine checks that itself when it deletes one, 1.6 and CRI do not. */
export async function readNameNow(client: GrpcClient, record: ImageRecord): Promise<NameNow> {
  const answer = await nullOn(STATUS.notFound, client.call(imagesApi.get, { name: record.name }, record.namespace));
  const image = answer?.image ?? null;
  return { ...record, image: image === null || image.target === null ? null : { ...image, target: image.target } };
}

/** Whether somebody else has it point elsewhere by now. */
export function isMoved({ image, target }: NameNow): boolean {
  return image !== null && image.target.digest !== target;
}

/** Puts holds on, one in each namespace: blobs and unpacked layers are kept for each by itself. */
export async function placeHolds(client: GrpcClient, id: ImageId, names: readonly NameNow[], mark: string): Promise<readonly NameHold[]> {
  const holds: NameHold[] = [];
  for (const [namespace, own] of Map.groupBy(names, (name) => name.namespace)) {
    const images = own.flatMap(({ image }) => image ?? []);
    const leaseId = `imagegc.hold.${mark}.${id.replace(/^.*:/, '').slice(0, 12)}`;
    const told = images.map((image, index) => [`${NAME_LABEL}${index}`, encode(image)] as const);
    await client.call(leasesApi.create, { id: leaseId, labels: { [IMAGE_LABEL]: id, ...Object.fromEntries(told) } }, namespace);
    holds.push({ namespace, leaseId, mark, imageId: id, images });
    for (const digest of new Set(images.map(({ target }) => target.digest)))
      await client.call(leasesApi.addResource, { id: leaseId, resource: { id: digest, type: 'content' } }, namespace);
  }
  return holds;
}

function encode(image: HeldImage): string {
  const text = JSON.stringify(image);
  if (Buffer.byteLength(text) + NAME_LABEL.length + 4 <= LABEL_BYTES_MAX) return text;
  return JSON.stringify({ name: image.name, labels: {}, target: { ...image.target, annotations: {} } } satisfies HeldImage);
}

/** Gives names back where they are absent; one that points elsewhere by now belongs to whoever moved it. The hold goes after it. */
export async function giveNamesBack(client: GrpcClient, hold: NameHold): Promise<void> {
  for (const image of hold.images) await nullOn(STATUS.alreadyExists, client.call(imagesApi.create, { image }, hold.namespace));
  await releaseHold(client, hold, false);
}

/** @param sync collect garbage before the answer comes */
export async function releaseHold(client: GrpcClient, { namespace, leaseId }: NameHold, sync: boolean): Promise<void> {
  await nullOn(STATUS.notFound, client.call(leasesApi.delete, { id: leaseId, sync }, namespace));
}
