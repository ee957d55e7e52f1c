import { bytes, type ChainId, chainId, containerId, durationMs, type ImageId, idleAt, imageId, wallMs } from '../../src/model/brands.ts';
import { addLayer, type Container, type Image, type Inventory, type Layer } from '../../src/model/inventory.ts';
import { parseLabelPattern, parseReferencePattern } from '../../src/model/pattern.ts';
import type { Policy } from '../../src/model/policy.ts';
import { NO_HABITS } from '../../src/model/use-habits.ts';
import type { Instant, Now, UsageState, UseRecord } from '../../src/model/use-record.ts';
import type { PlanInput } from '../../src/plan/plan-collection.ts';

/** Worlds in rows: an image is a line that says its name, layers and how long ago it was used. */
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
export const NOW_MS = Date.UTC(2026, 10, 23, 12);

/** One image of a world. */
export interface Row {
  /** Also its ID. */
  readonly name: string;
  /** Canonical; default: `docker.io/library/<name>:1`. */
  readonly references?: readonly string[];
  readonly digests?: readonly string[];
  /** Layer names, base first; default: one of its own. */
  readonly layers?: readonly string[];
  /** Null: sighted, never used. Default: 10 days. */
  readonly usedDaysAgo?: number | null;
  /** Default: 30 days. */
  readonly seenDaysAgo?: number;
  readonly image?: Partial<Image>;
}

/** A world as tests write it. */
export interface WorldRows {
  readonly images: readonly Row[];
  readonly containers?: readonly (Partial<Container> & { readonly of: string | null })[];
  /** Megabytes per layer; default 10. Null: unknown. */
  readonly layerMB?: Readonly<Record<string, number | null>>;
  readonly inventory?: Partial<Inventory>;
  readonly policy?: Partial<Omit<Policy, 'protect' | 'disk'>> & { protect?: Partial<Policy['protect']>; disk?: Partial<Policy['disk']> };
  readonly input?: Partial<Omit<PlanInput, 'inventory' | 'policy' | 'records'>>;
}

export const MB = 1_000_000;

/** An instant so many days before {@link now}, on both clocks. */
export function daysAgo(days: number): Instant {
  const wall = wallMs(NOW_MS - days * DAY_MS);
  return { idleMs: idleAt(wall), wallMs: wall };
}

export const now: Now = { ...daysAgo(0), isWallTrusted: true };

/** The policy of the defaults, without `local`, so that a row without digests goes like any. */
export const POLICY: Policy = {
  scope: 'all',
  unusedForMs: durationMs(7 * DAY_MS),
  danglingUnusedForMs: durationMs(7 * DAY_MS),
  buildCacheUnusedForMs: null,
  containersExitedForMs: null,
  minAgeMs: durationMs(600_000),
  maxRemovals: 0,
  order: 'lru',
  disk: {
    highFraction: null,
    lowFraction: null,
    highInodesFraction: null,
    lowInodesFraction: null,
    maxImageBytes: null,
    minFreeBytes: null,
    maxImages: null,
  },
  protect: { references: [], labels: [], keepLast: 1, keepLastForMs: durationMs(14 * DAY_MS), local: 'no', restorable: 'assume' },
};

/** Makes what the planner takes of a world in rows. */
export function planInput(world: WorldRows): PlanInput {
  const inventory = makeInventory(world);
  const { protect, disk, ...rest } = world.policy ?? {};
  const policy = { ...POLICY, ...rest, protect: { ...POLICY.protect, ...protect }, disk: { ...POLICY.disk, ...disk } };
  const records = new Map(world.images.map((row) => [imageId(row.name), makeRecord(row)]));
  const nothing = { lineages: new Map(), failures: new Map(), habits: NO_HABITS, pins: [], freeBytes: null, doubts: [] };
  return { ...nothing, now, ...world.input, inventory, records, policy };
}

/** Makes the inventory alone. */
export function makeInventory({ images, containers = [], layerMB = {}, inventory = {} }: WorldRows): Inventory {
  const names = new Set(images.flatMap(layersOf));
  const layers = new Map<ChainId, Layer>();
  for (const name of names) {
    const size = layerMB[name] === undefined ? 10 : layerMB[name];
    addLayer(layers, chainId(name), size === null ? null : bytes(size * MB));
  }
  return {
    observedAt: wallMs(NOW_MS),
    engine: { name: 'docker', version: '0' },
    disk: null,
    images: images.map(makeImage),
    layers,
    containers: containers.map(makeContainer),
    buildCache: null,
    workloads: [],
    doubts: [],
    ...inventory,
  };
}

function layersOf({ name, layers }: Row): readonly string[] {
  return layers ?? [`${name}-own`];
}

/** Makes one image of a row. */
export function makeImage(row: Row): Image {
  return {
    id: imageId(row.name),
    references: row.references ?? [`docker.io/library/${row.name}:1`],
    digests: row.digests ?? [],
    layers: layersOf(row).map(chainId),
    sizeBytes: null,
    createdAt: null,
    labels: {},
    parentId: null,
    origin: 'pulled',
    pinned: false,
    leased: false,
    sandbox: false,
    readOnly: false,
    ...row.image,
  };
}

function makeContainer({ of, ...rest }: Partial<Container> & { readonly of: string | null }, index: number): Container {
  return {
    id: containerId(`container${index}`),
    name: `container${index}`,
    imageId: of === null ? null : imageId(of),
    imageName: null,
    state: 'exited',
    labels: {},
    mountedImageIds: [],
    createdAt: null,
    startedAt: null,
    finishedAt: null,
    ...rest,
  };
}

/** Makes the use record of a row. */
export function makeRecord(row: Row): UseRecord {
  const used = row.usedDaysAgo === undefined ? 10 : row.usedDaysAgo;
  return {
    imageId: imageId(row.name),
    firstSeen: daysAgo(row.seenDaysAgo ?? 30),
    lastUsed: used === null ? null : daysAgo(used),
    origin: null,
    references: row.references ?? [],
    digests: row.digests ?? [],
    missingSince: null,
    isInUse: false,
  };
}

/** A state in which nothing is remembered. */
export function emptyUsage(): UsageState {
  return { records: new Map(), lineages: new Map(), failures: new Map() };
}

/** Of a look that learns no layers. */
export const NO_CHAINS: { readonly chainOf: () => undefined; readonly newChains: ReadonlySet<ImageId> } = {
  chainOf: () => undefined,
  newChains: new Set(),
};

/** A pattern that must be right. */
export function pattern(text: string): Policy['protect']['references'][number] {
  const read = parseReferencePattern(text);
  if (!read.ok) throw new Error(read.problem);
  return read.value;
}

/** A label pattern that must be right. */
export function label(text: string): Policy['protect']['labels'][number] {
  const read = parseLabelPattern(text);
  if (!read.ok) throw new Error(read.problem);
  return read.value;
}
