import { type Bytes, bytes, type ChainId, type ImageId } from '../../model/brands.ts';
import type { Image, Inventory } from '../../model/inventory.ts';
import { KEEP_REASONS, type KeepReason, type Plan } from '../../model/plan.ts';

/** Images kept for one reason, and the bytes that stay because of them. */
export interface Kept {
  readonly reason: KeepReason;
  readonly images: number;
  readonly bytes: Bytes;
}

/** Sums up what a plan keeps, by reason in the order of precedence; a layer counts once, for the first reason that needs it. */
export function sumKept(plan: Plan, inventory: Inventory): readonly Kept[] {
  const images = new Map<ImageId, Image>(inventory.images.map((image) => [image.id, image]));
  const byReason = new Map<KeepReason, Image[]>(KEEP_REASONS.map((reason) => [reason, []]));
  for (const { verdict, reason, imageId } of plan.verdicts) {
    const image = images.get(imageId);
    if (verdict === 'keep' && image !== undefined) byReason.get(reason)?.push(image);
  }
  const counted = new Set<ChainId>();
  return [...byReason]
    .filter(([, kept]) => kept.length > 0)
    .map(([reason, kept]) => ({ reason, images: kept.length, bytes: bytes(countNew(kept, counted, inventory)) }));
}

function countNew(images: readonly Image[], counted: Set<ChainId>, { layers }: Inventory): number {
  let total = 0;
  for (const image of images) {
    if (image.layers === null) total += image.sizeBytes ?? 0;
    for (const layer of image.layers ?? []) {
      if (!counted.has(layer)) total += layers.get(layer)?.sizeBytes ?? 0;
      counted.add(layer);
    }
  }
  return total;
}
