import { type DurationMs, durationMs } from '../../model/brands.ts';
import { formatDuration } from '../../model/duration.ts';
import { type Parsed, parsed, unparsable } from '../../model/error.ts';
import { describeProblem, type Entry, type Layer } from './setting-entry.ts';
import type { SettingPath } from './setting-keys.ts';
import { BOOL, duration, TIME, wholeDays } from './setting-kind.ts';

/** The table of Azure IoT Edge's settings that is accepted as it stands. */
export const AZIOT_SECTION = 'image_garbage_collection';

/** Unit words of the humantime crate, which reads IoT Edge's durations; its months and years have fixed lengths. */
const HUMANTIME_MS: readonly (readonly [RegExp, number])[] = [
  [/^(?:s|sec|secs|second|seconds)$/, 1_000],
  [/^(?:m|min|mins|minute|minutes)$/, 60_000],
  [/^(?:h|hr|hrs|hour|hours)$/, 3_600_000],
  [/^(?:d|day|days)$/, 86_400_000],
  [/^(?:w|wk|wks|week|weeks)$/, 604_800_000],
  [/^(?:M|month|months)$/, 2_630_016_000],
  [/^(?:y|yr|yrs|year|years)$/, 31_557_600_000],
];
const HUMANTIME_PART = /^\s*([0-9]+)\s*([A-Za-z]+)/;

/** What a key of the section becomes. */
interface Translation {
  readonly path: SettingPath;
  readonly read: (raw: unknown) => Parsed<unknown>;
}

const KEYS: Readonly<Record<string, Translation>> = {
  enabled: { path: 'enabled', read: BOOL.parse },
  image_age_cleanup_threshold: { path: 'rules.unused_for', read: readThreshold },
  cleanup_recurrence: { path: 'schedule.every', read: readRecurrence },
  cleanup_time: { path: 'schedule.at', read: TIME.parse },
};

/**
 * Translates the section: what it names goes to our keys, and `scope` becomes "recorded", because IoT Edge removes only images
 * whose use it recorded.
 *
 * @param originOf where a key of the section stands
 */
export function readAziotSection(section: Readonly<Record<string, unknown>>, originOf: (path: string) => string): Layer {
  const entries: Entry[] = [{ path: 'scope', raw: 'recorded', origin: originOf(AZIOT_SECTION) }];
  const problems: string[] = [];
  for (const [key, raw] of Object.entries(section)) {
    const path = `${AZIOT_SECTION}.${key}`;
    const translation = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    const value = translation?.read(raw) ?? unparsable(`there is no such key; there are ${Object.keys(KEYS).join(', ')}`);
    if (!value.ok) problems.push(describeProblem(originOf(path), path, raw, value.problem));
    else if (translation !== undefined) entries.push({ path: translation.path, raw: value.value, origin: originOf(path) });
  }
  return { entries, problems, warnings: [] };
}

/** Reads `7d`, `10 days`, `1day 12hours` as the humantime crate does. @returns whole milliseconds */
export function parseHumantime(raw: unknown): Parsed<DurationMs> {
  const problem = unparsable('write a duration in quotes, such as "7d" or "10 days"');
  if (typeof raw !== 'string' || raw.trim() === '') return problem;
  let totalMs = 0;
  for (let rest = raw; rest.trim() !== ''; ) {
    const [part, count, word] = HUMANTIME_PART.exec(rest) ?? [];
    const unit = HUMANTIME_MS.find(([words]) => words.test(word ?? ''));
    if (part === undefined || unit === undefined) return problem;
    totalMs += Number(count) * unit[1];
    rest = rest.slice(part.length);
  }
  return Number.isSafeInteger(totalMs) ? parsed(durationMs(totalMs)) : problem;
}

/** Where the original loops without a pause at 0, and fails at a fraction of a day, both are refused. */
function readRecurrence(raw: unknown): Parsed<unknown> {
  const days = wholeDays(parseHumantime(raw));
  return days.ok ? parsed(formatDuration(days.value)) : days;
}

function readThreshold(raw: unknown): Parsed<unknown> {
  const length = parseHumantime(raw);
  if (!length.ok) return length;
  const written = formatDuration(length.value);
  const value = duration({}).parse(written);
  return value.ok ? parsed(written) : value;
}
