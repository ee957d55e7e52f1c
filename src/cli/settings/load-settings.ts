import { OperatingError } from '../../model/error.ts';
import { usageError } from '../output/error-text.ts';
import type { World } from '../world.ts';
import { didYouMean } from './did-you-mean.ts';
import { PROFILES } from './profile.ts';
import { checkEntries, describeProblem, type Entry, joinLayers, type Layer } from './setting-entry.ts';
import type { Setting, SettingPath, Settings } from './setting-keys.ts';
import { flagName, isSettingPath, parseSetting, SETTING_KEYS, SETTING_PATHS, variableName } from './setting-keys.ts';
import { fromText } from './setting-kind.ts';
import { parseSettingsFile } from './settings-file.ts';

/** From where settings are loaded; all of it is input, so that a reload and a test see the same. */
export interface SettingsSources extends Pick<World, 'readFile' | 'listDirectory' | 'environment' | 'home'> {
  /** `--config`; null when not given. */
  readonly configPath: string | null;
  /** What flags gave, under the key: `rules.disk.high` for `--rules-disk-high`. */
  readonly flags: ReadonlyMap<string, string>;
  readonly isRoot: boolean;
}

/** The settings in force. */
export interface Loaded {
  readonly settings: Settings;
  /** Each key's value as TOML would say it. */
  readonly raws: ReadonlyMap<SettingPath, unknown>;
  /** Where each value comes from: `default`, `profile edge`, `file … line 4`, `variable …`, `flag …`. */
  readonly origins: ReadonlyMap<SettingPath, string>;
  /** The files read, in order. */
  readonly files: readonly string[];
  /** Sentences for a person; nothing is wrong enough to stop. */
  readonly warnings: readonly string[];
}

/** Kubernetes puts such variables into every container beside a Service called imagegc. */
const SERVICE_VARIABLE = /^IMAGEGC_(?:SERVICE|PORT)(?:_|$)/;
const CONFIG_VARIABLE = 'IMAGEGC_CONFIG';
const SYSTEM_FOLDER = '/etc/imagegc';

/**
 * Loads the settings: flag over variable over conf.d over file over profile over default (`docs/design.md` §9). A file named by
 * `--config` stands alone: `conf.d` belongs to the default file.
 *
 * @throws OperatingError `settings` that names every problem found, one per line
 */
export function loadSettings(sources: SettingsSources): Loaded {
  const files = readFiles(sources);
  const given = joinLayers([...files.map(([path, toml]) => parseSettingsFile(path, toml)), readVariables(sources), readFlags(sources)]);
  const inForce = merge(given.entries, sources);
  // Beside what is wrong by itself: values that are right one by one and impossible together.
  const problems = [...given.problems, ...findLowAboveHigh(inForce, given.problems.length === 0), ...findTwoSchedules(inForce)];
  if (problems.length > 0) throw settingsError(files.map(([path]) => path).join(', ') || 'flags and variables', problems);
  return {
    settings: settingsOf(inForce),
    raws: new Map([...inForce].map(([path, entry]) => [path, entry.raw])),
    origins: new Map([...inForce].map(([path, entry]) => [path, entry.origin])),
    files: files.map(([path]) => path),
    warnings: given.warnings,
  };
}

function readFiles(sources: SettingsSources): (readonly [path: string, toml: string])[] {
  const named = sources.configPath ?? present(sources.environment[CONFIG_VARIABLE]);
  if (named !== null) {
    const toml = readIfThere(() => sources.readFile(named), named);
    if (toml === null) throw fileError(named, 'there is no such file');
    return [[named, toml]];
  }
  const folder = settingsFolder(sources);
  const overlays = readIfThere(() => sources.listDirectory(`${folder}/conf.d`), `${folder}/conf.d`) ?? [];
  const names = overlays.filter((name) => name.endsWith('.toml')).sort();
  return [`${folder}/config.toml`, ...names.map((name) => `${folder}/conf.d/${name}`)].flatMap((path) => {
    const toml = readIfThere(() => sources.readFile(path), path);
    return toml === null ? [] : [[path, toml] as const];
  });
}

/** Where a user's settings lie. */
export function settingsFolder(sources: Pick<SettingsSources, 'isRoot' | 'environment' | 'home'>): string {
  return sources.isRoot ? SYSTEM_FOLDER : `${userFolder(sources, 'XDG_CONFIG_HOME', '.config')}/imagegc`;
}

const READ_PROBLEMS = [
  ['EISDIR', 'this is a directory; name a TOML file'],
  ['ENOTDIR', 'a part of this path is not a directory'],
  ['EACCES', 'this user may not read it'],
  ['EPERM', 'this user may not read it'],
  ['ELOOP', 'its symbolic links run in a circle'],
] as const;

/** @returns null when there is nothing at the path */
function readIfThere<Read>(read: () => Read, path: string): Read | null {
  try {
    return read();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'ENOENT') return null;
    const known = READ_PROBLEMS.find(([each]) => each === code)?.[1];
    throw fileError(path, known ?? (error instanceof Error ? error.message : String(error)), error);
  }
}

function fileError(path: string, problem: string, cause?: unknown): OperatingError {
  const hint = 'another file can be named with --config or IMAGEGC_CONFIG';
  return new OperatingError({ kind: 'settings', operation: 'read the settings', subject: path, problem, hint, cause });
}

