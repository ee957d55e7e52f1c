import type { Ledger } from '../../daemon/ledger.ts';
import type { ImageId } from '../../model/brands.ts';
import type { Inventory } from '../../model/inventory.ts';
import type { DiskRule } from '../../model/policy.ts';
import { formatTime } from './rfc3339.ts';

/** What `/api/disk` of the daemon serves (`docs/json.md`): the disk over time, and the collections on the way. */
export function formatDisk({ trail, marks }: Ledger, { highFraction, lowFraction, minFreeBytes }: DiskRule): object {
  return {
    format: 'imagegc.disk/1',
    ...{ highFraction, lowFraction, minFreeBytes },
    samples: trail.samples.map(({ at, disk: { capacityBytes, usedBytes, availableBytes } }) => {
      return { at: formatTime(at), capacityBytes, usedBytes, availableBytes };
    }),
    runs: marks.map(({ began, durationMs, ...mark }) => ({ at: formatTime(began.wallMs), seconds: durationMs / 1_000, ...mark })),
  };
}

/** What `/api/layers` serves: layers that the same images need are one set. */
export function formatLayers({ images, layers }: Inventory): object {
  const pairs = images.flatMap(({ id, layers: own }) => (own ?? [id]).map((layer: string) => ({ layer, id })));
  const needs = Map.groupBy(pairs, ({ layer }) => layer);
  const sizes = new Map(images.map(({ id, sizeBytes }) => [String(id), sizeBytes]));
  for (const [layer, { sizeBytes }] of layers) sizes.set(layer, sizeBytes);
  const sets = new Map<string, { bytes: number; layers: number; images: readonly ImageId[] }>();
  for (const [layer, users] of needs) {
    const imageIds = users.map(({ id }) => id);
    const key = imageIds.join();
    const known = sets.get(key) ?? { bytes: 0, layers: 0, images: imageIds };
    sets.set(key, { bytes: known.bytes + (sizes.get(layer) ?? 0), layers: known.layers + 1, images: imageIds });
  }
  return { format: 'imagegc.layers/1', sets: [...sets.values()] };
}
