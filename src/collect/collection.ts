import { type Bytes, bytes, type DurationMs, durationMs, type ImageId, idleMs, wallMs } from '../model/brands.ts';
import { formatByteSize } from '../model/byte-size.ts';
import { OperatingError } from '../model/error.ts';
import type { OwnerState } from '../model/hold.ts';
import type { DiskUsage } from '../model/inventory.ts';
import type { Plan, Removal } from '../model/plan.ts';
import type { OutcomeKind, RemovalIntent } from '../model/removal-record.ts';
import type { Instant, Now, RemovalFailure } from '../model/use-record.ts';
import { prunedBytesOf } from '../plan/build-cache.ts';
import { filesystemNeed } from '../plan/target.ts';
import type { ContainerUse } from '../runtime/runtime.ts';
import type { Store } from '../store/store.ts';
import { type EventUse, recordEventUses } from '../usage/event-uses.ts';
import { type ContainerResult, removeContainers } from './ended-containers.ts';
import { type Look, type LookContext, look, nowOf, readIdleClock, storeKey } from './look.ts';
import { recallNeeds, recallUses } from './recall.ts';
import { type BatchTools, type RemovalResult, removeBatch } from './remove-batch.ts';
import { neededBy, type Repair, repairHolds, repairUnheld, settleIntents, sortHolds } from './repair.ts';

/** What a collection works with, beside what every look needs. */
export interface CollectContext extends LookContext {
  /** Our owner mark as of now: made anew for each batch, because a hold's age counts from it. */
  readonly makeMark: () => string;
  readonly judgeOwner: (mark: string) => OwnerState;
  /** @param signal ends the pause when it is aborted; without one nothing does */
  readonly wait: (pause: DurationMs, signal?: AbortSignal) => Promise<void>;
  readonly settleMs: DurationMs;
  /** Pause between batches, so that the host's disk stays usable. */
  readonly paceMs: DurationMs;
  /** Aborted: the batch under way is finished, and no other begins. */
  readonly signal: AbortSignal;
  readonly onBatch: (progress: CollectProgress) => void;
}

/** How far a collection is, after each batch. */
export interface CollectProgress {
  readonly done: number;
  readonly total: number;
  readonly freedBytes: Bytes;
}

/** What a collection did. */
export interface CollectReport {
  readonly plan: Plan;
  readonly results: readonly RemovalResult[];
  /** What the plan expected of the images that really went. */
  readonly freedBytes: Bytes;
  /** What the filesystem says came free; null is unknown. */
  readonly measuredBytes: number | null;
  /** What the engine says it pruned from its build cache, before any image went. */
  readonly cachePrunedBytes: Bytes;
  /** What became of exited containers, before any image went. */
  readonly containers: readonly ContainerResult[];
  /** Whether the plan had a target that was not reached, by what came free and, for the disk rule, by the figures of the disk now. */
  readonly isShort: boolean;
  /** Why the rest of the plan was left; null when all of it was tried. */
  readonly stopped: string | null;
  /** Containers created by ID or digest while their image was being removed: they run, but cannot be created again. */
  readonly stranded: readonly ContainerUse[];
  /** What went just when somebody brought or used it, as the daemon recorded: an engine may say that a load went well, and have deleted what it found. */
  readonly overtaken: readonly Removal[];
}

/** Images per batch: their names are off for one settle time, so more would keep names off longer, fewer would settle more often. */
const BATCH_SIZE = 32;
/** Under this, or this share of a small filesystem, its figures say nothing about whether a removal worked: others write there too. */
const MEASURABLE_BYTES = 64_000_000;
const MEASURABLE_FRACTION = 0.01;
const RETRY_FIRST_MS = 10 * 60_000;
const RETRY_LONGEST_MS = 24 * 3_600_000;

/** The first half of a collection, up to the moment when a person may be asked. */
export interface PreparedCollection {
  readonly look: Look;
  readonly repairs: readonly Repair[];
}

/**
 * Looks, repairs what a dead collection left, looks again where it did, and plans. The caller holds the engine's lock.
 *
 * @throws OperatingError `lock-held` when a fresh hold shows that someone else collects
 */
