import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../model/brands.ts';

/** The least each word can mean: go-units `HumanDuration` rounds hours to the nearest and cuts all others down. */
const LEAST_MS: Readonly<Record<string, (count: number) => number>> = {
  seconds: () => 0,
  minutes: (count) => count * MINUTE_MS,
  hours: (count) => (count - 0.5) * HOUR_MS,
  days: (count) => count * DAY_MS,
  weeks: (count) => count * 7 * DAY_MS,
  months: (count) => count * 30 * DAY_MS,
  years: (count) => count * 365 * DAY_MS,
};

/**
 * For how long at least a container has been up without a restart. The listing tells it in words alone ("Up 3 hours (healthy)"), and an
 * inspection per container would cost more than all else that is listed.
 *
 * @returns whole milliseconds; null when it is not running, or the words are unknown
 * @see docker/go-units `duration.go`; moby `container/state.go` (Docker 20.10 to 28)
 */
export function leastUptimeMs(status: string): number | null {
  const about = /^Up About an? (minute|hour)\b/.exec(status)?.[1];
  if (about !== undefined) return about === 'hour' ? HOUR_MS : MINUTE_MS;
  const [, count, unit] = /^Up (\d+) ([a-z]+?)s?\b/.exec(status) ?? [];
  const least = unit === undefined ? undefined : LEAST_MS[`${unit}s`];
  return least === undefined ? null : least(Number(count));
}
