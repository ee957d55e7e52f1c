import { type DurationMs, type IdleMs, type ImageId, type WallMs, wallMs } from '../model/brands.ts';
import { AgeSentence, formatDuration } from '../model/duration.ts';
import { type Container, type Image, type Inventory, imagesOf, isDangling } from '../model/inventory.ts';
import { matchesImage, matchesLabel, parseReferencePattern, type ReferencePattern } from '../model/pattern.ts';
import type { KeepVerdict } from '../model/plan.ts';
import type { Policy } from '../model/policy.ts';
import type { Now, Pin, RemovalFailure, UsageState, UseRecord } from '../model/use-record.ts';
import { idleSince, wallAt } from '../usage/idle-clock.ts';
import { type Hold, TIERS } from './hold.ts';
import { keep } from './refusal.ts';
import type { VersionHistory } from './repositories.ts';
import { holdUnrestorable, type RegistryAnswers } from './restorable.ts';
import { askPreviousVersions, holdPreviousVersions } from './rollback.ts';
import type { VersionStream } from './version-stream.ts';
import { WorkloadNeeds } from './workload-needs.ts';

/** Everything that may keep an image, made once per plan. */
export interface Circumstances {
  readonly policy: Policy;
  readonly now: Now;
  /** One for each image of the inventory, at its index: on a large host finding a record costs as much as weighing what it says. */
  readonly records: VersionHistory['records'];
  readonly ageRules: { readonly ordinary: AgeRule; readonly dangling: AgeRule };
  readonly failures: ReadonlyMap<ImageId, RemovalFailure>;
  readonly containersByImage: ReadonlyMap<ImageId, readonly Container[]>;
  readonly pins: readonly ActivePin[];
  readonly workloads: WorkloadNeeds;
  readonly previousVersions: Pick<ReadonlyMap<ImageId, Hold>, 'get'>;
  readonly ageBrake: AgeBrake | null;
  readonly registryAnswers: RegistryAnswers | undefined;
}

/** Removals by age wait: why, and until when on the wall clock. Removals for room do not. */
export interface AgeBrake {
  readonly detail: string;
  readonly until: WallMs;
}

/** How long an image is kept unused. */
export class AgeRule {
  readonly name: 'unused-for' | 'dangling';
  /** Null: the rule is off. */
  readonly limitMs: DurationMs | null;
  readonly #used: AgeSentence;
  readonly #seen: AgeSentence;

  constructor(name: AgeRule['name'], limitMs: DurationMs | null) {
    this.name = name;
    this.limitMs = limitMs;
    const keptFor = (): string => `kept for ${limitMs === null ? 'never' : formatDuration(limitMs)}`;
    this.#used = new AgeSentence((age) => `used ${age} ago, ${keptFor()}`);
    this.#seen = new AgeSentence((age) => `first seen ${age} ago, ${keptFor()}`);
  }

