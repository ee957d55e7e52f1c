import { type DurationMs, durationMs, type ImageId, type WallMs, wallMs } from '../model/brands.ts';
import { formatAge, formatDuration } from '../model/duration.ts';
import { type Container, type Image, type Inventory, isDangling } from '../model/inventory.ts';
import { matchesImage, matchesLabel, parseReferencePattern, type ReferencePattern } from '../model/pattern.ts';
import type { Policy } from '../model/policy.ts';
import type { Now, Pin, RemovalFailure, UseRecord } from '../model/use-record.ts';
import { idleSince, wallAt } from '../usage/idle-clock.ts';
import { type Hold, TIERS } from './hold.ts';
import { holdPreviousVersions, type VersionHistory } from './rollback.ts';

/** Everything that may keep an image, made once per plan. */
export interface Circumstances {
  readonly policy: Policy;
  readonly now: Now;
  readonly records: ReadonlyMap<ImageId, UseRecord>;
  readonly failures: ReadonlyMap<ImageId, RemovalFailure>;
  readonly containersByImage: ReadonlyMap<ImageId, readonly Container[]>;
  readonly pins: readonly ActivePin[];
  readonly previousVersions: ReadonlyMap<ImageId, Hold>;
}

/** A pin that stands now, with its pattern read. */
interface ActivePin {
  readonly pin: Pin;
  readonly pattern: ReferencePattern;
}

/** What is known of one image before rules are weighed against each other. */
export interface Assessment {
  readonly image: Image;
  /** In the order of precedence; empty: nothing keeps it. */
  readonly holds: readonly Hold[];
  /** Since last use, or since first sight when no use was seen. */
  readonly idleMs: DurationMs;
  /** On the idle clock: orders by last use, then by first sight. */
  readonly lastUsedIdleMs: number;
  readonly firstSeenIdleMs: number;
  readonly wasUsed: boolean;
  /** The age rule for this image; null when it is off. */
  readonly ageRule: 'unused-for' | 'dangling' | null;
  readonly isAgeDue: boolean;
  readonly tier: number;
}

/** What {@link gatherCircumstances} needs to know. */
export interface AssessmentInput extends VersionHistory {
  readonly inventory: Inventory;
  readonly policy: Policy;
  readonly pins: readonly Pin[];
  readonly failures: ReadonlyMap<ImageId, RemovalFailure>;
  readonly now: Now;
}

/** Looks up once what every assessment asks. A pin ends only on a wall clock that can be trusted. */
export function gatherCircumstances(input: AssessmentInput): Circumstances {
  const { inventory, policy, now, records, failures } = input;
  const containersByImage = new Map<ImageId, Container[]>();
  for (const container of inventory.containers) {
    for (const id of new Set([container.imageId, ...container.mountedImageIds])) {
      if (id !== null) containersByImage.set(id, [...(containersByImage.get(id) ?? []), container]);
    }
  }
  const pins = input.pins.flatMap((pin) => {
    const pattern = parseReferencePattern(pin.pattern);
    const hasEnded = pin.until !== null && now.isWallTrusted && pin.until <= now.wallMs;
    return pattern.ok && !hasEnded ? [{ pin, pattern: pattern.value }] : [];
  });
  const previousVersions = holdPreviousVersions(inventory, input, policy, now);
  return { policy, now, records, failures, containersByImage, pins, previousVersions };
}

/** Weighs one image. An image without a record was first seen now. */
export function assess(image: Image, circumstances: Circumstances): Assessment {
  const { policy, now, records } = circumstances;
  const record = records.get(image.id);
  const firstSeenIdleMs = record?.firstSeen.idleMs ?? now.idleMs;
  const lastUsedIdleMs = record?.lastUsed?.idleMs ?? firstSeenIdleMs;
  const idle = idleSince(lastUsedIdleMs, now.idleMs);
  const dangling = isDangling(image);
  const limitMs = dangling ? policy.danglingUnusedForMs : policy.unusedForMs;
  const isAgeDue = limitMs !== null && idle >= limitMs;
  const holds = [
    ...holdsByUse(image, circumstances),
    ...holdsByWish(image, circumstances),
    ...holdsByOrigin(image, record, circumstances),
    ...holdsByAge({ image, record, idle, youngestIdleMs: Math.max(firstSeenIdleMs, lastUsedIdleMs), limitMs, isAgeDue }, circumstances),
  ];
  const ageRule = limitMs === null ? null : dangling ? 'dangling' : 'unused-for';
  const wasUsed = record?.lastUsed != null;
  return { image, holds, idleMs: idle, lastUsedIdleMs, firstSeenIdleMs, wasUsed, ageRule, isAgeDue, tier: tierOf(holds) };
}

