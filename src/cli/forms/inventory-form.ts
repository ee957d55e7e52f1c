import { bytes, type ChainId, chainId, containerId, type ImageId, type WallMs, wallMs } from '../../model/brands.ts';
import type { BuildCache, Container, DiskUsage, Doubt, Image, Inventory, Layer, Origin, WorkloadNeed } from '../../model/inventory.ts';
import { addLayer } from '../../model/inventory.ts';
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
  type Read,
  readForm,
  readImageId,
  required,
  shape,
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
    const { pins, containers, observedAt, doubts, ...seen } = readInventory(value);
    const inventory: Inventory = {
      ...seen,
      observedAt: observedAt ?? options.at ?? fail('has no "observedAt"'),
      containers: containers ?? [],
      doubts: [...doubts, ...findDoubts(containers)],
    };
    return { inventory, pins };
  });
}

const readChainId: Read<ChainId> = (value) => chainId(name(value));
const readPattern: Read<string> = (value) => accept(parseReferencePattern(text(value))).text;

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

function readOrigin(value: unknown): Origin {
  return value === 'pulled' || value === 'local' ? value : fail(`must be "pulled" or "local", not ${JSON.stringify(value)}`);
}

const readNamed = shape<Image>({
  references: optional([], list(readReference)),
  digests: optional([], list(readReference)),
  id: required(readImageId),
  layers: optional(null, list(readChainId)),
  sizeBytes: optional(null, size),
  createdAt: optional(null, time),
  labels: optional({}, texts),
  parentId: optional(null, readImageId),
  origin: (from, key) => (from[key] === undefined ? 'pulled' : optional(null, readOrigin)(from, key)),
  pinned: flag,
  leased: flag,
  sandbox: flag,
  readOnly: flag,
});

const readImage: Read<Image> = (value) => {
  const image = readNamed(value);
  if (!image.references.some(hasDigest)) return image;
  const names = [...image.references, ...image.digests];
  return { ...image, references: names.filter((reference) => !hasDigest(reference)), digests: names.filter(hasDigest) };
};

const readContainer = shape<Container>({
  id: required((id) => containerId(name(id))),
  name: (from, key) => optional(text(from['id']), text)(from, key),
  imageId: optional(null, readImageId),
  imageName: optional(null, text),
  state: optional('unknown', text),
  labels: optional({}, texts),
  mountedImageIds: optional([], list(readImageId)),
  createdAt: optional(null, time),
  startedAt: optional(null, time),
  finishedAt: optional(null, time),
});

const readEngine = shape<Inventory['engine']>({ name: optional('unknown', text), version: optional('unknown', text) });

const readFigures = shape({
  capacityBytes: required(size),
  usedBytes: required(size),
  availableBytes: optional(null, size),
  inodes: optional(null, count),
  inodesUsed: optional(null, count),
});

const readDisk: Read<DiskUsage> = (value) => {
  const disk = readFigures(value);
  if (disk.usedBytes > disk.capacityBytes) fail('has more usedBytes than capacityBytes');
  return { ...disk, availableBytes: disk.availableBytes ?? bytes(disk.capacityBytes - disk.usedBytes) };
};

const readLayer = shape<Omit<Layer, 'place'>>({ sizeBytes: optional(null, size) });

function readLayers(value: unknown): ReadonlyMap<ChainId, Layer> {
  const from = object(value);
  const layers = new Map<ChainId, Layer>();
  for (const key in from) addLayer(layers, chainId(key), within(`["${key}"]`, from[key], readLayer).sizeBytes);
  return layers;
}

const readBuildCache = shape<BuildCache>({
  layers: optional([], list(readChainId)),
  sizeBytes: optional(null, size),
  unused: optional([], list(shape<BuildCache['unused'][number]>({ sizeBytes: required(size), lastUsedAt: optional(null, time) }))),
});

const readWorkload = shape<WorkloadNeed>({ pattern: required(readPattern), by: required(text) });

const readPin = shape<Pin>({
  pattern: required(readPattern),
  owner: optional('unknown', text),
  reason: optional('', text),
  until: optional(null, time),
});

const DOUBTS = ['in-use-unknown', 'protected-unknown', 'records-unknown', 'clock-unknown', 'empty-listing', 'disabled'] as const;

const readDoubt = shape<Doubt>({
  // A doubt of a kind that a later version knows is a doubt all the same.
  kind: required((kind) => DOUBTS.find((word) => word === text(kind)) ?? 'in-use-unknown'),
  message: (from, key) => optional(text(from['kind']), text)(from, key),
});

const readInventory = shape({
  containers: optional(null, list(readContainer)),
  images: required((images) => refuseTwins(list(readImage)(images))),
  observedAt: optional(null, time),
  engine: optional({ name: 'unknown', version: 'unknown' }, readEngine),
  disk: optional(null, readDisk),
  layers: optional(new Map<ChainId, Layer>(), readLayers),
  buildCache: optional(null, readBuildCache),
  workloads: optional([], list(readWorkload)),
  doubts: optional([], list(readDoubt)),
  pins: optional([], list(readPin)),
});

function findDoubts(containers: readonly Container[] | null): readonly Doubt[] {
  const kind = 'in-use-unknown';
  if (containers === null) return [{ kind, message: 'the file lists no containers; write "containers": [] if there are none' }];
  return containers
    .filter((container) => container.imageId === null)
    .map(({ name, state }) => ({ kind, message: `the image of container ${name} (${state}) is unknown` }));
}

function refuseTwins(images: readonly Image[]): readonly Image[] {
  const seen = new Map<ImageId, number>();
  for (const [index, { id }] of images.entries()) {
    const first = seen.get(id);
    if (first !== undefined) fail(`has the id of images[${first}]: ${id}`, `[${index}]`);
    seen.set(id, index);
  }
  return images;
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
    ...(inventory.disk === null ? {} : { disk: known(inventory.disk) }),
    // An origin that nobody knows is written as null: absent would count as pulled.
    images: inventory.images.map((image) => ({ ...known(image, 'createdAt'), origin: records.get(image.id)?.origin ?? image.origin })),
    layers: Object.fromEntries([...inventory.layers].map(([id, { sizeBytes }]) => [id, known({ sizeBytes })])),
    containers: inventory.containers.map((container) => formatContainer(container, inventory.observedAt)),
    ...(inventory.buildCache === null ? {} : { buildCache: formatBuildCache(inventory.buildCache) }),
    ...(inventory.workloads.length === 0 ? {} : { workloads: inventory.workloads }),
    pins: pins.map(({ pattern, owner, reason, until }) => known({ pattern, owner, reason, until }, 'until')),
    ...(doubts.length === 0 ? {} : { doubts }),
  };
}

function formatBuildCache(cache: BuildCache): JsonObject {
  return known({ ...cache, unused: cache.unused.map((record) => known(record, 'lastUsedAt')) });
}

/** One that has ended for good is given the end that its age tells, so that the same plan is made of it. */
function formatContainer({ endedForMs, ...container }: Container, observedAt: WallMs): JsonObject {
  const finishedAt = endedForMs === undefined ? container.finishedAt : wallMs(observedAt - endedForMs);
  return known({ ...container, finishedAt }, 'createdAt', 'startedAt', 'finishedAt');
}

/** Leaves out what is unknown. @param times keys that hold times */
function known(thing: object, ...times: readonly string[]): JsonObject {
  const entries = Object.entries(thing).filter(([, value]) => value !== null);
  return Object.fromEntries(entries.map(([key, value]) => [key, times.includes(key) ? formatTime(value) : value]));
}
