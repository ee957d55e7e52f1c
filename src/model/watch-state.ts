import type { DurationMs } from './brands.ts';
import type { EventCursor } from './engine-event.ts';
import type { Instant } from './use-record.ts';

/** A moment within one boot, on a clock that nobody can set: what has to be *uptime* is counted from it. */
export interface UptimeMark {
  readonly bootId: string;
  readonly bootTimeMs: DurationMs;
}

/** What the daemon remembers of one engine over its own restarts. */
export interface WatchState {
  /** Up to where events are recorded; null: from now on. */
  readonly cursor: EventCursor | null;
  /** When the last scheduled collection was done; before the first, when the daemon first saw the engine. Recurrence counts from here. */
  readonly lastRun: Instant;
  /** Since when a mass expiry is held back; null while none is. */
  readonly massHoldSince: UptimeMark | null;
}
