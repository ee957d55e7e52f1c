import { MINUTE_MS } from '../model/brands.ts';
import type { UseEntry } from '../model/use-record.ts';

/** The minute of the idle clock in which a use lies: of one image, one use within it is kept. */
export function minuteOf({ at }: UseEntry): number {
  return Math.floor(at.idleMs / MINUTE_MS);
}

/** Uses by minute and image. */
export type FoundUses = Map<string, UseEntry>;

/** Adds what was written before all that was found. Of one image within a minute, the use that was written first stands. */
export function putEarlier(found: FoundUses, batch: readonly UseEntry[]): void {
  for (const use of batch.toReversed()) found.set(`${minuteOf(use)} ${use.imageId}`, use);
}

/** By minute, and within one by image. */
export function compareNewestFirst(one: UseEntry, other: UseEntry): number {
  return minuteOf(other) - minuteOf(one) || (one.imageId < other.imageId ? -1 : 1);
}
