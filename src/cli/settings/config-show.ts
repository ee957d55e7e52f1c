import type { Loaded } from './load-settings.ts';
import { flagName, SETTING_KEYS, SETTING_PATHS, type Setting, type SettingPath, variableName } from './setting-keys.ts';
import { tomlLine, underTables } from './settings-text.ts';

/**
 * Prints the settings in force as a TOML file that would give them again.
 *
 * @param options.origin whether each line says where its value comes from
 */
export function configShow(loaded: Loaded, options: { readonly origin: boolean }): string {
  const lineOf = (path: SettingPath): string => tomlLine(path, loaded.raws.get(path));
  const width = Math.max(...SETTING_PATHS.map((path) => lineOf(path).length));
  const explained = (path: SettingPath): string => `${lineOf(path).padEnd(width)}  # ${loaded.origins.get(path)}`;
  const lines = underTables(SETTING_PATHS, (path) => [options.origin ? explained(path) : lineOf(path)]);
  return `${lines.join('\n')}\n`;
}

/** The settings in force for programs: each key's value and origin, under its whole name. */
export function formatSettings(loaded: Loaded): object {
  const settings = [...loaded.raws].map(([path, value]) => [path, { value, origin: loaded.origins.get(path) }]);
  return { format: 'imagegc.settings/1', settings: Object.fromEntries(settings) };
}

/** The table of `docs/settings.md`: every key with its kind, default, variable and flag. */
export function formatSettingsTable(): string {
  const rows = SETTING_PATHS.map((path) => {
    const { kind, about }: Setting<unknown> = SETTING_KEYS[path];
    return `| \`${path}\` | ${kind.title} | ${initialOf(path)} | ${about} | \`${flagName(path)}\` | \`${variableName(path)}\` |`;
  });
  return ['| key | value | default | meaning | flag | variable |', '|---|---|---|---|---|---|', ...rows, ''].join('\n');
}

function initialOf(path: SettingPath): string {
  const { initial, initialText }: Setting<unknown> = SETTING_KEYS[path];
  return initial === null ? (initialText ?? '–') : `\`${JSON.stringify(initial)}\``;
}
