import { stringify } from 'smol-toml';
import { SETTING_KEYS, SETTING_PATHS, type Setting, type SettingPath } from './setting-keys.ts';

/** What a settings file that is written for a person holds. */
export interface SettingsText {
  /** Sentences at its head, as comments. */
  readonly head: readonly string[];
  /** The keys that it sets, as TOML would say them. */
  readonly set: ReadonlyMap<SettingPath, unknown>;
  /** Whether all other keys stand in it as comments, with their meaning and default. */
  readonly hasOthers: boolean;
}

/** Writes a settings file that loads. */
export function formatSettingsText({ head, set, hasOthers }: SettingsText): string {
  const comments = head.map((line) => `# ${line}`.trimEnd());
  const shown = SETTING_PATHS.filter((each) => hasOthers || set.has(each));
  const lines = underTables(shown, (path) => {
    const { about, initial, initialText, kind }: Setting<unknown> = SETTING_KEYS[path];
    const standard = initial === null ? `${keyOf(path)}: ${initialText}` : tomlLine(path, initial);
    return [...(hasOthers ? [`# ${about} (${kind.title})`] : []), set.has(path) ? tomlLine(path, set.get(path)) : `# ${standard}`];
  });
  return `${[...comments, ...lines].join('\n')}\n`;
}

/** Lays out what stands in a file for each key: below the head of the key's table. */
export function underTables(paths: readonly SettingPath[], linesOf: (path: SettingPath) => readonly string[]): readonly string[] {
  let table = '';
  return paths.flatMap((path) => {
    const before = table;
    table = path.slice(0, Math.max(0, path.lastIndexOf('.')));
    return [...(table === before ? [] : ['', `[${table}]`]), ...linesOf(path)];
  });
}

/** A key and its value, as they stand in its table. */
export function tomlLine(path: SettingPath, raw: unknown): string {
  return stringify({ [keyOf(path)]: raw }).trim();
}

function keyOf(path: SettingPath): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
