import { type WallMs, wallMs } from '../../model/brands.ts';
import { type Parsed, parsed, unparsable } from '../../model/error.ts';

const TIME =
  /^([0-9]{4}-(?:0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))(T(?:[01][0-9]|2[0-3]):[0-5][0-9]):([0-5][0-9]|60)(?:\.([0-9]+))?(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$/i;
const EXAMPLE = 'write an RFC 3339 time with its offset, such as "2026-11-23T10:00:00Z" or "2026-11-23T11:00:00+01:00"';
/** The last instant that four digits of a year can say. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const FIRST_MS = new Date('0000-01-01T00:00:00Z').getTime();

/**
 * Reads an RFC 3339 time. One without an offset is refused, because it means another instant on every host; digits beyond
 * the millisecond are cut.
 *
 * @see RFC 3339 section 5.6
 */
export function parseTime(text: string): Parsed<WallMs> {
  const match = TIME.exec(text);
  if (match === null) return unparsable(`"${text}" is not a time; ${EXAMPLE}`);
  const [, date = '', day, minute = '', second, fraction = '', offset = ''] = match;
  // A day that the month has not is read as one of the next month.
  if (new Date(date).getUTCDate() !== Number(day)) return unparsable(`"${text}" is not a time: that month has no day ${day}`);
  const minuteMs = Date.parse((date + minute + offset).toUpperCase());
  return parsed(wallMs(minuteMs + Number(second) * 1_000 + Number(fraction.padEnd(3, '0').slice(0, 3))));
}

/** Writes RFC 3339 in UTC: `2026-11-23T10:00:00Z`, with milliseconds only where there are any; beyond year 9999 as its last second. */
export function formatTime(at: WallMs): string {
  return new Date(Math.min(Math.max(Math.round(at), FIRST_MS), LAST_MS)).toISOString().replace('.000Z', 'Z');
}
