import type { Bytes } from '../../model/brands.ts';
import type { Inventory } from '../../model/inventory.ts';
import { KEEP_REASONS, type KeepReason, type Plan } from '../../model/plan.ts';
import { bytesByReason } from '../../plan/bytes-by-reason.ts';
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
  const sizes = bytesByReason(verdicts, countLayerNeeds(inventory));
  return KEEP_REASONS.flatMap((reason) => {
    const size = sizes.get(reason);
    return size === undefined ? [] : [{ reason, images: verdicts.filter((each) => each.reason === reason).length, bytes: size }];
  });
}
