import { bytes, type ChainId, chainId, containerId, type ImageId, imageId, type WallMs } from '../../model/brands.ts';
import type { BuildCache, Container, DiskUsage, Doubt, Image, Inventory, Layer, Origin, WorkloadNeed } from '../../model/inventory.ts';
import { parseReferencePattern } from '../../model/pattern.ts';
import { formatReference, parseReference } from '../../model/reference.ts';
import type { Pin, UseRecord } from '../../model/use-record.ts';
import {
  accept,
  count,
  fail,
  flag,
  type JsonObject,
  list,
  name,
  object,
  optional,
  readForm,
  required,
  size,
  text,
  texts,
  time,
  within,
} from './form-reader.ts';
import { formatTime } from './rfc3339.ts';

/** The name and version of the form (`schema/imagegc.inventory-1.schema.json`). */
export const INVENTORY_FORMAT = 'imagegc.inventory/1';

/** What an inventory file holds. */
export interface InventoryForm {
  readonly inventory: Inventory;
  readonly pins: readonly Pin[];
}

/**
 * Reads an inventory (`docs/design.md` §9). What is absent is unknown, and what must be known becomes a doubt: no list of
 * containers, or a container without its image.
 *
 * @param options.at stands for an absent `observedAt`
 * @throws OperatingError `input`
 */
export function parseInventory(file: string, json: string, options: { readonly at: WallMs | null }): InventoryForm {
  return readForm(file, INVENTORY_FORMAT, json, (value) => {
    const form = object(value);
    const containers = optional(form, 'containers', null, list(readContainer));
    const images = required(form, 'images', list(readImage));
    refuseTwins(images);
    const inventory: Inventory = {
      observedAt: optional(form, 'observedAt', options.at, time) ?? fail('has no "observedAt"'),
      engine: optional(form, 'engine', { name: 'unknown', version: 'unknown' }, readEngine),
      disk: optional(form, 'disk', null, readDisk),
      images,
      layers: optional(form, 'layers', new Map<ChainId, Layer>(), readLayers),
      containers: containers ?? [],
      buildCache: optional(form, 'buildCache', null, readBuildCache),
      workloads: optional(form, 'workloads', [], list(readWorkload)),
      doubts: [...optional(form, 'doubts', [], list(readDoubt)), ...findDoubts(containers)],
    };
    return { inventory, pins: optional(form, 'pins', [], list(readPin)) };
  });
}

function readImage(value: unknown): Image {
  const from = object(value);
  const references = optional(from, 'references', [], list(readReference));
  const digests = optional(from, 'digests', [], list(readReference));
  const names = references.some(hasDigest) ? [...references, ...digests] : null;
  return {
    id: required(from, 'id', readImageId),
    references: names?.filter((reference) => !hasDigest(reference)) ?? references,
    digests: names?.filter(hasDigest) ?? digests,
    layers: optional(from, 'layers', null, list(readChainId)),
    sizeBytes: optional(from, 'sizeBytes', null, size),
    createdAt: optional(from, 'createdAt', null, time),
    labels: optional(from, 'labels', {}, texts),
    parentId: optional(from, 'parentId', null, readImageId),
    origin: from['origin'] === undefined ? 'pulled' : optional(from, 'origin', null, readOrigin),
    pinned: flag(from, 'pinned'),
    leased: flag(from, 'leased'),
    sandbox: flag(from, 'sandbox'),
    readOnly: flag(from, 'readOnly'),
  };
}

function readContainer(value: unknown): Container {
  const from = object(value);
  const id = required(from, 'id', name);
  return {
    id: containerId(id),
    name: optional(from, 'name', id, text),
    imageId: optional(from, 'imageId', null, readImageId),
    imageName: optional(from, 'imageName', null, text),
    state: optional(from, 'state', 'unknown', text),
    labels: optional(from, 'labels', {}, texts),
    mountedImageIds: optional(from, 'mountedImageIds', [], list(readImageId)),
    createdAt: optional(from, 'createdAt', null, time),
    startedAt: optional(from, 'startedAt', null, time),
    finishedAt: optional(from, 'finishedAt', null, time),
  };
}

/** Completes a name as an engine would; what is no name stays as it is, and matches nothing. */
function readReference(value: unknown): string {
  const written = name(value);
  const reference = parseReference(written);
  if (!reference.ok) return written;
  const { repository, tag, digest } = reference.value;
  return formatReference({ repository, tag: tag ?? (digest === null ? 'latest' : null), digest });
}

function hasDigest(reference: string): boolean {
  return reference.includes('@');
}

function readImageId(value: unknown): ImageId {
  return imageId(name(value));
}

function readChainId(value: unknown): ChainId {
  return chainId(name(value));
}

function readOrigin(value: unknown): Origin {
  return value === 'pulled' || value === 'local' ? value : fail(`must be "pulled" or "local", not ${JSON.stringify(value)}`);
}

function readEngine(value: unknown): Inventory['engine'] {
  const from = object(value);
  return { name: optional(from, 'name', 'unknown', text), version: optional(from, 'version', 'unknown', text) };
}

function readDisk(value: unknown): DiskUsage {
  const from = object(value);
  const capacityBytes = required(from, 'capacityBytes', size);
  const usedBytes = required(from, 'usedBytes', size);
  if (usedBytes > capacityBytes) fail('has more usedBytes than capacityBytes');
  return {
    capacityBytes,
    usedBytes,
    availableBytes: optional(from, 'availableBytes', bytes(capacityBytes - usedBytes), size),
    inodes: optional(from, 'inodes', null, count),
    inodesUsed: optional(from, 'inodesUsed', null, count),
  };
}

