import { parse, TomlError } from 'smol-toml';
import { AZIOT_SECTION, readAziotSection } from './aziot-section.ts';
import { didYouMean } from './did-you-mean.ts';
import { findKeyLines } from './key-lines.ts';
import { checkEntries, describeProblem, type Entry, joinLayers, type Layer } from './setting-entry.ts';
import { isSettingPath, SETTING_PATHS } from './setting-keys.ts';

/** Every table that the keys stand in: `rules`, `rules.disk`, … */
const TABLES: ReadonlySet<string> = new Set(
  SETTING_PATHS.flatMap((path) => path.split('.').map((_, index, parts) => parts.slice(0, index).join('.'))).filter(
    (table) => table !== '',
  ),
);

/**
 * Reads one settings file and reports everything that is wrong with it, each with its line.
 *
 * @param path for messages only
 */
export function parseSettingsFile(path: string, toml: string): Layer {
  let document: Readonly<Record<string, unknown>>;
  try {
    document = parse(toml);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const what = error.message.split('\n')[0]?.replace('Invalid TOML document: ', '');
    const problem = `file ${path} line ${error.line}: this is not TOML, at column ${error.column}: ${what}`;
    return { entries: [], problems: [problem], warnings: [] };
  }
  const lineOf = findKeyLines(toml);
  const originOf = (key: string) => `file ${path} line ${lineOf(key) ?? '?'}`;
  return readDocument(document, originOf);
}

function readDocument(document: Readonly<Record<string, unknown>>, originOf: (key: string) => string): Layer {
  const entries: Entry[] = [];
  const problems: string[] = [];
  const translated: Layer[] = [];
  for (const [key, raw] of flatten(document, '')) {
    const origin = originOf(key);
    if (isSettingPath(key)) entries.push({ path: key, raw, origin });
    else if (TABLES.has(key)) problems.push(describeProblem(origin, key, raw, `this is a table; write [${key}] and its keys below`));
    else if (key === AZIOT_SECTION && isTable(raw)) translated.push(readAziotSection(raw, originOf));
    else problems.push(describeProblem(origin, key, raw, unknownKeyProblem(key, isTable(raw))));
  }
  return joinLayers([...translated, checkEntries(entries), { entries: [], problems, warnings: [] }]);
}

/** Gives every value with its whole key; a table that is not ours is given as one value. */
function* flatten(table: Readonly<Record<string, unknown>>, prefix: string): Generator<readonly [string, unknown]> {
  for (const [name, value] of Object.entries(table)) {
    const key = prefix + name;
    if (TABLES.has(key) && isTable(value)) yield* flatten(value, `${key}.`);
    else yield [key, value];
  }
}

/** smol-toml makes tables without a prototype; dates have one. */
function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function unknownKeyProblem(key: string, isTableValue: boolean): string {
  const near = didYouMean(key, isTableValue ? [...TABLES, AZIOT_SECTION] : SETTING_PATHS);
  return `there is no such ${isTableValue ? 'table' : 'key'}${near === null ? '' : `; did you mean ${isTableValue ? `[${near}]` : near}?`}`;
}
