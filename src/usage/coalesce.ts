import type { Instant } from '../model/use-record.ts';

/** Uses of one image within this time are one write: flash cards wear out (design §7). */
const COALESCE_MS = 60_000;

/** Whether a use at `now` adds nothing to what `known` says, so that it need not be written. */
export function isSameMinute(known: Pick<Instant, 'idleMs'>, now: Pick<Instant, 'idleMs'>): boolean {
  return now.idleMs - known.idleMs < COALESCE_MS;
}
