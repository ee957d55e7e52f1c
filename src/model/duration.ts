import { type DurationMs, durationMs } from './brands.ts';
import { type Parsed, parsed, unparsable } from './error.ts';

const NANOSECONDS_PER_MS = 1_000_000n;
/** In nanoseconds, so that `ns` and `us` add up exactly before they are cut to whole milliseconds; 100 days exceed 2^53 of them. */
const UNITS_NS: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['ms', NANOSECONDS_PER_MS],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
  ['d', 86_400_000_000_000n],
  ['w', 604_800_000_000_000n],
]);
const LONGEST_MS = BigInt(Math.floor(Number.MAX_SAFE_INTEGER / 1_000));
const PRINTED_UNITS_MS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;
const AGE_UNITS_MS = PRINTED_UNITS_MS.slice(0, -1);
const PART = /^\s*([0-9]+)([a-z]+)/;
const EXAMPLE = 'write whole numbers with a unit, such as "7d", "12h" or "1h 30m" (ns us ms s m h d w)';

/**
 * Reads integers with units, added up: `7d`, `1h 30m`. Months and years have no fixed length and are refused, and so is a bare
 * number, because nobody can tell its unit (`parse-duration` and `ms` guess).
 *
 * @returns whole milliseconds, cut down; or a sentence that says what would be right
 */
export function parseDuration(text: string): Parsed<DurationMs> {
  let rest = text;
  let totalNs = 0n;
  while (rest.trim() !== '') {
    const part = PART.exec(rest);
    const unitNs = part === null ? undefined : UNITS_NS.get(part[2] ?? '');
    if (part === null || unitNs === undefined) return unparsable(`"${text}" is not a duration; ${EXAMPLE}`);
    totalNs += BigInt(part[1] ?? 0) * unitNs;
    rest = rest.slice(part[0].length);
  }
  if (text.trim() === '') return unparsable(`an empty text is not a duration; ${EXAMPLE}`);
  const totalMs = totalNs / NANOSECONDS_PER_MS;
  if (totalMs > LONGEST_MS) return unparsable(`"${text}" is longer than anything can last`);
  return parsed(durationMs(Number(totalMs)));
}

/** Prints exactly, in the largest units: `1h 30m`, `7d`, `0s`; the inverse of {@link parseDuration}. */
export function formatDuration(duration: DurationMs): string {
  const parts: string[] = [];
  let restMs: number = duration;
  for (const [unit, unitMs] of PRINTED_UNITS_MS) {
    if (restMs === 0) break;
    const count = Math.floor(restMs / unitMs);
    if (count > 0) parts.push(`${count}${unit}`);
    restMs -= count * unitMs;
  }
  return parts.length === 0 ? '0s' : parts.join(' ');
}

/** Prints an age for a person, cut to its largest unit: `9 d`, `3 h`, `45 s`. */
export function formatAge(duration: DurationMs): string {
  const [unit, unitMs] = AGE_UNITS_MS.find(([, lengthMs]) => duration >= lengthMs) ?? ['s', 1_000];
  return `${Math.floor(duration / unitMs)} ${unit === 'm' ? 'min' : unit}`;
}

/** A sentence about an age, worded once for all ages that are printed alike: most verdicts of a large plan say the same few things. */
export class AgeSentence {
  readonly #word: (age: string) => string;
  readonly #worded = new Map<number, string>();

  /** @param word what to say of a printed age */
  constructor(word: (age: string) => string) {
    this.#word = word;
  }

  of(duration: DurationMs): string {
    const unitMs = AGE_UNITS_MS.find(([, lengthMs]) => duration >= lengthMs)?.[1] ?? 1_000;
    // Units lie further apart than there are of any but days, so no two printed ages share this.
    const printed = unitMs + Math.floor(duration / unitMs);
    let sentence = this.#worded.get(printed);
    if (sentence === undefined) {
      sentence = this.#word(formatAge(duration));
      this.#worded.set(printed, sentence);
    }
    return sentence;
  }
}
