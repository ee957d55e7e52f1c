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
  const lines = head.map((line) => `# ${line}`.trimEnd());
  let table = '';
  for (const path of SETTING_PATHS.filter((each) => hasOthers || set.has(each))) {
    const parts = path.split('.');
    const key = parts.pop() ?? '';
    if (parts.join('.') !== table) {
      table = parts.join('.');
      lines.push('', `[${table}]`);
    }
    const { about, initial, initialText, kind }: Setting<unknown> = SETTING_KEYS[path];
    if (hasOthers) lines.push(`# ${about} (${kind.title})`);
    if (set.has(path)) lines.push(stringify({ [key]: set.get(path) }).trim());
    else lines.push(initial === null ? `# ${key}: ${initialText}` : `# ${stringify({ [key]: initial }).trim()}`);
  }
  return `${lines.join('\n')}\n`;
}
