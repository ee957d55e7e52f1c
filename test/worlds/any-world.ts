import fc from 'fast-check';
import { bytes, type ChainId, durationMs, idleMs, imageId, wallMs } from '../../src/model/brands.ts';
import { type LineageHabit, NO_HABITS, type UseHabits, versionKey } from '../../src/model/use-habits.ts';
import type { Lineage, Pin, RemovalFailure } from '../../src/model/use-record.ts';
import type { PlanInput } from '../../src/plan/plan-collection.ts';
import { DAY_MS, daysAgo, label, MB, NOW_MS, now, pattern, planInput, type Row, type WorldRows } from './world.ts';

/** Random worlds for the planner: few names, so that everything meets everything. */
const LAYERS = ['l0', 'l1', 'l2', 'l3', 'l4', 'l5', 'l6'] as const;
const days = fc.constantFrom(0, 0.001, 0.5, 1, 3, 6.99, 7, 8, 20, 40);

/** Which sizes and rules a world may have. */
export interface WorldOptions {
  /** Whether some sizes are unknown. */
  readonly unknownSizes: boolean;
  /** Whether a target is asked for; undefined: sometimes. */
  readonly target?: boolean;
}

interface RowDraft {
  readonly layers: readonly string[];
  readonly hasNoLayers: boolean;
  readonly names: 'tag' | 'digest' | 'none';
  readonly version: number;
  readonly used: number | null;
  readonly seen: number;
  readonly parent: number;
  readonly origin: 'pulled' | 'local' | null;
  readonly flag: string;
  readonly sizeMB: number;
}

const rowDraft: fc.Arbitrary<RowDraft> = fc.record({
  layers: fc.uniqueArray(fc.constantFrom(...LAYERS), { maxLength: 4 }),
  hasNoLayers: fc.integer({ min: 0, max: 9 }).map((pick) => pick === 0),
  names: fc.constantFrom('tag', 'tag', 'tag', 'digest', 'none'),
  version: fc.nat(3),
  used: fc.option(days, { freq: 3 }),
  seen: days,
  parent: fc.nat(30),
  origin: fc.constantFrom('pulled', 'pulled', 'pulled', 'local', null),
  flag: fc.constantFrom(...Array<string>(16).fill(''), 'pinned', 'leased', 'sandbox', 'readOnly', 'label'),
  sizeMB: fc.nat(30),
});

/** Parents come before their children, so that no image is its own ancestor. */
function rowOf(draft: RowDraft, index: number): Row {
  const name = `image${index}`;
  const repository = `docker.io/lab/app${index % 3}`;
  const hasParent = draft.parent < index && draft.parent < 6;
  return {
    name,
    references: draft.names === 'tag' ? [`${repository}:${draft.version}.${index}`] : [],
    digests:
      draft.names === 'none' || (draft.names === 'tag' && index % 2 === 0)
        ? []
        : [`${repository}@sha256:${String(index).padStart(64, '0')}`],
    layers: draft.layers,
    usedDaysAgo: draft.used,
    seenDaysAgo: draft.seen,
    image: {
      origin: draft.origin,
      parentId: hasParent ? imageId(`image${draft.parent}`) : null,
      labels: draft.flag === 'label' ? { keep: 'yes' } : {},
      ...(draft.hasNoLayers ? { layers: null, sizeBytes: bytes(draft.sizeMB * MB) } : {}),
      ...(draft.flag === '' || draft.flag === 'label' ? {} : { [draft.flag]: true }),
    },
  };
}

const policy = fc.record({
  scope: fc.constantFrom('all', 'all', 'recorded'),
  unusedForMs: fc.constantFrom(null, durationMs(DAY_MS), durationMs(7 * DAY_MS)),
  danglingUnusedForMs: fc.constantFrom(null, durationMs(DAY_MS), durationMs(7 * DAY_MS)),
  minAgeMs: fc.constantFrom(durationMs(0), durationMs(600_000), durationMs(2 * DAY_MS)),
  maxRemovals: fc.constantFrom(0, 0, 0, 1, 3),
  order: fc.constantFrom('next-use', 'lru'),
});

const disk = fc.record({
  highFraction: fc.constantFrom(null, 0.55, 0.85),
  lowFraction: fc.constantFrom(null, 0.5, 0.3),
  highInodesFraction: fc.constantFrom(null, 0.9),
  lowInodesFraction: fc.constantFrom(null, 0.8),
  maxImageBytes: fc.constantFrom(null, bytes(0), bytes(30 * MB)),
  minFreeBytes: fc.constantFrom(null, bytes(30 * MB)),
  maxImages: fc.constantFrom(null, null, 1, 4),
});

const protect = fc.record({
  references: fc
    .subarray(['lab/app0:0.*', 'lab/app1', `sha256:${'0'.repeat(63)}4`, '*:3.*'], { maxLength: 2 })
    .map((texts) => texts.map(pattern)),
  labels: fc.constantFrom([], [label('keep=yes')]),
  keepLast: fc.nat(2),
  keepLastForMs: fc.constantFrom('always' as const, durationMs(2 * DAY_MS), durationMs(30 * DAY_MS)),
  local: fc.constantFrom('keep', 'last', 'no'),
});

const filesystem = fc
  .record({ used: fc.nat(200), available: fc.nat(100), inodesUsed: fc.option(fc.nat(1_000)) })
  .map(({ used, available, inodesUsed }) => ({
    capacityBytes: bytes((used + available) * MB),
    usedBytes: bytes(used * MB),
    availableBytes: bytes(available * MB),
    inodes: inodesUsed === null ? null : 1_000,
    inodesUsed,
  }));

