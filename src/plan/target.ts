import { type Bytes, bytes } from '../model/brands.ts';
import type { DiskUsage, Inventory } from '../model/inventory.ts';
import type { Target } from '../model/plan.ts';
import type { DiskRule } from '../model/policy.ts';

/** What has to be freed, in bytes and in images; both must be met. */
export interface Need {
  readonly bytes: number;
  readonly images: number;
}

/** Whether any trigger is set. */
export function isDiskRuleSet(rule: DiskRule): boolean {
  return Object.values(rule).some((limit) => limit !== null);
}

/**
 * Works out what the disk rule asks for. Each trigger has its own target; the strictest wins. Percent is used / (used + available), as
 * `df` shows. A figure that is unknown fires nothing.
 *
 * @param totalImageBytes unique bytes of all layers that images need
 * @param otherwiseFreedBytes what comes free on the filesystem before images go
 * @returns null when no trigger fires
 */
export function diskNeed(rule: DiskRule, inventory: Inventory, totalImageBytes: Bytes, otherwiseFreedBytes: Bytes = bytes(0)): Need | null {
  const ofDisk = filesystemNeed(rule, inventory.disk) - otherwiseFreedBytes;
  const ofImages = rule.maxImageBytes === null ? 0 : totalImageBytes - rule.maxImageBytes;
  const needBytes = Math.max(0, ofDisk, ofImages);
  const needImages = rule.maxImages === null ? 0 : Math.max(0, inventory.images.length - rule.maxImages);
  return needBytes > 0 || needImages > 0 ? { bytes: bytes(needBytes), images: needImages } : null;
}

/** Bytes that the filesystem's own figures ask for, without a look at any image; 0 when no trigger fires, or the figures are unknown. */
export function filesystemNeed(rule: DiskRule, disk: DiskUsage | null): number {
  if (disk === null) return 0;
  const { highFraction, lowFraction, minFreeBytes } = rule;
  const { usedBytes, availableBytes } = disk;
  const ofUse = highFraction === null ? 0 : needBelow(usedBytes, usedBytes + availableBytes, highFraction, lowFraction);
  const ofFree = minFreeBytes === null ? 0 : minFreeBytes - availableBytes;
  return Math.max(0, ofUse, ofFree, inodeNeed(rule, disk));
}

/**
 * The rule while an image is being pulled: what is still to come of that shall find room.
 *
 * @param incomingBytes known to be on their way to this disk
 */
export function withRoomFor(rule: DiskRule, incomingBytes: Bytes): DiskRule {
  if (rule.highFraction === null && rule.minFreeBytes === null) return rule;
  return { ...rule, minFreeBytes: bytes(Math.max(rule.minFreeBytes ?? 0, incomingBytes)) };
}

/** The target as a plan tells of it, with what it comes to. */
export function formTarget(need: Need, freed: number, removed: number): Target {
  return { bytes: bytes(need.bytes), images: need.images, reached: freed >= need.bytes && removed >= need.images };
}

/**
 * No engine tells inodes per image, so inodes are translated into bytes by this filesystem's own average; the collector
 * measures what really came free.
 */
function inodeNeed({ highInodesFraction, lowInodesFraction }: DiskRule, { inodes, inodesUsed, usedBytes }: DiskUsage): number {
  if (highInodesFraction === null || inodes === null || inodesUsed === null || inodesUsed === 0) return 0;
  return Math.ceil((needBelow(inodesUsed, inodes, highInodesFraction, lowInodesFraction) * usedBytes) / inodesUsed);
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