export async function prepareCollection(context: CollectContext): Promise<PreparedCollection> {
  const first = await look(context);
  const { abandoned, foreign } = sortHolds(first.holds, context.judgeOwner);
  const [other] = foreign;
  if (other !== undefined) {
    const problem = 'this tag shows that another imagegc is collecting on this engine';
    const hint = 'wait until it has finished; "imagegc doctor" tells more';
    throw new OperatingError({ kind: 'lock-held', operation: 'collect', subject: other.reference, problem, hint });
  }
  const intents = context.store.readIntents(storeKey(context.runtime));
  const repairs = [
    ...(await repairHolds(context.runtime, abandoned, { isNeeded: neededBy(first, intents), intents })),
    ...(await repairUnheld(context.runtime, intents, first)),
  ];
  const second = repairs.length === 0 ? first : await look(context);
  const present = new Set(second.inventory.images.map(({ id }) => id));
  settleIntents(context.store, storeKey(context.runtime), (image) => present.has(image), second.plan);
  return { look: second, repairs };
}

/**
 * Carries a plan out in batches. Every batch is rechecked against the engine, so that a world that changed since the plan leads to
 * less being removed, never to more.
 *
 * @throws OperatingError when the engine or the store fails; what was done until then is recorded
 */
export async function carryOut({ plan, inventory, clock }: Look, context: CollectContext): Promise<CollectReport> {
  const { runtime } = context;
  const results: RemovalResult[] = [];
  const containers = await removeContainers(plan, { ...context, key: storeKey(runtime) });
  const cachePrunedBytes = await pruneCache(plan, context);
  const before = await runtime.measureDisk();
  let now = before;
  let stopped: string | null = null;
  let batchFrom = 0;
  for (const batch of splitIntoBatches(plan.removals)) {
    if (results.length > 0) await context.wait(context.paceMs, context.signal);
    const last = now;
    if (results.length > 0) now = await runtime.measureDisk();
    stopped = context.signal.aborted ? 'interrupted' : findReasonToStop(plan, results, batchFrom, { before, last, now });
    if (stopped !== null) break;
    batchFrom = results.length;
    results.push(...(await carryOutBatch(batch, { ...context, plan, inventory, clockNow: nowOf(clock) })));
    context.onBatch({ done: results.length, total: plan.removals.length, freedBytes: freedBy(results) });
  }
  const after = results.length === 0 ? before : await runtime.measureDisk();
  const measuredBytes = freedBetween(before, after);
  const { stranded, overtaken } = await findVictims(results, batchFrom, { ...context, plan });
  const isShort = missesTarget(plan, context, { results, measuredBytes, after });
  const freed = { freedBytes: freedBy(results), measuredBytes, cachePrunedBytes };
  return { plan, results, ...freed, containers, isShort, stopped, stranded, overtaken };
}

async function pruneCache(plan: Plan, { runtime, policy: { buildCacheUnusedForMs } }: CollectContext): Promise<Bytes> {
  return buildCacheUnusedForMs === null || prunedBytesOf(plan) === 0 ? bytes(0) : runtime.pruneBuildCache(buildCacheUnusedForMs);
}

/** What came free decides; but a disk that is at its mark still, because others fill it, is one. */
function missesTarget(
  plan: Plan,
  { policy, freeBytes }: CollectContext,
  { results, measuredBytes, after }: Pick<CollectReport, 'results' | 'measuredBytes'> & { readonly after: DiskUsage | null },
): boolean {
  const { target } = plan;
  if (target === null && prunedBytesOf(plan) === 0) return false;
  const isFreed = Math.max(freedBy(results), measuredBytes ?? 0) >= (target?.bytes ?? 0) && countGone(results) >= (target?.images ?? 0);
  return target?.reached === false || !isFreed || (freeBytes === null && filesystemNeed(policy.disk, after) > 0);
}

function countGone(results: readonly RemovalResult[]): number {
  return results.filter(({ outcome: { kind } }) => kind === 'removed' || kind === 'already-gone').length;
}

