import { type DurationMs, durationMs, type IdleMs, type ImageId, type WallMs, wallMs } from '../model/brands.ts';
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
  readonly ageBrake: AgeBrake | null;
}

/** Removals by age wait: why, and until when on the wall clock. Removals for room do not. */
export interface AgeBrake {
  readonly detail: string;
  readonly until: WallMs;
}

/** A pin that stands now, with its pattern read. */
interface ActivePin {
  readonly pin: Pin;
  readonly pattern: ReferencePattern;
}

/** What is known of one image before rules are weighed against each other. A plan holds one per image, so it is small. */
export interface Assessment {
  readonly image: Image;
  /** Undefined: first seen now. */
  readonly record: UseRecord | undefined;
  /** In the order of precedence; empty: nothing keeps it. To be shown, they go through {@link describeHolds}. */
  readonly holds: readonly Hold[];
  /** The age rule has waited long enough. */
  readonly isAgeDue: boolean;
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
export function gatherCircumstances(input: AssessmentInput, ageBrake: AgeBrake | null = null): Circumstances {
  const { inventory, policy, now, records, failures } = input;
  const containersByImage = new Map<ImageId, Container[]>();
  for (const container of inventory.containers) {
    for (const id of new Set([container.imageId, ...container.mountedImageIds])) {
      if (id === null) continue;
      const containers = containersByImage.get(id);
      if (containers === undefined) containersByImage.set(id, [container]);
      else containers.push(container);
    }
  }
  const pins = input.pins.flatMap((pin) => {
    const pattern = parseReferencePattern(pin.pattern);
    const hasEnded = pin.until !== null && now.isWallTrusted && pin.until <= now.wallMs;
    return pattern.ok && !hasEnded ? [{ pin, pattern: pattern.value }] : [];
  });
  const previousVersions = holdPreviousVersions(inventory, input, policy, now);
  return { policy, now, records, failures, containersByImage, pins, previousVersions, ageBrake };
}

/** Weighs one image. An image without a record was first seen now. */
export function assess(image: Image, circumstances: Circumstances): Assessment {
  const { now, records } = circumstances;
  const record = records.get(image.id);
  const limitMs = ageLimitMs(image, circumstances);
  const isAgeDue = limitMs !== null && idleMsOf(record, now) >= limitMs;
  let holds = holdsByUse(image, circumstances, NO_HOLDS);
  holds = holdsByWish(image, circumstances, holds);
  holds = holdsByOrigin(image, record, circumstances, holds);
  holds = holdsByAge(image, record, circumstances, holds);
  if (limitMs !== null && !isAgeDue) holds = add(holds, RECENTLY_USED);
  else if (isAgeDue && circumstances.ageBrake !== null)
    holds = add(holds, { reason: 'held', binds: 'age-rules', ...circumstances.ageBrake });
  return { image, record, holds, isAgeDue };
}

/** The rule that asks for the age of an image. */
export function ageRuleOf(image: Image): 'unused-for' | 'dangling' {
  return isDangling(image) ? 'dangling' : 'unused-for';
}

/** Since last use, or since first sight when no use was seen. */
export function idleMsOf(record: UseRecord | undefined, now: Now): DurationMs {
  return idleSince(lastUsedIdleMs(record, now), now.idleMs);
}

/** On the idle clock; first sight where no use was seen. */
export function lastUsedIdleMs(record: UseRecord | undefined, now: Now): IdleMs {
  return record === undefined ? now.idleMs : (record.lastUsed ?? record.firstSeen).idleMs;
}

/** How late in a plan an image goes, of those that may: one of {@link TIERS}. */
export function tierOf(holds: readonly Hold[]): number {
  let tier: number = TIERS.ordinary;
  for (const { reason } of holds) {
    if (reason === 'rollback') tier = Math.max(tier, TIERS.rollback);
    if (reason === 'local') tier = Math.max(tier, TIERS.local);
  }
  return tier;
}

/** The holds as they are to be shown. */
export function describeHolds({ image, record, holds }: Assessment, circumstances: Circumstances): readonly Hold[] {
  const last = holds.length - 1;
  return holds[last] === RECENTLY_USED ? holds.with(last, recentUse(image, record, circumstances)) : holds;
}

/** Null: the rule is off. */
function ageLimitMs(image: Image, { policy }: Circumstances): DurationMs | null {
  return isDangling(image) ? policy.danglingUnusedForMs : policy.unusedForMs;
}

const NO_HOLDS: readonly Hold[] = [];
/** Stands for {@link recentUse}, which most images of most hosts have, and which is worded only for those that stay. */
const RECENTLY_USED: Hold = { reason: 'recently-used', detail: '', until: null, binds: 'age-rules' };
const ONLY_RECENTLY_USED: readonly Hold[] = [RECENTLY_USED];

function add(holds: readonly Hold[], hold: Hold): readonly Hold[] {
  if (holds.length > 0) return [...holds, hold];
  return hold === RECENTLY_USED ? ONLY_RECENTLY_USED : [hold];
}

function always(reason: Hold['reason'], detail: string, until: WallMs | null = null): Hold {
  return { reason, detail, until, binds: 'always' };
}

function holdsByUse(image: Image, { containersByImage, pins }: Circumstances, before: readonly Hold[]): readonly Hold[] {
  let holds = before;
  const containers = containersByImage.get(image.id);
  if (containers !== undefined) holds = add(holds, always('in-use', describeContainers(image.id, containers)));
  if (image.sandbox) holds = add(holds, always('sandbox', 'the sandbox (pause) image: no pod starts without it'));
  if (image.pinned) holds = add(holds, always('pinned', 'the engine itself pins it'));
  for (const { pin, pattern } of pins) {
    if (matchesImage(pattern, image)) holds = add(holds, always('pinned', `${pin.pattern}, by ${pin.owner}: ${pin.reason}`, pin.until));
  }
  if (image.leased) holds = add(holds, always('leased', 'a lease of the engine holds it'));
  if (image.readOnly) holds = add(holds, always('read-only', 'it lies in a store that the engine may only read'));
  return holds;
}

function describeContainers(image: ImageId, containers: readonly Container[]): string {
  const [first] = containers;
  if (first === undefined) return '';
  const how = first.imageId === image ? '' : ', mounted';
  const more = containers.length > 1 ? ` and ${containers.length - 1} more` : '';
  return `container ${first.name} (${first.state}${how})${more}`;
}

function holdsByWish(image: Image, { policy, previousVersions }: Circumstances, before: readonly Hold[]): readonly Hold[] {
  let holds = before;
  const { references, labels } = policy.protect;
  for (const pattern of references) {
    if (matchesImage(pattern, image)) holds = add(holds, always('protected', `protect.references has ${pattern.text}`));
  }
  for (const label of labels) {
    if (matchesLabel(label, image.labels)) holds = add(holds, always('protected', `protect.labels has ${label.text}`));
  }
  const rollback = previousVersions.get(image.id);
  return rollback === undefined ? holds : add(holds, rollback);
}

/** What was recorded of the origin outranks what a listing shows. An image without any name is never local. */
function holdsByOrigin(image: Image, record: UseRecord | undefined, { policy }: Circumstances, before: readonly Hold[]): readonly Hold[] {
  const { local } = policy.protect;
  const origin = record?.origin ?? image.origin;
  if (local === 'no' || origin === 'pulled' || isDangling(image)) return before;
  const isKnown = origin === 'local';
  const detail = isKnown
    ? 'built, loaded or imported here: no registry can give it back'
    : 'nothing shows that a registry can give it back';
  return add(before, { reason: 'local', detail, until: null, binds: local === 'keep' ? 'always' : 'age-rules' });
}

function holdsByAge(
  image: Image,
  record: UseRecord | undefined,
  { policy, now, failures }: Circumstances,
  before: readonly Hold[],
): readonly Hold[] {
  let holds = before;
  const youngestIdleMs = Math.max(record?.firstSeen.idleMs ?? now.idleMs, lastUsedIdleMs(record, now));
  const youngMs = policy.minAgeMs - idleSince(youngestIdleMs, now.idleMs);
  if (youngMs > 0) {
    const detail = `seen or used within ${formatDuration(policy.minAgeMs)}`;
    holds = add(holds, always('too-young', detail, wallMs(now.wallMs + youngMs)));
  }
  if (policy.scope === 'recorded' && record?.lastUsed == null)
    holds = add(holds, always('not-recorded', 'no use was ever recorded, and scope is "recorded"'));
  const failure = failures.get(image.id);
  if (failure !== undefined && failure.retryAt.idleMs > now.idleMs) {
    const times = failure.count === 1 ? 'once' : `${failure.count} times`;
    const detail = `its removal failed ${times} (${failure.message})`;
    holds = add(holds, always('held', detail, wallMs(wallAt(failure.retryAt.idleMs, now))));
  }
  return holds;
}

function recentUse(image: Image, record: UseRecord | undefined, circumstances: Circumstances): Hold {
  const { now } = circumstances;
  const limitMs = ageLimitMs(image, circumstances) ?? 0;
  const idle = idleMsOf(record, now);
  const since = record?.lastUsed == null ? 'first seen' : 'used';
  const detail = `${since} ${formatAge(idle)} ago, kept for ${formatDuration(durationMs(limitMs))}`;
  return { ...RECENTLY_USED, detail, until: wallMs(now.wallMs + limitMs - idle) };
}
