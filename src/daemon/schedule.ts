import { Cron } from 'croner';
import { DAY_MS, type DurationMs, durationMs, HOUR_MS, type WallMs, wallMs } from '../model/brands.ts';
import type { Instant } from '../model/use-record.ts';

/** When the daemon collects, in the host's time zone. */
export type Schedule = (
  | { readonly kind: 'daily'; readonly at: string; readonly everyMs: DurationMs }
  | { readonly kind: 'cron'; readonly pattern: string }
) & {
  /** Each host begins at a moment of its own within this after the time; absent or 0: at the time itself. */
  readonly spreadMs?: DurationMs;
};

/** Of a hash, as many as a number holds exactly. */
const HASH_BYTES = 6;

/**
 * How long after the scheduled time a host begins: always the same for the same host and window, and spread evenly over many hosts, so that
 * what they lack afterwards is not pulled by all at once.
 *
 * @param host what tells this host from all others
 * @returns 0 or more, and less than the window; 0 for a window of 0
 */
export function spreadOffset(host: string, windowMs: DurationMs): DurationMs {
  if (windowMs === 0) return windowMs;
  // Loaded here, because it takes 1.5 MB, and most hosts have no window.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const hash = createHash('sha256').update(`imagegc schedule ${host}`).digest().readUIntBE(0, HASH_BYTES);
  return durationMs(Math.floor((hash / 256 ** HASH_BYTES) * windowMs));
}

/**
 * The next time of a schedule after the last run: the time of day, so many days later, or what cron says. Recurrence counts from the last
 * run, so a time that passed while the host was off has passed once, however often it came round.
 *
 * An hour that daylight saving leaves out is taken at the hour after it; one that comes twice is taken once.
 *
 * With a spread, all of it holds for times that are later by this host's {@link spreadOffset}.
 *
 * @param last on the wall clock
 * @param host what tells this host from all others
 * @param timeZone IANA name; undefined is the host's
 * @returns null when there is none any more, as in a pattern for one day of the past
 */
export function nextRunAt(schedule: Schedule, last: WallMs, host: string, timeZone?: string): WallMs | null {
  const offsetMs = spreadOffset(host, schedule.spreadMs ?? durationMs(0));
  const next = readPattern(patternOf(schedule), timeZone).nextRun(new Date(last - offsetMs + skipMs(schedule)));
  return next === null ? null : wallMs(next.getTime() + offsetMs);
}

/**
 * Whether a run is due. The wall clock says it; but where that stands before the last run, it was wrong then or is now, and the time that was
 * observed since says it: a clock that went back ten years must not keep a disk from being cleaned for as long. So it does where the clock is
 * beyond all calendars.
 *
 * @param last of the last run, or of the moment when the schedule began
 * @param host as for {@link nextRunAt}
 */
export function isRunDue(schedule: Schedule, last: Instant, now: Instant, host: string, timeZone?: string): boolean {
  const next = now.wallMs < last.wallMs ? null : nextRunAt(schedule, last.wallMs, host, timeZone);
  return next === null ? now.idleMs - last.idleMs >= periodMs(schedule) : next <= now.wallMs;
}

/** @returns a sentence that says what is wrong with a pattern; null when it can be used */
export function findCronProblem(pattern: string): string | null {
  try {
    return new Cron(pattern).nextRun() === null ? 'it matches no time to come' : null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Every tick asks, and a pattern takes as long to read as all the rest of a tick. */
const READ = new Map<string, Cron>();

function readPattern(pattern: string, timeZone: string | undefined): Cron {
  const key = `${pattern} ${timeZone}`;
  const known = READ.get(key);
  if (known !== undefined) return known;
  const read = new Cron(pattern, timeZone === undefined ? {} : { timezone: timeZone });
  READ.set(key, read);
  return read;
}

function patternOf(schedule: Schedule): string {
  if (schedule.kind === 'cron') return schedule.pattern;
  const [hour, minute] = schedule.at.split(':').map(Number);
  return `${minute} ${hour} * * *`;
}

/** All days but the last; one hour more, because daylight saving may have taken one. */
function skipMs(schedule: Schedule): number {
  const days = schedule.kind === 'daily' ? schedule.everyMs / DAY_MS - 1 : 0;
  return days > 0 ? days * DAY_MS + HOUR_MS : 0;
}

function periodMs(schedule: Schedule): DurationMs {
  return schedule.kind === 'daily' ? schedule.everyMs : durationMs(DAY_MS);
}