function freedBetween(before: DiskUsage | null, after: DiskUsage | null): number | null {
  return before === null || after === null ? null : before.usedBytes - after.usedBytes;
}

/** Age removals and target removals never share a batch: only the latter are cut when enough has come free. */
function splitIntoBatches(removals: readonly Removal[]): readonly (readonly Removal[])[] {
  const batches: Removal[][] = [];
  for (const removal of removals) {
    const last = batches.at(-1);
    if (last === undefined || last.length >= BATCH_SIZE || isForTarget(last[0]) !== isForTarget(removal)) batches.push([removal]);
    else last.push(removal);
  }
  return batches;
}

function isForTarget(removal: Removal | undefined): boolean {
  return removal?.rule === 'disk' || removal?.rule === 'free';
}

interface BatchContext extends CollectContext, Pick<Look, 'plan' | 'inventory'> {
  readonly clockNow: Now;
}

/** Intents first, then the removals, then what became of them: a crash between any two can be repaired. */
async function carryOutBatch(batch: readonly Removal[], context: BatchContext): Promise<readonly RemovalResult[]> {
  const { runtime, store, clockNow } = context;
  const mark = context.makeMark();
  const key = storeKey(runtime);
  const at = { idleMs: clockNow.idleMs, wallMs: clockNow.wallMs };
  const intentOf = ({ imageId, references, digests, rule, freesBytes, idleMs: planned }: Removal): RemovalIntent => {
    return { imageId, references, digests, rule, freesBytes, mark, at, idleMs: planned };
  };
  store.addIntents(key, batch.map(intentOf));
  const settle = (): Promise<void> => context.wait(context.settleMs);
  const recall: BatchTools['recall'] = (removals) => recallNeeds(removals, { ...context, key, now: clockNow });
  const noteRelease: BatchTools['noteRelease'] = (removals) => {
    const intents = removals.map((removal) => ({ ...intentOf(removal), isReleasing: true }));
    store.addIntents(key, intents);
  };
  const removed = await removeBatch(batch, { runtime, mark, settle, recall, noteRelease, inventory: context.inventory });
  recordGained(removed, context);
  const late = recallUses(batch, { ...context, key });
  const results = removed.map((result) =>
    result.outcome.kind === 'removed' ? { ...result, isUsedSince: late.has(result.removal.imageId) } : result,
  );
  const entries = results.map(({ removal, outcome: { kind, message } }) => ({ ...intentOf(removal), outcome: kind, message }));
  store.finishRemovals(key, entries, nextTries(store, key, results, at));
  return results;
}

/** Whoever gave an image a name while it was being removed needs it; that it was one of its own may hide it from who watches events. */
function recordGained(results: readonly RemovalResult[], { runtime, store, readClock }: CollectContext): void {
  const named = results.filter(({ outcome }) => outcome.gained !== undefined);
  if (named.length === 0) return;
  const [key, images] = [storeKey(runtime), named.map(({ removal }) => removal.imageId)];
  store.atomically(() => {
    const clock = readIdleClock(store, readClock());
    const now = nowOf(clock);
    const uses = named.map(({ removal: { imageId }, outcome: { gained } }): EventUse => {
      return { imageId, evidence: 'tag', origin: null, reference: gained?.[0] ?? null, at: now.wallMs };
    });
    const known = store.readRecords(key, images);
    store.writeUsage(key, { ...recordEventUses(uses, known, new Set(), now), forgotten: [], lineages: [] }, clock);
  });
}

function nextTries(store: Store, key: string, results: readonly RemovalResult[], at: Instant): readonly RemovalFailure[] {
  // On a large host reading what failed before takes longer than a removal, and next to none fails.
  if (results.every(({ outcome }) => outcome.kind !== 'failed')) return [];
  const known = store.readUsage(key).failures;
  return results.flatMap(({ removal: { imageId }, outcome }) => {
    if (outcome.kind !== 'failed') return [];
    const count = (known.get(imageId)?.count ?? 0) + 1;
    const delayMs = Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** (count - 1));
    const retryAt = { idleMs: idleMs(at.idleMs + delayMs), wallMs: wallMs(at.wallMs + delayMs) };
    return [{ imageId, count, retryAt, message: outcome.message }];
  });
}

