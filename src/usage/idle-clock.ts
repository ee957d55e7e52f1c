import { DAY_MS, type DurationMs, durationMs, idleMs, type WallMs } from '../model/brands.ts';
import type { ClockReading, IdleClockState } from '../model/clock.ts';

/** The most powered-off time that is credited before as much uptime has been observed: one day. */
export const GAP_CREDIT_CAP_MS: DurationMs = durationMs(DAY_MS);

/**
 * Starts the idle clock at its first reading. It begins at 0, so nothing has an age yet.
 *
 * @param reading the host's clocks now
 */
export function startIdleClock(reading: ClockReading): IdleClockState {
  return { idleMs: idleMs(0), reading, gapCreditMs: GAP_CREDIT_CAP_MS };
}

/**
 * Moves the idle clock on to a new reading. It never goes back, and what the wall clock says counts only where it
 * was synchronised on both sides of a power-off, and then at most {@link GAP_CREDIT_CAP_MS}: a clock that wakes in 1970 or
 * jumps 50 years ages nothing (design §6).
 *
 * Within one boot CLOCK_BOOTTIME counts, suspended time included; a suspension longer than the cap counts like a power-off.
 * After a boot, the uptime of that boot counts for sure (up to the cap), and the powered-off time as credit allows.
 *
 * @returns the new state; the same time again when either boot ID is unknown, because then no time can be proven
 */
export function advanceIdleClock(state: IdleClockState, reading: ClockReading): IdleClockState {
  if (reading.bootId === null || state.reading.bootId === null) return { ...state, reading };
  const isSameBoot = reading.bootId === state.reading.bootId;
  if (isSameBoot && reading.bootTimeMs < state.reading.bootTimeMs) return standStill(state, reading);
  const { observedMs, gapMs } = isSameBoot ? elapsedWithinBoot(state.reading, reading) : elapsedOverBoot(state, reading);
  const creditedMs = Math.min(gapMs, state.gapCreditMs);
  const refilledMs = Math.min(GAP_CREDIT_CAP_MS, state.gapCreditMs - creditedMs + observedMs);
  return { idleMs: idleMs(state.idleMs + observedMs + creditedMs), reading, gapCreditMs: durationMs(refilledMs) };
}

/** A process in a time namespace may read an earlier boot-time clock: what was counted once must not be counted again. */
function standStill(state: IdleClockState, reading: ClockReading): IdleClockState {
  const { bootTimeMs, suspendedMs } = state.reading;
  return { ...state, reading: { ...reading, bootTimeMs, suspendedMs } };
}

/**
 * Whether the clock since boot alone tells the time between two readings, or none at all is counted for want of boot IDs. Over a gap the wall
 * clock is asked, and a reading in between may come to another time than these two: who makes a stamp on one has to store its clock as well.
 */
export function isContinuous(before: ClockReading, now: ClockReading): boolean {
  return before.bootId === now.bootId && now.suspendedMs - before.suspendedMs <= GAP_CREDIT_CAP_MS;
}

/** Time that was certainly observed, and time that only the wall clock tells of. */
interface Elapsed {
  readonly observedMs: number;
  readonly gapMs: number;
}

function elapsedWithinBoot(before: ClockReading, now: ClockReading): Elapsed {
  const passedMs = now.bootTimeMs - before.bootTimeMs;
  if (isContinuous(before, now)) return { observedMs: passedMs, gapMs: 0 };
  const suspendedMs = Math.min(passedMs, now.suspendedMs - before.suspendedMs);
  return { observedMs: passedMs - suspendedMs, gapMs: Math.min(suspendedMs, synchronisedGapMs(before, now)) };
}

function elapsedOverBoot(state: IdleClockState, now: ClockReading): Elapsed {
  const observedMs = Math.min(now.bootTimeMs, GAP_CREDIT_CAP_MS);
  return { observedMs, gapMs: Math.max(0, synchronisedGapMs(state.reading, now) - now.bootTimeMs) };
}

function synchronisedGapMs(before: ClockReading, now: ClockReading): number {
  return before.isSynchronised && now.isSynchronised ? Math.max(0, now.wallMs - before.wallMs) : 0;
}

/**
 * The age of something on the idle clock, never negative.
 *
 * @param since when it happened
 * @param now the idle clock now
 */
export function idleSince(since: number, now: number): DurationMs {
  return durationMs(now - since);
}

/** How far the wall clock may be trusted for end dates: only when it is known to be synchronised. */
export function isWallTrusted(reading: ClockReading): boolean {
  return reading.isSynchronised && reading.wallMs > EARLIEST_PLAUSIBLE_WALL_MS;
}

/** 2013-03-20, Docker's first release: a wall clock before it is wrong whatever it says of itself. */
const EARLIEST_PLAUSIBLE_WALL_MS: number = Date.UTC(2013, 2, 20);

/** The wall-clock time at which the idle clock will stand at `untilIdleMs`, if the host stays on. */
export function wallAt(untilIdleMs: number, now: { readonly idleMs: number; readonly wallMs: WallMs }): number {
  return now.wallMs + (untilIdleMs - now.idleMs);
}
