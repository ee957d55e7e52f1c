import { type Bytes, bytes } from '../model/brands.ts';
import type { Inventory } from '../model/inventory.ts';
import type { DiskRule } from '../model/policy.ts';

/** What has to be freed, in bytes and in images; both must be met. */
export interface Need {
  readonly bytes: number;
  readonly images: number;
}

/**
 * Works out what the disk rule asks for. Each trigger has its own target; the strictest wins. Percent is used / (used + available), as
 * `df` shows. A figure that is unknown fires nothing.
 *
 * @param totalImageBytes unique bytes of all layers that images need
 * @returns null when no trigger fires
 */
export function diskNeed(rule: DiskRule, inventory: Inventory, totalImageBytes: Bytes): Need | null {
  const needBytes = Math.max(
    0,
    usageNeed(rule, inventory),
    inodeNeed(rule, inventory),
    freeSpaceNeed(rule, inventory),
    rule.maxImageBytes === null ? 0 : totalImageBytes - rule.maxImageBytes,
  );
  const needImages = rule.maxImages === null ? 0 : Math.max(0, inventory.images.length - rule.maxImages);
  return needBytes > 0 || needImages > 0 ? { bytes: bytes(needBytes), images: needImages } : null;
}

function usageNeed({ highFraction, lowFraction }: DiskRule, { disk }: Inventory): number {
  if (disk === null || highFraction === null) return 0;
  return needBelow(disk.usedBytes, disk.usedBytes + disk.availableBytes, highFraction, lowFraction);
}

function freeSpaceNeed({ minFreeBytes }: DiskRule, { disk }: Inventory): number {
  return disk === null || minFreeBytes === null ? 0 : minFreeBytes - disk.availableBytes;
}

/**
 * No engine tells inodes per image, so inodes are translated into bytes by this filesystem's own average; the collector
 * measures what really came free.
 */
function inodeNeed({ highInodesFraction, lowInodesFraction }: DiskRule, { disk }: Inventory): number {
  if (disk === null || highInodesFraction === null || disk.inodes === null || disk.inodesUsed === null || disk.inodesUsed === 0) return 0;
  const needInodes = needBelow(disk.inodesUsed, disk.inodes, highInodesFraction, lowInodesFraction);
  return Math.ceil((needInodes * disk.usedBytes) / disk.inodesUsed);
}

/** From `high` on it fires; it is met at `low` or less, or, without `low`, just below `high`. */
function needBelow(used: number, total: number, highFraction: number, lowFraction: number | null): number {
  const high = shareOf(total, highFraction);
  if (total === 0 || used < high) return 0;
  return lowFraction === null ? Math.floor(used - high) + 1 : Math.ceil(used - shareOf(total, lowFraction));
}

/** 55 % of 100 is 55, and not 55.00000000000001, which would not fire at 55. */
function shareOf(total: number, fraction: number): number {
  const share = fraction * total;
  const whole = Math.round(share);
  return Math.abs(share - whole) <= whole * Number.EPSILON ? whole : share;
}
