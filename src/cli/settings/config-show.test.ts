import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configShow, formatSettings, formatSettingsTable } from './config-show.ts';
import { loadSettings, type SettingsSources } from './load-settings.ts';
import { SETTING_PATHS } from './setting-keys.ts';

function sources(toml: string, profile = ''): SettingsSources {
  return {
    readFile: () => toml,
    listDirectory: () => [],
    configPath: '/c.toml',
    environment: { IMAGEGC_PROFILE: profile },
    flags: new Map([['scope', 'recorded']]),
    isRoot: true,
    home: '/root',
  };
}

test('configShow() prints a file that gives the same settings again', () => {
  const first = loadSettings(sources('protect.references = ["a:*"]', 'edge'));
  const again = loadSettings(sources(configShow(first, { origin: false })));
  assert.deepEqual(again.raws, first.raws);
  assert.equal(again.settings['protect.local'], 'keep');
});

test('configShow() says with --origin where each value comes from', () => {
  const shown = configShow(loadSettings(sources('rules.min_age = "1h"', 'laptop')), { origin: true });
  assert.match(shown, /^min_age = "1h" +# file \/c.toml line 1$/m);
  assert.match(shown, /^unused_for = "14d" +# profile laptop$/m);
  assert.match(shown, /^scope = "recorded" +# flag --scope$/m);
  assert.match(shown, /^max_removals = 0 +# default$/m);
});

test('formatSettings() gives each value under its whole key', () => {
  const { settings } = JSON.parse(JSON.stringify(formatSettings(loadSettings(sources('')))));
  assert.deepEqual(settings.scope, { value: 'recorded', origin: 'flag --scope' });
});

test('formatSettingsTable() has one row per key', () => {
  const rows = formatSettingsTable().trim().split('\n').slice(2);
  assert.equal(rows.length, SETTING_PATHS.length);
  assert.match(
    rows.find((row) => row.includes('`rules.disk.high`')) ?? '',
    /percent or "off" \| `"off"` \|.*`--rules-disk-high` \| `IMAGEGC_RULES_DISK_HIGH`/,
  );
});
