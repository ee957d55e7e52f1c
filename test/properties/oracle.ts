import type { ImageId } from '../../src/model/brands.ts';
import type { Image } from '../../src/model/inventory.ts';
import { KEEP_REASONS, type KeepReason } from '../../src/model/plan.ts';
import type { PlanInput } from '../../src/plan/plan-collection.ts';

/** The rules of `docs/design.md` §5 once more, as slowly and plainly as can be, and with nothing of the planner's. */
export interface Oracle {
  readonly image: Image;
  /** In the order of precedence. */
  readonly reasons: readonly KeepReason[];
  /** Of those, what a target does not override. */
  readonly binding: readonly KeepReason[];
  /** Some reason binds a target as well. */
  readonly isUntouchable: boolean;
  readonly isDue: boolean;
  readonly isDangling: boolean;
}

const PATTERNS: Readonly<Record<string, (image: Image) => boolean>> = {
  'lab/app0:0.*': ({ references }) => references.some((name) => name.startsWith('docker.io/lab/app0:0.')),
  'lab/app0': inRepository('docker.io/lab/app0'),
  'lab/app1': inRepository('docker.io/lab/app1'),
  'lab/app2:*': inRepository('docker.io/lab/app2'),
  [`sha256:${'0'.repeat(63)}4`]: ({ digests }) => digests.some((name) => name.endsWith(`@sha256:${'0'.repeat(63)}4`)),
  '*:3.*': ({ references }) => references.some((name) => name.includes(':3.')),
  none: () => false,
};

function inRepository(repository: string): (image: Image) => boolean {
  return ({ references, digests }) =>
    [...references, ...digests].some((name) => name.startsWith(`${repository}:`) || name.startsWith(`${repository}@`));
}

/** What should be said of every image before rules are weighed against each other. */
export function consultOracle(input: PlanInput): readonly Oracle[] {
  const rollbacks = findRollbacks(input);
  return input.inventory.images.map((image) => judge(image, input, rollbacks.get(image.id) ?? null));
}

function judge(image: Image, input: PlanInput, rollback: 'always' | 'age' | null): Oracle {
  const { now, policy } = input;
  const { local } = policy.protect;
  const used = lastUse(image.id, input);
  const seen = input.records.get(image.id)?.firstSeen.idleMs ?? now.idleMs;
  const idle = now.idleMs - (used ?? seen);
  const isDangling = image.references.length + image.digests.length === 0;
  const limit = isDangling ? policy.danglingUnusedForMs : policy.unusedForMs;
  const isLocal = image.origin !== 'pulled' && !isDangling && local !== 'no';
  const holds: Partial<Record<KeepReason, boolean>> = {
    'in-use': input.inventory.containers.some(({ imageId, mountedImageIds }) => imageId === image.id || mountedImageIds.includes(image.id)),
    sandbox: image.sandbox,
    pinned: image.pinned || isPinned(image, input),
    leased: image.leased,
    'read-only': image.readOnly,
    protected:
      policy.protect.references.some(({ text }) => PATTERNS[text]?.(image)) ||
      (policy.protect.labels.length > 0 && image.labels['keep'] === 'yes'),
    rollback: rollback !== null,
    local: isLocal,
    'too-young': Math.min(now.idleMs - seen, idle) < policy.minAgeMs,
    'not-recorded': policy.scope === 'recorded' && used === null,
    held: (input.failures.get(image.id)?.retryAt.idleMs ?? 0) > now.idleMs,
    'recently-used': limit !== null && idle < limit,
  };
  const reasons = KEEP_REASONS.filter((reason) => holds[reason] === true);
  const yielding = new Set<KeepReason>(['recently-used']);
  if (rollback === 'age') yielding.add('rollback');
  if (local === 'last') yielding.add('local');
  return {
    image,
    reasons,
    binding: reasons.filter((reason) => !yielding.has(reason)),
    isUntouchable: reasons.some((reason) => !yielding.has(reason)),
    isDue: limit !== null && idle >= limit,
    isDangling,
  };
}

function lastUse(id: ImageId, { records }: PlanInput): number | null {
  return records.get(id)?.lastUsed?.idleMs ?? null;
}

function isPinned(image: Image, { pins, now }: PlanInput): boolean {
  return pins.some(({ pattern, until }) => PATTERNS[pattern]?.(image) && (until === null || !now.isWallTrusted || until > now.wallMs));
}

