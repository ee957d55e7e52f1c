import type { ImageId } from '../model/brands.ts';
import type { Inventory } from '../model/inventory.ts';
import { matchesImage } from '../model/pattern.ts';
import type { Plan, Removal } from '../model/plan.ts';
import type { Now } from '../model/use-record.ts';
import { activePins } from '../plan/assess.ts';
import type { Store, StoreKey } from '../store/store.ts';

/** What was planned, from what, and where that is remembered. */
export interface PlannedFrom {
  readonly store: Store;
  readonly key: StoreKey;
  readonly plan: Pick<Plan, 'at'>;
  readonly inventory: Pick<Inventory, 'images'>;
  readonly now: Now;
}

/**
 * What the store has learned since the plan: images that were used, by a container that has come and gone for example, which the daemon
 * records as it happens; and images that somebody pinned. No listing of containers shows either. A store that was replaced meanwhile learns
 * nothing more, so everything stays.
 *
 * @returns by image, why it stays
 */
export function recallNeeds(removals: readonly Removal[], { store, key, plan, inventory, now }: PlannedFrom): ReadonlyMap<ImageId, string> {
  if (!store.isInPlace()) return new Map(removals.map(({ imageId }) => [imageId, 'the store was replaced since it was planned']));
  const needs = new Map<ImageId, string>();
  const used = recallUses(removals, { store, key, plan });
  const pins = activePins(store.listPins(), now);
  for (const { imageId } of removals) {
    const image = pins.length === 0 ? undefined : inventory.images.find(({ id }) => id === imageId);
    const pinned = pins.find(({ pattern }) => image !== undefined && matchesImage(pattern, image));
    if (pinned !== undefined) needs.set(imageId, `${pinned.pin.owner} pinned it since it was planned`);
    else if (used.has(imageId)) needs.set(imageId, 'it was used since it was planned');
  }
  return needs;
}

/** Images that the store knows to have been used since the plan, or to have come. */
export function recallUses(
  removals: readonly Removal[],
  { store, key, plan }: Pick<PlannedFrom, 'store' | 'key' | 'plan'>,
): ReadonlySet<ImageId> {
  const planned = removals.map(({ imageId }) => imageId);
  const records = store.readRecords(key, planned);
  const used = removals.filter(({ imageId, idleMs }) => {
    const record = records.get(imageId);
    return record !== undefined && (record.lastUsed ?? record.firstSeen).idleMs > plan.at.idleMs - idleMs;
  });
  return new Set(used.map(({ imageId }) => imageId));
}
