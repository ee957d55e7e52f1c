import { bytes, type ImageId } from '../model/brands.ts';
import type { OwnerState } from '../model/hold.ts';
import { matchesImage } from '../model/pattern.ts';
import { DELAY_REASONS, type KeepReason, type Plan } from '../model/plan.ts';
import type { RemovalEntry, RemovalIntent } from '../model/removal-record.ts';
import { activePins } from '../plan/assess.ts';
import type { FoundHold, Runtime } from '../runtime/runtime.ts';
import type { Store, StoreKey } from '../store/store.ts';
import { giveBack, looseDigests } from './hold-names.ts';
import type { Look } from './look.ts';

/** Holds sorted by what may be done with them. */
export interface SortedHolds {
  /** Their owner is demonstrably dead: repaired. */
  readonly abandoned: readonly FoundHold[];
  /** Someone else may be collecting: nothing is touched (design §3.8). */
  readonly foreign: readonly FoundHold[];
}

/** Sorts holds found before a run begins; at that moment one with our own mark can only be left from a step that failed. */
export function sortHolds(holds: readonly FoundHold[], judgeOwner: (mark: string) => OwnerState): SortedHolds {
  const isForeign = ({ mark }: FoundHold): boolean => ['alive', 'unknown'].includes(judgeOwner(mark));
  return { abandoned: holds.filter((hold) => !isForeign(hold)), foreign: holds.filter(isForeign) };
}

/** What {@link repairHolds} did to one image. */
export interface Repair {
  readonly imageId: ImageId;
  readonly restored: readonly string[];
  /** Names that could not be given back. */
  readonly missing: readonly string[];
  /** The removal was finished instead: its last names were already going. */
  readonly isCompleted: boolean;
}

/** What repairs need to know of the look that found the holds. */
export interface RepairScene {
  /** Whether an image may not go whatever was intended: it is in use, protected, in doubt, or was used since. */
  readonly isNeeded: (image: ImageId) => boolean;
  /** Names that stored intents know of; empty when the store was lost. */
  readonly intents: readonly RemovalIntent[];
}

/**
 * Repairs what a dead collection left, from the engine alone: names that it took off are given back, and a removal that was
 * already dropping an image's last names is completed, unless the image is needed by now.
 */
export async function repairHolds(runtime: Runtime, abandoned: readonly FoundHold[], scene: RepairScene): Promise<readonly Repair[]> {
  const repairs: Repair[] = [];
  for (const [imageId, holds] of Map.groupBy(abandoned, (hold) => hold.imageId))
    repairs.push(await repairImage(runtime, imageId, holds, scene));
  return repairs;
}

/**
 * Repairs images that an interrupted run left without a hold while their last names were going. An engine takes the last one off, and the
 * digests of its repository with it, before it declines to remove an image that others were built on, or that somebody gave a tag at that
 * moment: only the intents tell which tags there were, and a digest that is lost can only be told of.
 */
export async function repairUnheld(
  runtime: Runtime,
  intents: readonly RemovalIntent[],
  { inventory, holds }: Pick<Look, 'inventory' | 'holds'>,
): Promise<readonly Repair[]> {
  const repairs: Repair[] = [];
  // Nothing is given back there: what is left of the image is planned again.
  if (!runtime.capabilities.holds) return repairs;
  const given = new Set(inventory.images.flatMap((image) => image.references));
  // What is missing from an image whose last names were not going, somebody else took off.
  for (const { imageId, references, digests } of intents.filter(({ isReleasing }) => isReleasing)) {
    const now = inventory.images.find(({ id }) => id === imageId);
    if (now === undefined || holds.some((hold) => hold.imageId === imageId)) continue;
    const restored = references.filter((reference) => !given.has(reference));
    const held = references.map((original) => ({ original, hold: null }));
    const lost = runtime.capabilities.digestsProvePull ? digests.filter((digest) => !now.digests.includes(digest)) : [];
    if (restored.length === 0 && lost.length === 0) continue;
    const missing = restored.length === 0 ? lost : await giveBack(runtime, imageId, held, { references, digests, holds: [] });
    repairs.push({ imageId, restored, missing, isCompleted: false });
  }
  return repairs;
}