/** The streams are those of `any-world.ts`: all tags of a repository are one, and so are its images without a tag. */
function findRollbacks(input: PlanInput): ReadonlyMap<ImageId, 'always' | 'age'> {
  const { now, policy, lineages, inventory } = input;
  const found = new Map<ImageId, 'always' | 'age'>();
  const { keepLast, keepLastForMs } = policy.protect;
  const hold = (versions: readonly ImageId[], switchedAt: number, isConfirmed: boolean | null): void => {
    const isWithin = keepLastForMs === 'always' || now.idleMs - switchedAt < keepLastForMs;
    if (!isWithin && isConfirmed !== false) return;
    for (const id of versions.slice(1, 1 + keepLast)) found.set(id, isConfirmed === true && found.get(id) !== 'always' ? 'age' : 'always');
  };
  for (const { headImageId, previousImageId, switchedAt, headConfirmed } of lineages.values()) {
    const versions = previousImageId === null || previousImageId === headImageId ? [headImageId] : [headImageId, previousImageId];
    hold(versions, switchedAt.idleMs, headConfirmed);
  }
  const streams = Map.groupBy(inventory.images, ({ references, digests }) => references[0]?.split(':')[0] ?? digests[0] ?? '');
  for (const group of groupStreams(streams)) {
    const versions = group.filter(({ id }) => lastUse(id, input) !== null).sort((one, other) => compareVersions(one, other, input));
    const head = versions[0];
    if (head !== undefined)
      hold(
        versions.map(({ id }) => id),
        input.records.get(head.id)?.firstSeen.idleMs ?? now.idleMs,
        null,
      );
  }
  return found;
}

function groupStreams(byName: ReadonlyMap<string, readonly Image[]>): readonly Image[][] {
  const streams = new Map<string, Image[]>();
  for (const [name, images] of byName) {
    if (name === '') continue;
    const stream = name.includes('@') ? (name.split('@')[0] ?? '') : `${name}:`;
    streams.set(stream, [...(streams.get(stream) ?? []), ...images]);
  }
  return [...streams.values()];
}

function compareVersions(one: Image, other: Image, input: PlanInput): number {
  const seen = ({ id }: Image): number => input.records.get(id)?.firstSeen.idleMs ?? 0;
  return (lastUse(other.id, input) ?? 0) - (lastUse(one.id, input) ?? 0) || seen(other) - seen(one) || (one.id < other.id ? -1 : 1);
}

/** What the disk rule asks for, in whole numbers; null when nothing fires. */
export function askDiskRule({ policy: { disk: rule }, inventory }: PlanInput): { readonly bytes: number; readonly images: number } | null {
  const { disk, images } = inventory;
  const wishes = [
    rule.maxImageBytes === null
      ? 0
      : freedBytes(
          inventory,
          images.map(({ id }) => id),
          false,
        ) - rule.maxImageBytes,
  ];
  if (disk !== null) {
    wishes.push(wish(disk.usedBytes, disk.usedBytes + disk.availableBytes, rule.highFraction, rule.lowFraction));
    if (rule.minFreeBytes !== null) wishes.push(rule.minFreeBytes - disk.availableBytes);
    if (disk.inodes !== null && disk.inodesUsed !== null && disk.inodesUsed > 0) {
      const inodes = wish(disk.inodesUsed, disk.inodes, rule.highInodesFraction, rule.lowInodesFraction);
      wishes.push(Math.ceil((inodes * disk.usedBytes) / disk.inodesUsed));
    }
  }
  const need = { bytes: Math.max(0, ...wishes), images: Math.max(0, images.length - (rule.maxImages ?? images.length)) };
  return need.bytes > 0 || need.images > 0 ? need : null;
}

function wish(used: number, total: number, high: number | null, low: number | null): number {
  const percent = (fraction: number): number => Math.round(fraction * 100) * total;
  if (high === null || total === 0 || used * 100 < percent(high)) return 0;
  return low === null ? Math.floor((used * 100 - percent(high)) / 100) + 1 : Math.ceil((used * 100 - percent(low)) / 100);
}

/** Known bytes that are on no remaining image's and, if `withCache`, no build cache's account when these images are gone. */
export function freedBytes({ images, layers, buildCache }: PlanInput['inventory'], gone: readonly ImageId[], withCache = true): number {
  const goneSet = new Set(gone);
  const kept = new Set<string>([
    ...images.filter(({ id }) => !goneSet.has(id)).flatMap(layersOf),
    ...(withCache ? (buildCache?.layers ?? []) : []),
  ]);
  const freed = new Set(
    images
      .filter(({ id }) => goneSet.has(id))
      .flatMap(layersOf)
      .filter((layer) => !kept.has(layer)),
  );
  const sizes = new Map<string, number | null>([
    ...[...layers].map(([layer, { sizeBytes }]) => [layer, sizeBytes] as const),
    ...images.map(({ id, sizeBytes }) => [`own ${id}`, sizeBytes] as const),
  ]);
  return [...freed].reduce((sum, layer) => sum + (sizes.get(layer) ?? 0), 0);
}

/** The names of an image's layers; one of its own when the engine told none. */
export function layersOf({ id, layers }: Image): readonly string[] {
  return layers ?? [`own ${id}`];
}
