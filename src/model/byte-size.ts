import { type Bytes, bytes } from './brands.ts';
import { type Parsed, parsed, unparsable } from './error.ts';

const KILO = 1_000;
const KIBI = 1_024;
const UNITS: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['kB', KILO],
  ['MB', KILO ** 2],
  ['GB', KILO ** 3],
  ['TB', KILO ** 4],
  ['KiB', KIBI],
  ['MiB', KIBI ** 2],
  ['GiB', KIBI ** 3],
  ['TiB', KIBI ** 4],
]);
const SIZE = /^([0-9]+)(?:\.([0-9]))?\s?([A-Za-z]+)$/;
const EXAMPLE = 'write a whole number or one decimal with a unit, such as "5GB" or "1.5GiB" (B kB MB GB TB KiB MiB GiB TiB)';

/**
 * Reads `5GB`, `1.5 GiB`. `GB` is 10^9 and `GiB` 2^30, as SI and IEC 80000-13 say; other libraries read `10GiB` as 10.
 * A bare number is refused, because nobody can tell its unit.
 */
export function parseByteSize(text: string): Parsed<Bytes> {
  const match = SIZE.exec(text.trim());
  const unit = match === null ? undefined : UNITS.get(match[3] ?? '');
  if (match === null || unit === undefined) return unparsable(`"${text}" is not a size; ${EXAMPLE}`);
  const total = Math.round(Number(match[1]) * unit + (Number(match[2] ?? 0) * unit) / 10);
  return Number.isSafeInteger(total) ? parsed(bytes(total)) : unparsable(`"${text}" is larger than any disk`);
}

/** Prints three significant digits in decimal units, as engines do: `1.94 GB`, `0 B`; null prints as `unknown`. */
export function formatByteSize(size: Bytes | null): string {
  if (size === null) return 'unknown';
  for (const unit of ['TB', 'GB', 'MB', 'kB']) {
    const scaled = size / (UNITS.get(unit) ?? 1);
    if (scaled >= 0.9995) return `${scaled.toFixed(scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2)} ${unit}`;
  }
  return `${size} B`;
}