async function repairImage(runtime: Runtime, imageId: ImageId, holds: readonly FoundHold[], scene: RepairScene): Promise<Repair> {
  const names = await runtime.readNames(imageId);
  const isReleased = holds.some(({ isReleasing }) => isReleasing) && !scene.isNeeded(imageId) && names?.references.length === 0;
  if (isReleased && (await finishRelease(runtime, imageId, holds, names.digests)))
    return { imageId, restored: [], missing: [], isCompleted: true };
  const known = scene.intents.find((intent) => intent.imageId === imageId);
  const restored = [...new Set([...(known?.references ?? []), ...holds.map(({ original }) => original)])];
  const held = [
    ...restored.map((original) => ({ original, hold: null })),
    ...holds.map(({ original, reference }) => ({ original, hold: reference })),
  ];
  const missing = await giveBack(runtime, imageId, held, { references: restored, digests: known?.digests ?? [], holds: [] });
  return { imageId, restored, missing, isCompleted: false };
}

/** A removal that was begun is ended all the same. */
const MAY_GO: ReadonlySet<string> = new Set(DELAY_REASONS);

/**
 * Says of a look which images a repair has to keep.
 *
 * @param intents of those whose removal was interrupted; an image without one may have been used since
 */
export function neededBy({ plan, input }: Pick<Look, 'plan' | 'input'>, intents: readonly RemovalIntent[]): RepairScene['isNeeded'] {
  return (id) => {
    const verdict = plan.verdicts.find(({ imageId }) => imageId === id);
    const intent = intents.find(({ imageId }) => imageId === id);
    const isUsedSince = (input.records.get(id)?.lastUsed?.idleMs ?? Number.NEGATIVE_INFINITY) > lastUseKnownTo(intent);
    return isUsedSince || isWished(id, intent, input) || (verdict?.verdict === 'keep' && !mayGo(verdict.reason, intent, input));
  };
}

/** When the image was used last, as far as was known when its removal was intended: what is learned later may be older than that intent. */
function lastUseKnownTo(intent: RemovalIntent | undefined): number {
  return intent === undefined ? 0 : intent.at.idleMs - (intent.idleMs ?? 0);
}

/**
 * An image may look local only because the digest that showed otherwise was taken off, which nobody can give back. So `local` stands in
 * the way only where such images are never removed, and no intent tells of a digest.
 */
function mayGo(reason: KeepReason, intent: RemovalIntent | undefined, { policy }: Look['input']): boolean {
  if (reason !== 'local') return MAY_GO.has(reason);
  return policy.protect.local !== 'keep' || (intent !== undefined && intent.digests.length > 0);
}

/** Names that are gone already count as well: whoever pins an image by one of them cannot know that. */
function isWished(id: ImageId, intent: RemovalIntent | undefined, { inventory, policy, pins, now }: Look['input']): boolean {
  const image = inventory.images.find((each) => each.id === id);
  if (image === undefined || intent === undefined) return false;
  const named = { ...image, references: intent.references, digests: intent.digests };
  const patterns = [...policy.protect.references, ...activePins(pins, now).map(({ pattern }) => pattern)];
  return patterns.some((pattern) => matchesImage(pattern, named));
}

/** @returns false when the engine keeps the image after all: something may have begun to use it a moment ago */
async function finishRelease(
  runtime: Runtime,
  imageId: ImageId,
  holds: readonly FoundHold[],
  digests: readonly string[],
): Promise<boolean> {
  const references = holds.map(({ reference }) => reference);
  const last = holds.filter(({ isReleasing }) => isReleasing).map(({ reference }) => reference);
  // The tag that says so is the last to go, so that another crash finds it again.
  const names = [...references.filter((name) => !last.includes(name)), ...looseDigests({ references, digests }), ...last];
  for (const name of names) {
    const answer = await runtime.removeName(name);
    if (answer.kind === 'in-use' || answer.kind === 'failed') return false;
    if (answer.kind === 'done' && answer.isImageDeleted) return true;
  }
  return (await runtime.readNames(imageId)) === null;
}

/**
 * Settles what an interrupted run intended: an image that is there was not removed by it, and has its names back; one that is gone was, if the
 * listing is to be trusted.
 *
 * @param isPresent whether a complete listing made after the repair holds the image
 * @returns the entries written to history
 */
export function settleIntents(
  store: Store,
  key: StoreKey,
  isPresent: (image: ImageId) => boolean,
  { refusal, at }: Pick<Plan, 'refusal' | 'at'>,
): readonly RemovalEntry[] {
  const intents = store.readIntents(key);
  if (intents.length === 0) return [];
  const gone = refusal === null ? intents.filter(({ imageId }) => !isPresent(imageId)) : [];
  const how = { at, outcome: 'removed', message: 'finished by a run that was interrupted' } as const;
  const entries = gone.map((intent): RemovalEntry => ({ ...intent, ...how, freesBytes: intent.freesBytes ?? bytes(0) }));
  store.finishRemovals(key, entries, []);
  const kept = intents.filter(({ imageId }) => isPresent(imageId)).map(({ imageId }) => imageId);
  store.dropIntents(key, kept);
  return entries;
}