  /** Why an image that is not as old yet stays. */
  word(record: UseRecord | undefined, ageMs: DurationMs): string {
    return (record?.lastUsed == null ? this.#seen : this.#used).of(ageMs);
  }
}

/** A pin that stands now, with its pattern read. */
export interface ActivePin {
  readonly pin: Pin;
  readonly pattern: ReferencePattern;
}

/** What is known of one image before rules are weighed against each other. A plan holds one per image, so it is small. */
export interface Assessment {
  readonly image: Image;
  /** Undefined: first seen now. */
  readonly record: UseRecord | undefined;
  /** First sight where no use was seen. */
  readonly lastUsedMs: IdleMs;
  /** The one that asks for the age of this image. */
  readonly ageRule: AgeRule;
  /** In the order of precedence; empty: nothing keeps it. To be shown, they go through {@link wordHold}. */
  readonly holds: readonly Hold[];
  /** The age rule has waited long enough. */
  readonly isAgeDue: boolean;
}

/** What {@link gatherCircumstances} needs to know. */
export interface AssessmentInput extends UsageState {
  readonly inventory: Inventory;
  readonly policy: Policy;
  readonly pins: readonly Pin[];
  readonly now: Now;
  /** What registries said, where `protect.restorable` is "check"; absent: nobody asks, and that keeps every image that would be asked about. */
  readonly registryAnswers?: RegistryAnswers;
}

/** What need not be looked up, where whoever plans often keeps it. */
export interface KeptVersions extends Pick<VersionHistory, 'records'> {
  /** Of an image that is not in it there are none. */
  readonly streams: ReadonlyMap<ImageId, readonly VersionStream[]>;
}

/** The pins that stand now. One ends only on a wall clock that can be trusted. */
export function activePins(pins: readonly Pin[], now: Now): readonly ActivePin[] {
  return pins.flatMap((pin) => {
    const pattern = parseReferencePattern(pin.pattern);
    const hasEnded = pin.until !== null && now.isWallTrusted && pin.until <= now.wallMs;
    return pattern.ok && !hasEnded ? [{ pin, pattern: pattern.value }] : [];
  });
}

/** Looks up once what every assessment asks. */
export function gatherCircumstances(
  input: AssessmentInput,
  ageBrake: AgeBrake | null = null,
  kept: KeptVersions | null = null,
): Circumstances {
  const { inventory, policy, now, failures, lineages } = input;
  const containersByImage = new Map<ImageId, Container[]>();
  for (const container of inventory.containers) {
    for (const id of imagesOf(container)) {
      const containers = containersByImage.get(id);
      if (containers === undefined) containersByImage.set(id, [container]);
      else if (containers.at(-1) !== container) containers.push(container);
    }
  }
  const pins = activePins(input.pins, now);
  const ageRules = {
    ordinary: new AgeRule('unused-for', policy.unusedForMs),
    dangling: new AgeRule('dangling', policy.danglingUnusedForMs),
  };
  const records = kept?.records ?? inventory.images.map(({ id }) => input.records.get(id));
  const previousVersions =
    kept === null
      ? holdPreviousVersions({ images: inventory.images, records, lineages }, policy, now)
      : askPreviousVersions(kept.streams, policy, now);
  const workloads = new WorkloadNeeds(inventory.workloads);
  const { registryAnswers } = input;
  return { policy, now, records, ageRules, failures, containersByImage, pins, workloads, previousVersions, ageBrake, registryAnswers };
}

/** Since when each image is unused, at its index: first sight where no use was seen, and now where it was not seen before. */
export function lastUsesOf({ records, now }: Circumstances): Float64Array {
  const lastUsedMs = new Float64Array(records.length);
  for (let at = 0; at < records.length; at++) lastUsedMs[at] = lastUsedOf(records[at], now);
  return lastUsedMs;
}

function lastUsedOf(record: UseRecord | undefined, now: Now): IdleMs {
  return record === undefined ? now.idleMs : (record.lastUsed ?? record.firstSeen).idleMs;
}

/** Weighs one image. An image without a record was first seen now. */
export function assess(image: Image, record: UseRecord | undefined, circumstances: Circumstances): Assessment {
  const { now, ageRules, ageBrake } = circumstances;
  const ageRule = isDangling(image) ? ageRules.dangling : ageRules.ordinary;
  const lastUsedMs = lastUsedOf(record, now);
  const isAgeDue = ageRule.limitMs !== null && idleSince(lastUsedMs, now.idleMs) >= ageRule.limitMs;
  let holds = holdsByUse(image, circumstances, NO_HOLDS);
  holds = holdsByWish(image, circumstances, holds);
  holds = holdsByOrigin(image, record, circumstances, holds);
  holds = holdsByAge(image.id, record, circumstances, holds);
  if (ageRule.limitMs !== null && !isAgeDue) holds = add(holds, RECENTLY_USED);
  else if (isAgeDue && ageBrake !== null) holds = add(holds, { reason: 'held', binds: 'age-rules', ...ageBrake });
  return { image, record, lastUsedMs, ageRule, holds, isAgeDue };
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

/**
 * The verdict for what a hold keeps: the hold that is to be shown, with when the last one ends; null when nothing holds the image.
 *
 * @param isShort of a target, and so what binds the age rules alone is no reason where anything else is
 */
export function judgeHeld(assessment: Assessment, now: Now, isShort: boolean): KeepVerdict | null {
  const binding = isShort ? assessment.holds.filter(({ binds }) => binds === 'always') : NO_HOLDS;
  const holds = binding.length > 0 ? binding : assessment.holds;
  const first = holds[0];
  if (first === undefined) return null;
  return keep(assessment.image, first.reason, wordHold(first, assessment, now), endOfAll(holds, assessment, now));
}

/** One of the holds of an image in words. */
export function wordHold(hold: Hold, { record, lastUsedMs, ageRule }: Assessment, now: Now): string {
  if (hold !== RECENTLY_USED) return hold.detail;
  return ageRule.word(record, idleSince(lastUsedMs, now.idleMs));
}

/** Since when an image is unused, in words. */
export function wordDisuse(record: UseRecord | undefined, ageMs: DurationMs): string {
  return (record?.lastUsed == null ? NEVER_USED : LAST_USED).of(ageMs);
}

const LAST_USED = new AgeSentence((age) => `last used ${age} ago`);
const NEVER_USED = new AgeSentence((age) => `never seen used, first seen ${age} ago`);

/** The verdict changes when the last hold ends; unknown when any may stay for ever. */
function endOfAll(holds: readonly Hold[], { lastUsedMs, ageRule }: Assessment, now: Now): WallMs | null {
  let end: WallMs | null = null;
  for (const hold of holds) {
    const leftMs = hold === RECENTLY_USED ? (ageRule.limitMs ?? 0) - idleSince(lastUsedMs, now.idleMs) : 0;
    const until = hold === RECENTLY_USED ? wallMs(now.wallMs + leftMs) : hold.until;
    if (until === null) return null;
    if (end === null || until > end) end = until;
  }
  return end;
}

const NO_HOLDS: readonly Hold[] = [];
/** Most images of most hosts have it, so they share it: it is worded, and its end is reckoned, only for those that stay. */
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
  const first = containers[0];
  if (first === undefined) return '';
  const how = first.imageId === image ? '' : ', mounted';
  const more = containers.length > 1 ? ` and ${containers.length - 1} more` : '';
  return `container ${first.name} (${first.state}${how})${more}`;
}

function holdsByWish(image: Image, { policy, workloads, previousVersions }: Circumstances, before: readonly Hold[]): readonly Hold[] {
  let holds = before;
  const { references, labels } = policy.protect;
  for (const pattern of references) {
    if (matchesImage(pattern, image)) holds = add(holds, always('protected', `protect.references has ${pattern.text}`));
  }
  for (const label of labels) {
    if (matchesLabel(label, image.labels)) holds = add(holds, always('protected', `protect.labels has ${label.text}`));
  }
  const { need, more } = workloads.of(image);
  if (need !== undefined)
    holds = add(holds, always('protected', `${need.by} needs ${need.pattern}${more > 0 ? ` and ${more} more do` : ''}`));
  const rollback = previousVersions.get(image.id);
  return rollback === undefined ? holds : add(holds, rollback);
}

/** What was recorded of the origin outranks what a listing shows. An image without any name is never local. */
function holdsByOrigin(
  image: Image,
  record: UseRecord | undefined,
  circumstances: Circumstances,
  before: readonly Hold[],
): readonly Hold[] {
  const { local } = circumstances.policy.protect;
  const origin = record?.origin ?? image.origin;
  let holds = before;
  if (local !== 'no' && origin !== 'pulled' && !isDangling(image)) {
    const isKnown = origin === 'local';
    const detail = isKnown
      ? 'built, loaded or imported here: no registry can give it back'
      : 'nothing shows that a registry can give it back';
    holds = add(holds, { reason: 'local', detail, until: null, binds: local === 'keep' ? 'always' : 'age-rules' });
  }
  const unrestorable = holdUnrestorable(image, origin, circumstances);
  return unrestorable === null ? holds : add(holds, unrestorable);
}

function holdsByAge(
  image: ImageId,
  record: UseRecord | undefined,
  { policy, now, failures }: Circumstances,
  before: readonly Hold[],
): readonly Hold[] {
  let holds = before;
  const youngestIdleMs = record === undefined ? now.idleMs : Math.max(record.firstSeen.idleMs, lastUsedOf(record, now));
  const youngMs = policy.minAgeMs - idleSince(youngestIdleMs, now.idleMs);
  if (youngMs > 0) {
    const detail = `seen or used within ${formatDuration(policy.minAgeMs)}`;
    holds = add(holds, always('too-young', detail, wallMs(now.wallMs + youngMs)));
  }
  if (policy.scope === 'recorded' && record?.lastUsed == null)
    holds = add(holds, always('not-recorded', 'no use was ever recorded, and scope is "recorded"'));
  const failure = failures.get(image);
  if (failure !== undefined && failure.retryAt.idleMs > now.idleMs) {
    const times = failure.count === 1 ? 'once' : `${failure.count} times`;
    const detail = `its removal failed ${times} (${failure.message})`;
    holds = add(holds, always('held', detail, wallMs(wallAt(failure.retryAt.idleMs, now))));
  }
  return holds;
}
