import { type Parsed, parsed, unparsable } from '../../model/error.ts';
import { parseLabelPattern, parseReferencePattern } from '../../model/pattern.ts';
import {
  BOOL,
  COUNT,
  CRON_OR_OFF,
  choice,
  DAYS,
  duration,
  ENGINE_ADDRESS,
  type Kind,
  LISTEN,
  list,
  PATH,
  PERCENT_OR_OFF,
  SIZE,
  TIME,
} from './setting-kind.ts';

/** One key of the settings (`docs/design.md` §9). */
export interface Setting<Value> {
  readonly kind: Kind<Value>;
  /** As TOML would say it. Null: `initialText` tells how it is found. */
  readonly initial: boolean | number | string | readonly string[] | null;
  /** For documents, where `initial` is null. */
  readonly initialText: string | null;
  /** One line for documents and help. */
  readonly about: string;
}

const NEVER = { never: null } as const;

/** The keys of this version. */
export const SETTING_KEYS = {
  enabled: setting(BOOL, true, 'False: watch, record, plan and report, but never remove.'),
  profile: setting(
    choice(['', 'edge', 'build-host', 'kubernetes', 'laptop']),
    '',
    'Presets for a kind of host; every key can still be set.',
  ),
  scope: setting(choice(['all', 'recorded']), 'all', '"recorded": only images whose use was recorded are ever removed.'),
  'engine.address': setting(ENGINE_ADDRESS, 'auto', 'Where the engine listens.'),
  'rules.unused_for': setting(duration(NEVER), '7d', 'Remove what has been unused for this long.'),
  'rules.dangling_unused_for': derived(duration(NEVER), 'as `rules.unused_for`', 'The same for images with neither tag nor digest.'),
  'rules.min_age': setting(duration({}, '0s'), '10m', 'Grace since first seen and since last use; binds every rule.'),
  'rules.max_removals': setting(COUNT, 0, 'Removals per run at most; 0 is no cap.'),
  'rules.pace': setting(duration({}, '0s'), '1s', 'Pause between batches of removals (32 images), so that others can use the disk.'),
  'rules.order': setting(choice(['next-use', 'lru']), 'next-use', 'Which images go first when room is needed.'),
  'rules.disk.high': setting(PERCENT_OR_OFF, 'off', 'Make room when the image filesystem is used to this share.'),
  'rules.disk.low': setting(PERCENT_OR_OFF, 'off', 'Make room down to this share; off is just below `high`.'),
  'rules.disk.high_inodes': setting(PERCENT_OR_OFF, 'off', 'Make room when this share of the inodes is used.'),
  'rules.disk.low_inodes': setting(PERCENT_OR_OFF, 'off', 'Make room down to this share of the inodes.'),
  'rules.disk.max_image_bytes': setting(SIZE, 'off', 'Bytes of unique layers that may stay.'),
  'rules.disk.min_free': setting(SIZE, 'off', 'Bytes that shall be free on the image filesystem.'),
  'rules.disk.max_images': setting(COUNT, 0, 'Images that may stay; 0 is no limit.'),
  'rules.build_cache.unused_for': setting(
    duration(NEVER),
    'never',
    'Have the engine prune what its build cache has not used for this long, before images go.',
  ),
  'rules.containers.exited_for': setting(
    duration(NEVER),
    'never',
    'Remove containers that ended this long ago and hold images; none that is restarted, or that Compose, Swarm or the like made.',
  ),
  'protect.references': setting(list('names, globs, digests or image IDs', parseReferencePattern), [], 'Images that are never removed.'),
  'protect.labels': setting(
    list('key or key=value', parseLabelPattern),
    ['io.imagegc.keep=true'],
    'Labels whose images are never removed.',
  ),
  'protect.keep_last': setting(COUNT, 1, 'Used versions per lineage kept beside the current one.'),
  'protect.keep_last_for': setting(duration({ always: 'always' } as const), '14d', 'For this long after the switch.'),
  'protect.workloads': setting(
    list('paths, with * and ?', readPathGlob),
    [],
    'Compose, quadlet and static pod files: what they name is needed. Others are found by themselves.',
  ),
  'protect.local': setting(
    choice(['keep', 'last', 'no']),
    'last',
    'Images that no registry can give back: never, after all others, or like any.',
  ),
  'protect.restorable': setting(
    choice(['assume', 'check']),
    'assume',
    '"check": a pulled image goes only when its registry, asked for its digest, says that it can be pulled again.',
  ),
  'schedule.at': setting(TIME, '00:00', "When the daemon collects, in the host's time zone."),
  'schedule.every': setting(DAYS, '1d', 'How often the daemon collects; counted from the last time.'),
  'schedule.cron': setting(CRON_OR_OFF, 'off', 'The same as cron says it, instead of `at` and `every`.'),
  'schedule.spread': setting(
    duration({}, '0s'),
    '0s',
    'Begin within this long after that time: each host at a moment of its own, always the same.',
  ),
  'http.listen': setting(LISTEN, '127.0.0.1:9720', 'Where the daemon serves its health; "" serves nothing.'),
  'store.path': derived(PATH, '`/var/lib/imagegc`; `$XDG_STATE_HOME/imagegc` as an ordinary user', 'The folder of the store.'),
} as const;

/** A key as it is written in a file, its tables before it: `rules.disk.high`. */
export type SettingPath = keyof typeof SETTING_KEYS;

type ValueOf<Key> = Key extends Setting<infer Value> ? Value : never;

/** Every setting of this version in force, under its own key; durations in milliseconds, sizes in bytes, percentages as fractions, "off" as null. */
export type Settings = { readonly [Path in keyof typeof SETTING_KEYS]: ValueOf<(typeof SETTING_KEYS)[Path]> };

/** Every key, in the order of the documents. */
export const SETTING_PATHS: readonly SettingPath[] = Object.keys(SETTING_KEYS).filter(isSettingPath);

/** Whether a key exists. */
export function isSettingPath(path: string): path is SettingPath {
  return Object.hasOwn(SETTING_KEYS, path);
}

/** Reads one value as its key demands. */
export function parseSetting(path: SettingPath, raw: unknown): Parsed<unknown> {
  const setting: Setting<unknown> = SETTING_KEYS[path];
  return setting.kind.parse(raw);
}

/** The flag of a key: `--rules-disk-high`. */
export function flagName(path: SettingPath): string {
  return `--${path.replaceAll(/[._]/g, '-')}`;
}

/** The environment variable of a key: `IMAGEGC_RULES_DISK_HIGH`. */
export function variableName(path: SettingPath): string {
  return `IMAGEGC_${path.replaceAll('.', '_').toUpperCase()}`;
}

function setting<Value>(kind: Kind<Value>, initial: Setting<Value>['initial'], about: string): Setting<Value> {
  return { kind, initial, initialText: null, about };
}

function derived<Value>(kind: Kind<Value>, initialText: string, about: string): Setting<Value> {
  return { kind, initial: null, initialText, about };
}

function readPathGlob(text: string): Parsed<string> {
  return text.startsWith('/') ? parsed(text) : unparsable('write an absolute path, such as "/srv/*/compose.yaml"');
}
