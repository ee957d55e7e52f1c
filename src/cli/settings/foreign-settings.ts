import { parseArgs } from 'node:util';
import { parse as parseToml } from 'smol-toml';
import { parse as parseYaml } from 'yaml';
import { durationMs } from '../../model/brands.ts';
import { formatDuration } from '../../model/duration.ts';
import { parseReferencePattern } from '../../model/pattern.ts';
import { isObject, type JsonObject, unreadable } from '../forms/form-reader.ts';
import { AZIOT_SECTION, parseHumantime, readAziotSection } from './aziot-section.ts';
import type { FOREIGN_TOOLS } from './foreign-tools.ts';
import { parseSetting, type SettingPath } from './setting-keys.ts';

/** What was taken over from another collector (docs/migration). */
export interface Foreign {
  readonly set: Map<SettingPath, unknown>;
  /** What has no equal here, each a sentence. */
  readonly noEqual: string[];
  /** Uses, as lines of `image_use`; null where the tool keeps no record in this file. */
  readonly uses: string | null;
}

type Read = (file: string, text: string, words: readonly string[]) => Foreign;

/**
 * Reads a file of another tool.
 *
 * @param words beside it: flags of docuum, variables of docker-gc
 * @throws OperatingError `input` when it is not a file of that tool, or holds what its tool would refuse
 */
export function readForeign(tool: (typeof FOREIGN_TOOLS)[number], file: string, text: string, words: readonly string[]): Foreign {
  const foreign = READERS[tool](file, text, words);
  for (const [path, raw] of foreign.set) {
    const value = parseSetting(path, raw);
    if (!value.ok) throw notOf(file, `${path} would be ${JSON.stringify(raw)}: ${value.problem}`);
  }
  return foreign;
}

const READERS: Readonly<Record<(typeof FOREIGN_TOOLS)[number], Read>> = {
  'aziot-config': (file, text) => {
    const { [AZIOT_SECTION]: section = {} } = readTable(file, () => parseToml(text));
    const { entries, problems } = readAziotSection(tableOf(file, section), (key) => `${file}: ${key}`);
    if (problems[0] !== undefined) throw notOf(file, problems.join('; '));
    return { set: new Map(entries.map(({ path, raw }) => [path, raw])), noEqual: [], uses: null };
  },
  'kubelet-config': readKubelet,
  docuum: readDocuum,
  'docker-gc': readDockerGc,
};

/** The kubelet's own defaults stand where its file says nothing, because ours are others. */
function readKubelet(file: string, text: string): Foreign {
  const {
    kind,
    imageGCHighThresholdPercent: high = 85,
    imageGCLowThresholdPercent: low = 80,
    ...rest
  } = readTable(file, () => parseYaml(text));
  if (kind !== 'KubeletConfiguration') throw notOf(file, 'its kind is not KubeletConfiguration');
  const { imageMinimumGCAge: minimum = '2m', imageMaximumGCAge: maximum = '0s', ...others } = rest;
  // Go writes 2m0s and 1h30m; whole for what is a whole number of seconds.
  const age = readAge(file, String(maximum));
  if (Number(low) >= Number(high))
    throw notOf(file, `imageGCLowThresholdPercent ${low} is not below imageGCHighThresholdPercent ${high}, which the kubelet refuses`);
  const set = new Map<SettingPath, unknown>([
    ['rules.unused_for', age === formatDuration(durationMs(0)) ? 'never' : age],
    ['rules.min_age', readAge(file, String(minimum))],
  ]);
  // Up to 100, which turns it off there.
  if (high !== 100) set.set('rules.disk.high', `${high}%`).set('rules.disk.low', `${low}%`);
  const left = Object.keys(others).filter((key) => /^(image|eviction)/.test(key));
  return { set, noEqual: left.map((key) => `${key} stays the kubelet's: imagegc removes nothing for it, and evicts no pod`), uses: null };
}

const FLAGS = {
  threshold: { type: 'string', short: 't' },
  keep: { type: 'string', short: 'k', multiple: true },
  'min-age': { type: 'string', short: 'm' },
  'deletion-chunk-size': { type: 'string', short: 'd' },
} as const;

