import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OperatingError } from '../../model/error.ts';
import { type Loaded, loadSettings, type SettingsSources } from './load-settings.ts';
import { policyOf } from './policy-of.ts';
import { flagName, SETTING_PATHS, variableName } from './setting-keys.ts';

type World = Partial<Omit<SettingsSources, 'readFile' | 'listDirectory'>> & { readonly files?: Readonly<Record<string, string | Error>> };

const ETC = '/etc/imagegc/config.toml';
const DAY_MS = 86_400_000;

function load({ files = {}, ...given }: World = {}): Loaded {
  const found = (path: string): string => {
    const content = files[path];
    if (content instanceof Error) throw content;
    if (content === undefined) throw failure('ENOENT');
    return content;
  };
  return loadSettings({
    readFile: found,
    listDirectory: (folder) => {
      const names = Object.keys(files).filter((path) => path.startsWith(`${folder}/`));
      if (names.length === 0) throw failure('ENOENT');
      return names.map((path) => path.slice(folder.length + 1)).reverse();
    },
    configPath: null,
    environment: {},
    flags: new Map(),
    isRoot: true,
    home: '/home/ann',
    ...given,
  });
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** The problem that loading reports. */
function problemOf(world: World | string): string {
  try {
    load(typeof world === 'string' ? { files: { [ETC]: world } } : world);
  } catch (error) {
    assert.ok(error instanceof OperatingError, String(error));
    assert.equal(error.kind, 'settings');
    return error.problem;
  }
  return assert.fail('nothing was refused');
}

test('loadSettings() gives the defaults of the design when nothing is set', () => {
  const loaded = load();
  const policy = policyOf(loaded.settings);
  assert.equal(policy.unusedForMs, 7 * DAY_MS);
  assert.equal(policy.danglingUnusedForMs, 7 * DAY_MS);
  assert.equal(policy.minAgeMs, 600_000);
  assert.equal(policy.scope, 'all');
  assert.deepEqual(
    policy.protect.labels.map(({ text }) => text),
    ['io.imagegc.keep=true'],
  );
  assert.deepEqual(Object.values(policy.disk), [null, null, null, null, null, null, null]);
  assert.equal(policy.protect.keepLastForMs, 14 * DAY_MS);
  assert.equal(loaded.settings['store.path'], '/var/lib/imagegc');
  assert.equal(loaded.settings.enabled, true);
  assert.deepEqual([...new Set(loaded.origins.values())], ['default', 'rules.unused_for (default)']);
});

test('loadSettings() lays flag over variable over conf.d in name order over file over profile over default', () => {
  const files: Record<string, string> = { [ETC]: 'profile = "laptop"\n' };
  const environment: Record<string, string> = {};
  const flags = new Map<string, string>();
  const given = () => {
    const loaded = load({ files, environment, flags });
    return `${loaded.settings['rules.unused_for']} ${loaded.origins.get('rules.unused_for')}`;
  };
  assert.equal(given(), `${14 * DAY_MS} profile laptop`);
  files[ETC] += '[rules]\nunused_for = "1d"\n';
  assert.equal(given(), `${DAY_MS} file ${ETC} line 3`);
  files['/etc/imagegc/conf.d/10-b.toml'] = 'rules.unused_for = "3d"';
  files['/etc/imagegc/conf.d/05-a.toml'] = 'rules.unused_for = "2d"';
  files['/etc/imagegc/conf.d/99-c.toml.bak'] = 'rules.unused_for = "4d"';
  assert.equal(given(), `${3 * DAY_MS} file /etc/imagegc/conf.d/10-b.toml line 1`);
  environment['IMAGEGC_RULES_UNUSED_FOR'] = '5d';
  assert.equal(given(), `${5 * DAY_MS} variable IMAGEGC_RULES_UNUSED_FOR`);
  flags.set('rules.unused_for', '6d');
  assert.equal(given(), `${6 * DAY_MS} flag --rules-unused-for`);
});

test('loadSettings() lets a profile come from any source', () => {
  assert.equal(load({ environment: { IMAGEGC_PROFILE: 'edge' } }).settings['protect.keep_last_for'], 'always');
  assert.equal(load({ flags: new Map([['profile', 'build-host']]) }).settings['rules.disk.high'], 0.85);
  assert.equal(load({ flags: new Map([['profile', 'kubernetes']]) }).settings['rules.disk.high'], 0.75);
});

test('loadSettings() takes an empty variable as unset, and splits lists at commas', () => {
  const { settings } = load({ environment: { IMAGEGC_SCOPE: '', IMAGEGC_PROTECT_REFERENCES: 'app:*, host:5000/base ,' } });
  assert.equal(settings.scope, 'all');
  assert.deepEqual(
    settings['protect.references'].map(({ text }) => text),
    ['app:*', 'host:5000/base'],
  );
});

test('loadSettings() reads booleans and numbers from variables as strictly as from a file', () => {
  const { settings } = load({ environment: { IMAGEGC_ENABLED: 'false', IMAGEGC_RULES_MAX_REMOVALS: '12' } });
  assert.equal(settings.enabled, false);
  assert.equal(settings['rules.max_removals'], 12);
  assert.match(problemOf({ environment: { IMAGEGC_ENABLED: 'no' } }), /^variable IMAGEGC_ENABLED: enabled = "no": write true or false/);
  assert.match(problemOf({ environment: { IMAGEGC_RULES_MAX_REMOVALS: '-1' } }), /= -1: write a whole number of 0 or more/);
});

test('loadSettings() warns of a variable that is none of ours, but not of those that Kubernetes makes for a Service', () => {
  const environment = { IMAGEGC_RULES_UNUSEDFOR: '7d', IMAGEGC_PORT_9720_TCP: 'tcp://10.0.0.1:9720', IMAGEGC_SERVICE_HOST: '10.0.0.1' };
  assert.deepEqual(load({ environment }).warnings, [
    'variable IMAGEGC_RULES_UNUSEDFOR is none of ours; did you mean IMAGEGC_RULES_UNUSED_FOR?',
  ]);
});

test('loadSettings() lets dangling images follow unused_for unless they have their own time', () => {
  const { settings, origins } = load({ environment: { IMAGEGC_RULES_UNUSED_FOR: 'never' } });
  assert.equal(settings['rules.dangling_unused_for'], null);
  assert.equal(origins.get('rules.dangling_unused_for'), 'rules.unused_for (variable IMAGEGC_RULES_UNUSED_FOR)');
  assert.equal(
    load({ environment: { IMAGEGC_RULES_UNUSED_FOR: 'never', IMAGEGC_RULES_DANGLING_UNUSED_FOR: '1d' } }).settings[
      'rules.dangling_unused_for'
    ],
    DAY_MS,
  );
});

test('loadSettings() finds the files and the store of an ordinary user, and ignores relative XDG folders', () => {
  const toml = 'scope = "recorded"';
  const own = load({ isRoot: false, files: { '/home/ann/.config/imagegc/config.toml': toml, [ETC]: 'scope = 1' } });
  assert.deepEqual([own.settings.scope, own.settings['store.path']], ['recorded', '/home/ann/.local/state/imagegc']);
  const environment = { XDG_CONFIG_HOME: '/cfg', XDG_STATE_HOME: 'relative' };
  const moved = load({ isRoot: false, environment, files: { '/cfg/imagegc/config.toml': toml } });
  assert.deepEqual([moved.settings.scope, moved.settings['store.path']], ['recorded', '/home/ann/.local/state/imagegc']);
});

test('loadSettings() reads a named file alone, and IMAGEGC_CONFIG names one too', () => {
  const files = { '/a.toml': 'scope = "recorded"', [ETC]: 'enabled = false', '/etc/imagegc/conf.d/1.toml': 'enabled = false' };
  const byFlag = load({ files, configPath: '/a.toml' });
  assert.deepEqual([byFlag.settings.scope, byFlag.settings.enabled, byFlag.files], ['recorded', true, ['/a.toml']]);
  assert.deepEqual(load({ files, environment: { IMAGEGC_CONFIG: '/a.toml' } }).files, ['/a.toml']);
  assert.deepEqual(load({ files, environment: { IMAGEGC_CONFIG: '' } }).files, [ETC, '/etc/imagegc/conf.d/1.toml']);
});

for (const [code, expected] of [
  ['ENOENT', /no such file/],
  ['EISDIR', /a directory/],
  ['EACCES', /may not read it/],
] as const) {
  test(`loadSettings() says clearly that a named file fails with ${code}`, () => {
    assert.match(problemOf({ configPath: '/x.toml', files: { '/x.toml': failure(code) } }), expected);
  });
}

test('loadSettings() stops when the default file is there and cannot be read', () => {
  assert.match(problemOf({ files: { [ETC]: failure('EISDIR') } }), /a directory/);
});

for (const [toml, expected] of [
  ['[rules]\n\nunused_for = "7"', /^file \S+ line 3: rules.unused_for = "7": "7" is not a duration; write/],
  ['[rules]\nunused_for = 7', /line 2: rules.unused_for = 7: write a duration in quotes/],
  ['rules.unused_for = "0d"', /line 1: rules.unused_for = "0d": .*or "never"/],
  ['rules = 5', /rules = 5: this is a table; write \[rules\]/],
  ['[rules]\nunusedfor = "7d"', /no such key; did you mean rules.unused_for\?/],
  ['unused_for = "7d"', /no such key; did you mean rules.unused_for\?/],
  ['[rulse]\nunused_for = "7d"', /line 1: rulse = .*no such table; did you mean \[rules\]\?/],
  ['colour = "red"', /colour = "red": there is no such key$/],
  ['[rules.disk]\nhigh = "80%"\nlow = "85%"', /line 3: rules.disk.low = "85%": it is above rules.disk.high = "80%" \(file \S+ line 2\)/],
  ['[rules.disk]\nhigh_inodes = "80%"\nlow_inodes = "85%"', /low_inodes = "85%": it is above/],
  ['[rules.disk]\nlow = "85%"', /low = "85%": it means nothing without rules.disk.high/],
  ['[rules.disk]\nhigh = "101%"', /out of range; write 1% to 100%/],
  ['[rules.disk]\nhigh = "0.5%"', /out of range/],
  ['[rules.disk]\nhigh = "85"', /is not a percentage/],
  ['[rules.disk]\nhigh = 0.85', /write a percentage in quotes/],
  ['[rules.disk]\nmin_free = "5"', /is not a size/],
  ['[rules.disk]\nmax_images = -1', /whole number of 0 or more/],
  ['protect.keep_last = 1.5', /whole number/],
  ['[protect]\nreferences = ["app:1", "App:1"]', /"App:1": no image can have such a name/],
  ['[protect]\nreferences = "app"', /write a list in brackets/],
  ['[protect]\nlabels = ["=x"]', /a label is written key or key=value/],
  ['scope = "some"', /write "all" or "recorded"/],
  ['store.path = "relative"', /absolute path/],
  ['engine.address = "npipe:////./pipe/docker"', /write "auto", or where it listens/],
  ['engine.address = "docker"', /write "auto", or where it listens/],
  ['rules.order = "fifo"', /write "next-use" or "lru"/],
  ['[schedule]\nat = "03:00"\ncron = "17 3 * * *"', /line 2: schedule.at = "03:00": schedule.cron is set as well/],
  ['[schedule]\ncron = "17 3 * *"', /write five cron fields/],
  ['[schedule]\nevery = "0d"', /write whole days, one or more/],
  ['[schedule]\nevery = "36h"', /write whole days, one or more/],
  ['[schedule]\nat = "24:00"', /write a time of day HH:MM/],
  ['[http]\nlisten = "127.0.0.1:99999"', /host:port, unix:\/\/\/path, or nothing/],
  ['[http]\nlisten = ":9720"', /host:port/],
  ['[rules.containers]\nexited_for = 7', /exited_for = 7/],
  ['protect.workloads = ["compose.yml"]', /"compose.yml": write an absolute path/],
  ['scope = "all', /line 1: this is not TOML/],
  ['scope = "all"\nscope = "all"', /line 2: this is not TOML.*redefine/],
  ['[image_garbage_collection]\ncleanup_recurrence = "0d"', /cleanup_recurrence = "0d": write whole days/],
  ['[image_garbage_collection]\nimage_age_cleanup_threshold = "0s"', /image_age_cleanup_threshold = "0s": no time at all/],
  ['[image_garbage_collection]\ncleanup_at = "00:00"', /cleanup_at = "00:00": there is no such key; there are enabled,/],
] as const) {
  test(`loadSettings() refuses ${JSON.stringify(toml)}`, () => {
    assert.match(problemOf(toml), expected);
  });
}

test('loadSettings() reports all problems at once, one per line', () => {
  const environment = { IMAGEGC_SCOPE: 'x' };
  const problem = problemOf({ files: { [ETC]: 'a = 1\n[rules]\nunused_for = "7"\nmin_age = "x"\n' }, environment });
  assert.equal(problem.split('\n').length, 5);
  assert.match(problem, /^4 problems\n {2}file .* line 3/);
});

test('loadSettings() accepts the off values of keys of a later version, and a grace of no time', () => {
  const toml = '[rules]\nmin_age = "0s"\n[rules.build_cache]\nunused_for = "never"\n[protect]\nworkloads = []';
  assert.equal(load({ files: { [ETC]: toml } }).settings['rules.min_age'], 0);
});

test('loadSettings() accepts the section of IoT Edge as it stands, with its scope and its schedule', () => {
  const section = 'enabled = true\ncleanup_recurrence = "1d"\nimage_age_cleanup_threshold = "10 days"\ncleanup_time = "00:00"\n';
  const { settings, origins, warnings } = load({ files: { [ETC]: `[image_garbage_collection]\n${section}` } });
  assert.deepEqual(
    [settings.scope, settings['rules.unused_for'], settings['rules.dangling_unused_for']],
    ['recorded', 10 * DAY_MS, 10 * DAY_MS],
  );
  assert.equal(origins.get('rules.unused_for'), `file ${ETC} line 4`);
  assert.deepEqual([settings['schedule.at'], settings['schedule.every']], ['00:00', DAY_MS]);
  assert.equal(origins.get('schedule.at'), `file ${ETC} line 5`);
  assert.deepEqual(warnings, []);
});

test('loadSettings() lets a scope of our own stand above the section of IoT Edge', () => {
  assert.equal(load({ files: { [ETC]: 'scope = "all"\n[image_garbage_collection]\nenabled = false' } }).settings.scope, 'all');
});

test('every key has a flag and a variable of its own', () => {
  assert.equal(flagName('rules.disk.high'), '--rules-disk-high');
  assert.equal(variableName('rules.disk.high'), 'IMAGEGC_RULES_DISK_HIGH');
  assert.equal(new Set(SETTING_PATHS.map(flagName)).size, SETTING_PATHS.length);
  assert.equal(new Set(SETTING_PATHS.map(variableName)).size, SETTING_PATHS.length);
});
