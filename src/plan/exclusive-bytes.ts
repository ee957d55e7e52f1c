import type { Bytes, ImageId } from '../model/brands.ts';
import type { Inventory } from '../model/inventory.ts';
import { LayerCounts } from './layer-counts.ts';

/** What each image frees if it goes alone; null where a layer's size is unknown. */
export function exclusiveBytes(inventory: Inventory): ReadonlyMap<ImageId, Bytes | null> {
  const counts = new LayerCounts(inventory);
  return new Map(inventory.images.map((image, index) => [image.id, counts.exclusiveBytes(index)]));
}