function readDocuum(file: string, text: string, words: readonly string[]): Foreign {
  const flags = parsing('the flags of docuum', () => parseArgs({ args: [...words], options: FLAGS })).values;
  const threshold = (flags.threshold ?? '10 GB').replaceAll(' ', '');
  const set = new Map<SettingPath, unknown>([
    ['rules.unused_for', 'never'],
    ['rules.order', 'lru'],
    [threshold.endsWith('%') ? 'rules.disk.high' : 'rules.disk.max_image_bytes', threshold],
  ]);
  const noEqual: string[] = [];
  if (threshold.endsWith('%')) noEqual.push(`--threshold ${threshold} meant the images alone; here it is how full their filesystem is`);
  if (flags['min-age'] !== undefined) set.set('rules.min_age', readAge(file, flags['min-age']));
  if (flags['deletion-chunk-size'] !== undefined) noEqual.push('--deletion-chunk-size: a plan frees just enough anyway');
  protect({ set, noEqual }, flags.keep ?? [], false);
  const { images = {} } = readTable(file, () => parseYaml(text) ?? {});
  const uses = Object.entries(tableOf(file, images)).map(([id, image]) => {
    const { last_used_since_epoch: last } = tableOf(file, image);
    return `${id} ${tableOf(file, last)['secs']}\n`;
  });
  return { set, noEqual, uses: uses.join('') };
}

const WITHOUT_EQUAL: Readonly<Record<string, string>> = {
  FORCE_IMAGE_REMOVAL: 'imagegc never forces a removal',
  FORCE_CONTAINER_REMOVAL: 'imagegc never forces a removal',
  REMOVE_VOLUMES: 'imagegc never removes a volume',
  EXCLUDE_CONTAINERS_FROM_GC: 'containers that are to stay: give them a restart policy, or leave rules.containers off',
};

const GRACES = ['rules.unused_for', 'rules.min_age', 'rules.containers.exited_for'] as const;

function readDockerGc(file: string, text: string, words: readonly string[]): Foreign {
  const given = new Map(words.map((word) => [word.split('=')[0] ?? '', word.slice(word.indexOf('=') + 1)]));
  const grace = readAge(file, `${given.get('GRACE_PERIOD_SECONDS') ?? 3_600}s`);
  const set = new Map<SettingPath, unknown>(GRACES.map((path) => [path, grace]));
  const noEqual: string[] = [];
  const saved = Number(given.get('MINIMUM_IMAGES_TO_SAVE') ?? 0);
  set.set('protect.keep_last', Math.max(0, saved - 1));
  if (saved > 1) set.set('protect.keep_last_for', 'always');
  if (given.get('DRY_RUN') === '1') set.set('enabled', false);
  for (const [name, why] of Object.entries(WITHOUT_EQUAL)) if ((given.get(name) ?? '0') !== '0') noEqual.push(`${name}: ${why}`);
  const lines = text.split('\n').map((line) => line.trim());
  protect({ set, noEqual }, lines.filter(Boolean), true);
  return { set, noEqual, uses: null };
}

/** Makes protections of regular expressions over `repository:tag`; one that no glob can say is told. */
function protect({ set, noEqual }: Omit<Foreign, 'uses'>, regexes: readonly string[], isWhole: boolean): void {
  const globs = regexes.flatMap((regex) => {
    const made = toGlobs(regex, isWhole);
    if (made.length === 0) noEqual.push(`KEEP ${regex}: no glob says the same; add to protect.references by hand what it kept`);
    return made;
  });
  if (globs.length > 0) set.set('protect.references', globs);
}

/** @param isWhole it has to match from end to end @returns none where a glob cannot say it */
function toGlobs(regex: string, isWhole: boolean): readonly string[] {
  const [, from, middle = '', to] = /^(\^?)(.*?)(\$?)$/.exec(regex) ?? [];
  const glob = middle
    .replaceAll('.*', '\0')
    .replaceAll(/(?<!\\)\./g, '\u0001')
    .replaceAll(/\\([./:-])/g, '$1');
  if (/[\\[\](){}|+?*^$]/.test(glob)) return [];
  const inside = glob.replaceAll('\0', '*').replaceAll('\u0001', '?');
  const [open, close] = [isWhole || from === '^' ? '' : '*', isWhole || to === '$' ? '' : '*'];
  // What has no colon may stand in the repository or in the tag.
  const globs = inside.includes(':')
    ? [`${open}${inside}${close}`]
    : [`${open}${inside}${close === '' ? '' : '*'}`, ...(isWhole ? [] : [`*:${open}${inside}${close}`])];
  return globs.filter((each) => parseReferencePattern(each).ok);
}

function readAge(file: string, text: string): string {
  const length = parseHumantime(text);
  if (!length.ok) throw notOf(file, `"${text}": ${length.problem}`);
  return formatDuration(length.value);
}

function parsing<Value>(subject: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    throw notOf(subject, (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '');
  }
}

function readTable(file: string, parse: () => unknown): JsonObject {
  return tableOf(file, parsing(file, parse));
}

function tableOf(file: string, value: unknown): JsonObject {
  if (isObject(value)) return value;
  throw notOf(file, 'it does not hold what such a file holds');
}

function notOf(file: string, problem: string): Error {
  return unreadable(file, problem, 'docs/migration tells what is read; nothing was changed');
}
