import { Cron } from 'croner';
import { type DurationMs, durationMs, type WallMs, wallMs } from '../model/brands.ts';
import type { Instant } from '../model/use-record.ts';

/** When the daemon collects, in the host's time zone. */
export type Schedule =
  | { readonly kind: 'daily'; readonly at: string; readonly everyMs: DurationMs }
  | { readonly kind: 'cron'; readonly pattern: string };

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * The next time of a schedule after the last run: the time of day, so many days later, or what cron says. Recurrence counts from the last
 * run, so a time that passed while the host was off has passed once, however often it came round.
 *
 * An hour that daylight saving leaves out is taken at the hour after it; one that comes twice is taken once.
 *
 * @param last on the wall clock
 * @param timeZone IANA name; undefined is the host's
 * @returns null when there is none any more, as in a pattern for one day of the past
 */
export function nextRunAt(schedule: Schedule, last: WallMs, timeZone?: string): WallMs | null {
  const next = readPattern(patternOf(schedule), timeZone).nextRun(new Date(last + skipMs(schedule)));
  return next === null ? null : wallMs(next.getTime());
}

/**
 * Whether a run is due. The wall clock says it; but where that stands before the last run, it was wrong then or is now, and the time that was
 * observed since says it: a clock that went back ten years must not keep a disk from being cleaned for as long. So it does where the clock is
 * beyond all calendars.
 *
 * @param last of the last run, or of the moment when the schedule began
 */
export function isRunDue(schedule: Schedule, last: Instant, now: Instant, timeZone?: string): boolean {
  const next = now.wallMs < last.wallMs ? null : nextRunAt(schedule, last.wallMs, timeZone);
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
