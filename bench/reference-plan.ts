import { type Bytes, bytes, type ChainId, type ImageId } from '../src/model/brands.ts';
import type { Inventory } from '../src/model/inventory.ts';
import type { UseRecord } from '../src/model/use-record.ts';

/** What a plan would be if it had nothing to explain, protect or minimise. */
export interface ReferenceRemoval {
  readonly imageId: ImageId;
  readonly freesBytes: Bytes;
}

/**
 * The plainest planner with exact bytes (docs/background/performance.md §5): unused images sorted by last use, walked with one
 * reference count per layer until enough has come free. It gives no verdicts and knows no protections.
 */
export function planPlainly(inventory: Inventory, records: ReadonlyMap<ImageId, UseRecord>, needBytes: Bytes): readonly ReferenceRemoval[] {
  const needs = new Map<ChainId, number>();
  for (const { layers } of inventory.images) for (const layer of layers ?? []) needs.set(layer, (needs.get(layer) ?? 0) + 1);
  const inUse = new Set(inventory.containers.map(({ imageId }) => imageId));
  const unused = inventory.images
    .filter(({ id }) => !inUse.has(id))
    .map((image) => ({ image, usedAt: records.get(image.id)?.lastUsed?.idleMs ?? 0 }))
    .sort((left, right) => left.usedAt - right.usedAt);
  const removals: ReferenceRemoval[] = [];
  let freed = 0;
  for (const { image } of unused) {
    if (freed >= needBytes) break;
    let frees = 0;
    for (const layer of image.layers ?? []) {
      const left = (needs.get(layer) ?? 0) - 1;
      needs.set(layer, left);
      if (left === 0) frees += inventory.layers.get(layer)?.sizeBytes ?? 0;
    }
    freed += frees;
    removals.push({ imageId: image.id, freesBytes: bytes(frees) });
  }
  return removals;
}