/** The filesystem before the first batch, before the one that was just carried out, and now. */
type Readings = Readonly<Record<'before' | 'last' | 'now', DiskUsage | null>>;

/** Looks at the filesystem between batches of a plan with a target: the rest may be cut, never extended. @param batchFrom first result of the last batch */
function findReasonToStop(
  { target }: Plan,
  results: readonly RemovalResult[],
  batchFrom: number,
  { before, last, now }: Readings,
): string | null {
  const measured = freedBetween(before, now);
  const measuredOfBatch = freedBetween(last, now);
  if (target === null || results.length === 0 || measured === null || measuredOfBatch === null) return null;
  const hasTargetBegun = results.some(({ removal }) => isForTarget(removal));
  if (hasTargetBegun && countGone(results) >= target.images && measured >= target.bytes) return 'the target was reached with less';
  const expected = freedBy(results.slice(batchFrom));
  if (expected < Math.min(MEASURABLE_BYTES, MEASURABLE_FRACTION * (now?.capacityBytes ?? 0)) || measuredOfBatch * 2 >= expected)
    return null;
  const figures = `${formatByteSize(bytes(Math.max(0, measuredOfBatch)))} came free where ${formatByteSize(expected)} were expected`;
  return `${figures}: something else fills this disk, or holds the layers`;
}

function freedBy(results: readonly RemovalResult[]): Bytes {
  const removed = results.filter(({ outcome }) => outcome.kind === 'removed');
  return bytes(removed.reduce((sum, { removal, outcome }) => sum + (outcome.freedBytes ?? removal.freesBytes ?? 0), 0));
}

/**
 * Looks once more, when everything has settled, for what the removals took from somebody.
 *
 * @param batchFrom first result of the last batch: what was brought later than that and is gone somebody else removed, if it is of another
 */
async function findVictims(
  results: readonly RemovalResult[],
  batchFrom: number,
  { runtime, store, plan, wait, settleMs }: CollectContext & Pick<Look, 'plan'>,
): Promise<Pick<CollectReport, 'stranded' | 'overtaken'>> {
  const removed = results.filter(({ outcome }) => outcome.kind === 'removed');
  if (removed.length === 0) return { stranded: [], overtaken: [] };
  // A creation that found its image just before the last deletion is listed only after it (measured, Docker 20.10).
  await wait(settleMs);
  const containers = await runtime.listContainers();
  const ids = new Set<ImageId>(removed.map(({ removal }) => removal.imageId));
  const used = new Set(containers.flatMap(({ imageIds }) => imageIds)).intersection(ids);
  // Records of what is gone are forgotten, so these were told of since.
  const last = results.slice(batchFrom).map(({ removal }) => removal);
  const lately = recallUses(last, { store, key: storeKey(runtime), plan });
  const late = removed.filter(({ removal, isUsedSince }) => isUsedSince === true || lately.has(removal.imageId));
  const gone = new Set<ImageId>();
  // Pulled or loaded anew since the removal, it is there for the containers that have been created from it since.
  const suspects = used.union(new Set(late.map(({ removal }) => removal.imageId)));
  for (const image of suspects) if ((await runtime.readNames(image)) === null) gone.add(image);
  const stranded = containers.filter(({ imageIds }) => imageIds.some((image) => gone.has(image)));
  const overtaken = late.map(({ removal }) => removal).filter(({ imageId }) => gone.has(imageId) && !used.has(imageId));
  return { stranded, overtaken };
}

/** How many removals ended in each way. */
export function countOutcomes(results: readonly Pick<RemovalResult, 'outcome'>[]): ReadonlyMap<OutcomeKind, number> {
  const counts = new Map<OutcomeKind, number>();
  for (const { outcome } of results) counts.set(outcome.kind, (counts.get(outcome.kind) ?? 0) + 1);
  return counts;
}

/** The default settle time: creations that had resolved a name were all seen within it (engines.md §4). */
export const SETTLE_MS: DurationMs = durationMs(400);