function readVariables({ environment }: SettingsSources): Layer {
  const known = new Map(SETTING_PATHS.map((path) => [variableName(path), path]));
  const entries: Entry[] = [];
  const warnings: string[] = [];
  for (const [name, value] of Object.entries(environment)) {
    const path = known.get(name);
    if (!name.startsWith('IMAGEGC_') || name === CONFIG_VARIABLE || present(value) === null) continue;
    if (path !== undefined) entries.push({ path, raw: fromText(SETTING_KEYS[path].kind.form, value ?? ''), origin: `variable ${name}` });
    else if (!SERVICE_VARIABLE.test(name)) {
      const near = didYouMean(name, [...known.keys()]);
      warnings.push(`variable ${name} is none of ours${near === null ? '' : `; did you mean ${near}?`}`);
    }
  }
  return { ...checkEntries(entries), warnings };
}

function readFlags({ flags }: SettingsSources): Layer {
  const entries = [...flags].flatMap(([path, value]) =>
    isSettingPath(path) ? [{ path, raw: fromText(SETTING_KEYS[path].kind.form, value), origin: `flag ${flagName(path)}` }] : [],
  );
  return checkEntries(entries);
}

/** Lays the given values over the profile, and that over the defaults. */
function merge(given: readonly Entry[], sources: SettingsSources): ReadonlyMap<SettingPath, Entry> {
  const inForce = new Map<SettingPath, Entry>();
  const put = (entry: Entry) => inForce.set(entry.path, entry);
  for (const path of SETTING_PATHS) {
    const { initial }: Setting<unknown> = SETTING_KEYS[path];
    if (initial !== null) put({ path, raw: initial, origin: 'default' });
  }
  const state = sources.isRoot ? '/var/lib' : userFolder(sources, 'XDG_STATE_HOME', '.local/state');
  put({ path: 'store.path', raw: `${state}/imagegc`, origin: 'default' });
  const profile = given.findLast((entry) => entry.path === 'profile')?.raw;
  const preset = Object.entries(PROFILES).find(([name]) => name === profile)?.[1] ?? {};
  for (const [path, raw] of Object.entries(preset)) if (isSettingPath(path)) put({ path, raw, origin: `profile ${profile}` });
  given.forEach(put);
  const unusedFor = inForce.get('rules.unused_for');
  if (!inForce.has('rules.dangling_unused_for') && unusedFor !== undefined) {
    put({ ...unusedFor, path: 'rules.dangling_unused_for', origin: `rules.unused_for (${unusedFor.origin})` });
  }
  return inForce;
}

/** Where cron says when, nothing else may. */
function findTwoSchedules(inForce: ReadonlyMap<SettingPath, Entry>): string[] {
  const cron = inForce.get('schedule.cron');
  if (cron === undefined || cron.raw === 'off') return [];
  return (['schedule.at', 'schedule.every'] as const).flatMap((path) => {
    const entry = inForce.get(path);
    if (entry === undefined || entry.origin === 'default') return [];
    return [describeProblem(entry.origin, path, entry.raw, `schedule.cron is set as well (${cron.origin}); write one of the two`)];
  });
}

const MARKS = [
  ['rules.disk.low', 'rules.disk.high'],
  ['rules.disk.low_inodes', 'rules.disk.high_inodes'],
] as const;

/** @param isAllRead false: a `high` that seems missing may be one that could not be read */
function findLowAboveHigh(inForce: ReadonlyMap<SettingPath, Entry>, isAllRead: boolean): string[] {
  return MARKS.flatMap(([lowPath, highPath]) => {
    const low = inForce.get(lowPath);
    const high = inForce.get(highPath);
    if (low === undefined || high === undefined || low.raw === 'off') return [];
    if (high.raw === 'off' && !isAllRead) return [];
    if (high.raw === 'off') return [describeProblem(low.origin, lowPath, low.raw, `it means nothing without ${highPath}; set that too`)];
    if (percent(low) <= percent(high)) return [];
    const problem = `it is above ${highPath} = ${JSON.stringify(high.raw)} (${high.origin}); write that or less`;
    return [describeProblem(low.origin, lowPath, low.raw, problem)];
  });
}

function percent(entry: Entry): number {
  return Number.parseFloat(String(entry.raw));
}

function settingsOf(inForce: ReadonlyMap<SettingPath, Entry>): Settings {
  const values: Record<string, unknown> = {};
  for (const [path, { raw, origin }] of inForce) {
    const value = parseSetting(path, raw);
    if (!value.ok) throw new Error(describeProblem(origin, path, raw, value.problem));
    values[path] = value.value;
  }
  if (!isComplete(values)) throw new Error('a setting has no value and no default');
  return values;
}

function isComplete(values: Readonly<Record<string, unknown>>): values is Settings {
  return SETTING_PATHS.every((path) => Object.hasOwn(values, path));
}

function settingsError(subject: string, problems: readonly string[]): OperatingError {
  const problem = problems.length === 1 ? problems.join('') : `${problems.length} problems\n  ${problems.join('\n  ')}`;
  const hint = 'all keys stand in docs/settings.md; "imagegc config show --origin" tells what is in force once they are right';
  return usageError('use the settings', subject, problem, hint);
}

/** An XDG folder; relative paths are to be ignored (XDG Base Directory Specification). */
function userFolder({ environment, home }: Pick<SettingsSources, 'environment' | 'home'>, variable: string, standard: string): string {
  const folder = present(environment[variable]);
  return folder?.startsWith('/') ? folder : `${home}/${standard}`;
}

/** An empty variable is unset. */
function present(value: string | undefined): string | null {
  return value === undefined || value === '' ? null : value;
}