function tierOf(holds: readonly Hold[]): number {
  let tier: number = TIERS.ordinary;
  for (const { reason } of holds) {
    if (reason === 'rollback') tier = Math.max(tier, TIERS.rollback);
    if (reason === 'local') tier = Math.max(tier, TIERS.local);
  }
  return tier;
}

function always(reason: Hold['reason'], detail: string, until: WallMs | null = null): Hold {
  return { reason, detail, until, binds: 'always' };
}

function holdsByUse(image: Image, { containersByImage, pins }: Circumstances): readonly Hold[] {
  const holds: Hold[] = [];
  const containers = containersByImage.get(image.id);
  if (containers !== undefined) holds.push(always('in-use', describeContainers(image.id, containers)));
  if (image.sandbox) holds.push(always('sandbox', 'the sandbox (pause) image: no pod starts without it'));
  if (image.pinned) holds.push(always('pinned', 'the engine itself pins it'));
  for (const { pin, pattern } of pins) {
    if (matchesImage(pattern, image)) holds.push(always('pinned', `${pin.pattern}, by ${pin.owner}: ${pin.reason}`, pin.until));
  }
  if (image.leased) holds.push(always('leased', 'a lease of the engine holds it'));
  if (image.readOnly) holds.push(always('read-only', 'it lies in a store that the engine may only read'));
  return holds;
}

function describeContainers(image: ImageId, containers: readonly Container[]): string {
  const [first] = containers;
  if (first === undefined) return '';
  const how = first.imageId === image ? '' : ', mounted';
  const more = containers.length > 1 ? ` and ${containers.length - 1} more` : '';
  return `container ${first.name} (${first.state}${how})${more}`;
}

function holdsByWish(image: Image, { policy, previousVersions }: Circumstances): readonly Hold[] {
  const holds: Hold[] = [];
  const { references, labels } = policy.protect;
  for (const pattern of references) {
    if (matchesImage(pattern, image)) holds.push(always('protected', `protect.references has ${pattern.text}`));
  }
  for (const label of labels) {
    if (matchesLabel(label, image.labels)) holds.push(always('protected', `protect.labels has ${label.text}`));
  }
  const rollback = previousVersions.get(image.id);
  if (rollback !== undefined) holds.push(rollback);
  return holds;
}

/** What was recorded of the origin outranks what a listing shows. An image without any name is never local. */
function holdsByOrigin(image: Image, record: UseRecord | undefined, { policy }: Circumstances): readonly Hold[] {
  const { local } = policy.protect;
  const isLocal = (record?.origin ?? image.origin) !== 'pulled' && !isDangling(image);
  if (!isLocal || local === 'no') return [];
  const known = (record?.origin ?? image.origin) === 'local';
  const detail = known ? 'built, loaded or imported here: no registry can give it back' : 'nothing shows that a registry can give it back';
  return [{ reason: 'local', detail, until: null, binds: local === 'keep' ? 'always' : 'age-rules' }];
}

interface AgeFacts {
  readonly image: Image;
  readonly record: UseRecord | undefined;
  readonly idle: DurationMs;
  readonly youngestIdleMs: number;
  readonly limitMs: DurationMs | null;
  readonly isAgeDue: boolean;
}

function holdsByAge(facts: AgeFacts, { policy, now, failures }: Circumstances): readonly Hold[] {
  const holds: Hold[] = [];
  const { record, idle, limitMs } = facts;
  const in_ = (restMs: number): WallMs => wallMs(now.wallMs + restMs);
  const youngMs = policy.minAgeMs - idleSince(facts.youngestIdleMs, now.idleMs);
  if (youngMs > 0) holds.push(always('too-young', `seen or used within ${formatDuration(policy.minAgeMs)}`, in_(youngMs)));
  if (policy.scope === 'recorded' && record?.lastUsed == null)
    holds.push(always('not-recorded', 'no use was ever recorded, and scope is "recorded"'));
  const failure = failures.get(facts.image.id);
  if (failure !== undefined && failure.retryAt.idleMs > now.idleMs) {
    const times = failure.count === 1 ? 'once' : `${failure.count} times`;
    holds.push(always('held', `its removal failed ${times} (${failure.message})`, wallMs(wallAt(failure.retryAt.idleMs, now))));
  }
  if (limitMs !== null && !facts.isAgeDue) {
    const since = record?.lastUsed == null ? 'first seen' : 'used';
    const detail = `${since} ${formatAge(idle)} ago, kept for ${formatDuration(durationMs(limitMs))}`;
    holds.push({ reason: 'recently-used', detail, until: in_(limitMs - idle), binds: 'age-rules' });
  }
  return holds;
}
