import { type Bytes, bytes } from '../../model/brands.ts';
import type { Inventory } from '../../model/inventory.ts';
import { KEEP_REASONS, type KeepReason, type Plan } from '../../model/plan.ts';
import { countLayerNeeds } from '../../plan/layer-counts.ts';

/** Images kept for one reason, and the bytes that stay because of them. */
export interface Kept {
  readonly reason: KeepReason;
  readonly images: number;
  readonly bytes: Bytes;
}

/**
 * Sums up what a plan keeps, by reason in the order of precedence; a layer counts once, for the first reason that needs it.
 * Verdicts stand in the order of the inventory they are of.
 */
export function sumKept({ verdicts }: Plan, inventory: Inventory): readonly Kept[] {
  const counts = countLayerNeeds(inventory);
  const claimed = new Set<number>();
  const byReason = Map.groupBy(verdicts.keys(), (at) => verdicts[at]?.reason);
  return KEEP_REASONS.flatMap((reason) => {
    const kept = byReason.get(reason) ?? [];
    const size = kept.reduce((sum, image) => sum + counts.claim(image, claimed), 0);
    return kept.length === 0 ? [] : [{ reason, images: kept.length, bytes: bytes(size) }];
  });
}
