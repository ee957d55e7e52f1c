import { durationMs, idleMs, imageId, wallMs } from '../../src/model/brands.ts';
import type { IdleClockState } from '../../src/model/clock.ts';
import type { Instant, UseRecord } from '../../src/model/use-record.ts';

/** One moment, the idle clock and the wall clock a fixed way apart. */
export function at(idle: number): Instant {
  return { idleMs: idleMs(idle), wallMs: wallMs(1_700_000_000_000 + idle) };
}

/** The idle clock at a moment. */
export function clockAt(idle: number): IdleClockState {
  const reading = { bootId: 'boot', bootTimeMs: durationMs(idle), suspendedMs: durationMs(0), wallMs: wallMs(idle), isSynchronised: true };
  return { idleMs: idleMs(idle), reading, gapCreditMs: durationMs(7) };
}

/** A record of an image used at a moment; null: never. */
export function recordOf(id: string, used: number | null): UseRecord {
  const references = [`docker.io/library/${id}:1`];
  const lastUsed = used === null ? null : at(used);
  return {
    imageId: imageId(id),
    firstSeen: at(0),
    lastUsed,
    origin: 'pulled',
    references,
    digests: [],
    missingSince: null,
    isInUse: false,
  };
}
