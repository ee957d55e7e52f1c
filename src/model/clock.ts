import type { DurationMs, IdleMs, WallMs } from './brands.ts';

/** What the host's clocks say at one moment. All of it is input; the core never reads a clock. */
export interface ClockReading {
  /** The kernel's boot ID (`/proc/sys/kernel/random/boot_id`); null when it cannot be read, which is doubt. */
  readonly bootId: string | null;
  /** CLOCK_BOOTTIME: since boot, suspended time included. */
  readonly bootTimeMs: DurationMs;
  /** How much of `bootTimeMs` was spent suspended (CLOCK_BOOTTIME less CLOCK_MONOTONIC). */
  readonly suspendedMs: DurationMs;
  readonly wallMs: WallMs;
  /** Whether the wall clock is known to be synchronised. In doubt it is not. */
  readonly isSynchronised: boolean;
}

/** The idle clock as it is stored between readings (`docs/design.md` §6). */
export interface IdleClockState {
  /** The clock itself: milliseconds of observed time. */
  readonly idleMs: IdleMs;
  /** The reading at which it stood there. */
  readonly reading: ClockReading;
  /** Powered-off time that may still be credited; refilled by uptime alone. */
  readonly gapCreditMs: DurationMs;
}
