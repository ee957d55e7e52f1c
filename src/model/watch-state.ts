import type { DurationMs } from './brands.ts';
import type { EventCursor } from './engine-event.ts';
import type { Instant } from './use-record.ts';

/** A moment within one boot, on a clock that nobody can set: what has to be *uptime* is counted from it. */
export interface UptimeMark {
  readonly bootId: string;
  readonly bootTimeMs: DurationMs;
}

/** A mass expiry that is held back. */
export interface MassHold {
  /** When it was last planned. */
  readonly plannedAt: UptimeMark;
  /** The uptime that it has waited by then, over all boots: a host that loses power every hour must get through with it too. */
  readonly waitedMs: DurationMs;
}

/** What the daemon remembers of one engine over its own restarts. */
export interface WatchState {
  /** Up to where events are recorded; null: from now on. */
  readonly cursor: EventCursor | null;
  /** When the last scheduled collection was done; before the first, when the daemon first saw the engine. Recurrence counts from here. */
  readonly lastRun: Instant;
  /** Null while none is. */
  readonly massHold: MassHold | null;
}