function readLayers(value: unknown): ReadonlyMap<ChainId, Layer> {
  const from = object(value);
  const layers = new Map<ChainId, Layer>();
  for (const key in from) layers.set(chainId(key), within(`["${key}"]`, from[key], readLayer));
  return layers;
}

function readLayer(value: unknown): Layer {
  return { sizeBytes: optional(object(value), 'sizeBytes', null, size) };
}

function readBuildCache(value: unknown): BuildCache {
  const from = object(value);
  return {
    layers: optional(from, 'layers', [], list(readChainId)),
    sizeBytes: optional(from, 'sizeBytes', null, size),
    unused: optional(from, 'unused', [], list(readCached)),
  };
}

function readCached(value: unknown): BuildCache['unused'][number] {
  const from = object(value);
  return { sizeBytes: required(from, 'sizeBytes', size), lastUsedAt: optional(from, 'lastUsedAt', null, time) };
}

function readWorkload(value: unknown): WorkloadNeed {
  const from = object(value);
  return {
    pattern: required(from, 'pattern', (pattern) => accept(parseReferencePattern(text(pattern))).text),
    by: required(from, 'by', text),
  };
}

function readPin(value: unknown): Pin {
  const from = object(value);
  return {
    pattern: required(from, 'pattern', (pattern) => accept(parseReferencePattern(text(pattern))).text),
    owner: optional(from, 'owner', 'unknown', text),
    reason: optional(from, 'reason', '', text),
    until: optional(from, 'until', null, time),
  };
}

function readDoubt(value: unknown): Doubt {
  const from = object(value);
  const known = ['in-use-unknown', 'protected-unknown', 'records-unknown', 'clock-unknown', 'empty-listing', 'disabled'] as const;
  const kind = required(from, 'kind', text);
  // A doubt of a kind that a later version knows is a doubt all the same.
  return { kind: known.find((word) => word === kind) ?? 'in-use-unknown', message: optional(from, 'message', kind, text) };
}

function findDoubts(containers: readonly Container[] | null): readonly Doubt[] {
  const kind = 'in-use-unknown';
  if (containers === null) return [{ kind, message: 'the file lists no containers; write "containers": [] if there are none' }];
  return containers
    .filter((container) => container.imageId === null)
    .map(({ name, state }) => ({ kind, message: `the image of container ${name} (${state}) is unknown` }));
}

function refuseTwins(images: readonly Image[]): void {
  const seen = new Map<ImageId, number>();
  for (const [index, { id }] of images.entries()) {
    const first = seen.get(id);
    if (first !== undefined) fail(`has the id of images[${first}]: ${id}`, `.images[${index}]`);
    seen.set(id, index);
  }
}

/**
 * Writes an inventory so that the same plan can be made from it elsewhere: with the origins that were recorded, the pins, and
 * the doubts that the listing itself does not show.
 */
export function formatInventory({ inventory, pins }: InventoryForm, records: ReadonlyMap<ImageId, UseRecord>): JsonObject {
  const implied = new Set(findDoubts(inventory.containers).map(({ message }) => message));
  const doubts = inventory.doubts.filter(({ message }) => !implied.has(message));
  return {
    format: INVENTORY_FORMAT,
    observedAt: formatTime(inventory.observedAt),
    engine: inventory.engine,
    ...(inventory.disk === null ? {} : { disk: known({ ...inventory.disk }) }),
    images: inventory.images.map((image) => formatImage(image, records.get(image.id)?.origin ?? image.origin)),
    layers: Object.fromEntries([...inventory.layers].map(([id, { sizeBytes }]) => [id, known({ sizeBytes })])),
    containers: inventory.containers.map(formatContainer),
    ...(inventory.buildCache === null ? {} : { buildCache: formatBuildCache(inventory.buildCache) }),
    ...(inventory.workloads.length === 0 ? {} : { workloads: inventory.workloads.map(({ pattern, by }) => ({ pattern, by })) }),
    pins: pins.map((pin) => known({ ...pin, until: timeOrNull(pin.until) })),
    ...(doubts.length === 0 ? {} : { doubts }),
  };
}

/** An origin that nobody knows is written as null: absent would count as pulled. */
function formatImage(image: Image, origin: Origin | null): JsonObject {
  return { ...known({ ...image, createdAt: timeOrNull(image.createdAt) }), origin };
}

function formatContainer(container: Container): JsonObject {
  const { createdAt, startedAt, finishedAt } = container;
  return known({
    ...container,
    createdAt: timeOrNull(createdAt),
    startedAt: timeOrNull(startedAt),
    finishedAt: timeOrNull(finishedAt),
  });
}

function formatBuildCache({ layers, sizeBytes, unused }: BuildCache): JsonObject {
  const records = unused.map((record) => known({ sizeBytes: record.sizeBytes, lastUsedAt: timeOrNull(record.lastUsedAt) }));
  return known({ layers, sizeBytes, unused: records });
}

function timeOrNull(at: WallMs | null): string | null {
  return at === null ? null : formatTime(at);
}

/** Leaves out what is unknown. */
function known(thing: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(thing).filter(([, value]) => value !== null));
}
