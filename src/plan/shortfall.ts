import { type Bytes, bytes } from '../model/brands.ts';
import { formatByteSize } from '../model/byte-size.ts';
import type { Inventory } from '../model/inventory.ts';
import type { HeldBytes, Plan } from '../model/plan.ts';

/** What takes room beside images, as far as the filesystem and the engine tell. @param totalImageBytes unique bytes of all layers of images */
export function holdersBesideImages({ disk, buildCache }: Inventory, totalImageBytes: Bytes): readonly HeldBytes[] {
  const cacheBytes = buildCache?.sizeBytes ?? 0;
  const otherBytes = disk === null ? 0 : disk.usedBytes - totalImageBytes - cacheBytes;
  const held = [
    { reason: 'build-cache', bytes: bytes(cacheBytes) },
    { reason: 'other-data', bytes: bytes(Math.max(0, otherBytes)) },
  ] as const;
  return held.filter((holder) => holder.bytes > 0);
}

/** Says in one line how far from its target a plan stays, and who holds the bytes; null when it has none, or reaches it. */
export function explainShortfall({ target, held, expectedFreedBytes, removals }: Plan): string | null {
  if (target === null || target.reached) return null;
  const isOfImages = target.images > 0 && target.bytes === 0;
  const wanted = isOfImages ? countImages(target.images) : formatByteSize(target.bytes);
  const possible = isOfImages ? countImages(removals.length) : formatByteSize(expectedFreedBytes);
  const holders = held.map((holder) => `${formatByteSize(holder.bytes)} ${holderWords(holder.reason)}`);
  return `${wanted} wanted, ${possible} possible${holders.length === 0 ? '' : `: ${holders.join(', ')}`}`;
}

/** How many, in words. */
export function countImages(count: number): string {
  return count === 1 ? '1 image' : `${count} images`;
}

function holderWords(reason: HeldBytes['reason']): string {
  if (reason === 'in-use') return 'held by containers';
  if (reason === 'build-cache') return 'build cache';
  return reason === 'other-data' ? 'other data on this disk' : `kept as ${reason}`;
}