const container = fc.record({
  of: fc.nat(40),
  mounted: fc.option(fc.nat(12), { freq: 1 }),
  state: fc.constantFrom('created', 'running', 'exited'),
});
const pin = fc.record({ pattern: fc.constantFrom('lab/app2:*', 'lab/app0', 'none'), until: fc.option(fc.constantFrom(-1, 0, 1)) });

function lineage(head: number, previous: number, headConfirmed: boolean | null, switchedDaysAgo: number): Lineage {
  const name = `compose:shop/web${head % 2}`;
  return {
    name,
    headImageId: imageId(`image${head}`),
    previousImageId: imageId(`image${previous}`),
    switchedAt: daysAgo(switchedDaysAgo),
    headConfirmed,
  };
}

const anyLineage = fc.tuple(fc.nat(9), fc.nat(9), fc.constantFrom(true, false, null), days).map((parts) => lineage(...parts));

function failure(image: number, aheadMs: number): RemovalFailure {
  const retryAt = { idleMs: idleMs(now.idleMs + aheadMs), wallMs: wallMs(NOW_MS + aheadMs) };
  return { imageId: imageId(`image${image}`), count: 1, retryAt, message: 'busy' };
}

const count = fc.integer({ min: 0, max: 20 });

/** Heads and past versions overlap, as where several lineages share images. */
const habit: fc.Arbitrary<LineageHabit> = fc
  .record({
    head: fc.nat(11),
    past: fc.array(fc.tuple(fc.nat(11), days), { maxLength: 3 }),
    used: days,
    gaps: fc.array(count, { maxLength: 40 }),
  })
  .map(({ head, past, used, gaps }) => ({
    name: `lab/app${head % 4}`,
    gaps: [...gaps, ...NO_HABITS.host.gaps].slice(0, NO_HABITS.host.gaps.length),
    lastUsedMs: daysAgo(used).idleMs,
    headKey: versionKey(imageId(`image${head}`)),
    pastVersions: past.map(([image, ago]) => {
      return { key: versionKey(imageId(`image${image}`)), lastUsedMs: daysAgo(used + 1).idleMs, supersededMs: daysAgo(ago).idleMs };
    }),
    uses: gaps.length,
    sameImageUses: Math.floor(gaps.length / 2),
  }));

const habits: fc.Arbitrary<UseHabits> = fc.array(habit, { maxLength: 4 }).map((list) => {
  const host = { ...NO_HABITS.host, gaps: list[0]?.gaps ?? NO_HABITS.host.gaps };
  return { host, lineages: new Map(list.map((one) => [one.name, one])), learnedMinute: 0 };
});

const rest = fc.record({
  habits,
  lineages: fc.array(anyLineage, { maxLength: 2 }).map((list) => new Map(list.map((one) => [one.name, one]))),
  failures: fc
    .array(fc.tuple(fc.nat(11), fc.constantFrom(-1, 0, 1, 60_000)), { maxLength: 2 })
    .map((list) => new Map(list.map((parts) => failure(...parts)).map((one) => [one.imageId, one]))),
  pins: fc.array(pin, { maxLength: 2 }).map((list) => list.map(pinOf)),
  now: fc.boolean().map((isWallTrusted) => ({ ...now, isWallTrusted })),
});

function pinOf({ pattern: text, until }: { pattern: string; until: number | null }): Pin {
  return { pattern: text, owner: 'ann', reason: 'demo', until: until === null ? null : wallMs(NOW_MS + until) };
}

/** A world, as the planner takes it. */
export function anyPlanInput(options: WorldOptions): fc.Arbitrary<PlanInput> {
  const sizes = fc.tuple(
    ...LAYERS.map(() =>
      fc.oneof({ arbitrary: fc.nat(30), weight: 9 }, { arbitrary: fc.constant(null), weight: options.unknownSizes ? 2 : 0 }),
    ),
  );
  const parts = fc.record({
    images: fc.array(rowDraft, { maxLength: 12 }),
    containers: fc.array(container, { maxLength: 3 }),
    sizes,
    policy,
    disk,
    protect,
    filesystem: fc.option(filesystem, { freq: 3 }),
    cached: fc.subarray([...LAYERS], { maxLength: 2 }),
    rest,
    freeMB: fc.option(fc.nat(120)),
  });
  return parts.map((drawn) => {
    const world: WorldRows = {
      images: drawn.images.map(rowOf),
      containers: drawn.containers.map(({ of, mounted, state }) => ({
        of: `image${of}`,
        state,
        mountedImageIds: mounted === null ? [] : [imageId(`image${mounted}`)],
      })),
      layerMB: Object.fromEntries(LAYERS.map((name, index) => [name, drawn.sizes[index] ?? null])),
      inventory: { disk: drawn.filesystem },
      policy: { ...drawn.policy, ...(options.target === false ? {} : { disk: drawn.disk }), protect: drawn.protect },
      input: { ...drawn.rest, freeBytes: drawn.freeMB === null || options.target === false ? null : bytes(drawn.freeMB * MB) },
    };
    const input = planInput(world);
    const layers = [...input.inventory.layers.keys()].filter((layer: ChainId) => drawn.cached.some((name) => name === layer));
    return { ...input, inventory: { ...input.inventory, buildCache: { layers, sizeBytes: null, unused: [] } } };
  });
}
