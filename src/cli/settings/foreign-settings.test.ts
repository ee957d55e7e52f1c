import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readForeign } from './foreign-settings.ts';
import type { FOREIGN_TOOLS } from './foreign-tools.ts';
import { parseSettingsFile } from './settings-file.ts';
import { formatSettingsText } from './settings-text.ts';

type Tool = (typeof FOREIGN_TOOLS)[number];
const take = (tool: Tool, text: string, ...words: readonly string[]) => {
  const { set, ...rest } = readForeign(tool, 'file', text, words);
  return { set: Object.fromEntries(set), ...rest };
};
const KUBELET = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n';

describe('import kubelet-config', () => {
  test('takes over marks and ages, and tells what stays with the kubelet', () => {
    const yaml = `${KUBELET}imageGCHighThresholdPercent: 70\nimageGCLowThresholdPercent: 65\nimageMinimumGCAge: 1m30s\nimageMaximumGCAge: 168h0m0s\nevictionHard: {}\n`;
    const { set, noEqual, uses } = take('kubelet-config', yaml);
    const rules = { 'rules.unused_for': '7d', 'rules.min_age': '1m 30s' };
    assert.deepEqual(set, { ...rules, 'rules.disk.high': '70%', 'rules.disk.low': '65%' });
    assert.match(noEqual.join(), /^evictionHard stays the kubelet's/);
    assert.equal(uses, null);
  });

  test("has the kubelet's defaults where its file says nothing", () => {
    const rules = { 'rules.unused_for': 'never', 'rules.min_age': '2m' };
    assert.deepEqual(take('kubelet-config', KUBELET).set, { ...rules, 'rules.disk.high': '85%', 'rules.disk.low': '80%' });
    assert.deepEqual(take('kubelet-config', `${KUBELET}imageGCHighThresholdPercent: 100\n`).set, rules);
  });

  test('refuses another file, and what the kubelet refuses', () => {
    assert.throws(() => take('kubelet-config', 'kind: Pod\n'), /not KubeletConfiguration/);
    assert.throws(() => take('kubelet-config', '[a]\nb = 1\n'), /file/);
    assert.throws(() => take('kubelet-config', 'just text'), /does not hold what such a file holds/);
    assert.throws(() => take('kubelet-config', `${KUBELET}imageGCHighThresholdPercent: 70\n`), /80 is not below .*70/);
    assert.throws(() => take('kubelet-config', `${KUBELET}imageMinimumGCAge: soon\n`), /"soon": write a duration/);
    assert.throws(() => take('kubelet-config', `${KUBELET}imageGCHighThresholdPercent: 800\n`), /rules\.disk\.high would be "800%"/);
  });
});

describe('import docuum', () => {
  test('takes over its flags, and its record of last uses', () => {
    const state = '---\nimages:\n  "sha256:aa":\n    parent_id: ~\n    last_used_since_epoch:\n      secs: 1700000000\n      nanos: 5\n';
    const flags = ['-t', '20 GB', '--min-age', '2 h', '-k', '^postgres:', '--keep', 'base', '-d', '4'];
    const { set, noEqual, uses } = take('docuum', state, ...flags);
    assert.deepEqual(set, {
      'rules.unused_for': 'never',
      'rules.order': 'lru',
      'rules.disk.max_image_bytes': '20GB',
      'rules.min_age': '2h',
      'protect.references': ['postgres:*', '*base*', '*:*base*'],
    });
    assert.deepEqual([noEqual.length, uses], [1, 'sha256:aa 1700000000\n']);
  });

  test('keeps 10 GB where nothing is said, as docuum does, and takes an empty state', () => {
    const { set, uses } = take('docuum', '');
    assert.deepEqual([set['rules.disk.max_image_bytes'], uses], ['10GB', '']);
  });

  test('tells a pattern that no glob can say, and never makes a narrower one of it', () => {
    for (const regex of ['^(a|b)$', 'x[0-9]', 'a+', '\\d', 'a?b']) {
      const { set, noEqual } = take('docuum', '', '--keep', regex);
      assert.deepEqual([set['protect.references'], noEqual.length], [undefined, 1], regex);
    }
    assert.deepEqual(take('docuum', '', '--keep', '^registry.example/app:v1\\.2$').set['protect.references'], [
      'registry?example/app:v1.2',
    ]);
  });

  test('refuses flags that docuum does not have', () => {
    assert.throws(() => take('docuum', '', '--all'), /the flags of docuum.*--all/);
    assert.throws(() => take('docuum', '', '-t', 'much'), /max_image_bytes would be "much"/);
    assert.throws(() => take('docuum', 'images: [1]'), /does not hold/);
  });
});

describe('import docker-gc', () => {
  test('takes over the exclude file and its variables', () => {
    const words = ['GRACE_PERIOD_SECONDS=7200', 'MINIMUM_IMAGES_TO_SAVE=3', 'FORCE_IMAGE_REMOVAL=1', 'REMOVE_VOLUMES=0', 'DRY_RUN=1'];
    const { set, noEqual } = take('docker-gc', 'spotify/cassandra:latest\n\nredis:.*\r\n9681260c3ad5\nfoo[0-9]\n', ...words);
    const ages = { 'rules.unused_for': '2h', 'rules.min_age': '2h', 'rules.containers.exited_for': '2h' };
    const kept = { 'protect.keep_last': 2, 'protect.keep_last_for': 'always' };
    const references = ['spotify/cassandra:latest', 'redis:*', '9681260c3ad5'];
    assert.deepEqual(set, { ...ages, ...kept, enabled: false, 'protect.references': references });
    assert.deepEqual(
      noEqual.map((left) => left.split(':')[0]),
      ['FORCE_IMAGE_REMOVAL', 'KEEP foo[0-9]'],
    );
  });
});

test('import aziot-config takes over the section as it stands, and refuses one that is wrong', () => {
  const toml =
    '[provisioning]\nsource = "dps"\n[image_garbage_collection]\nimage_age_cleanup_threshold = "10 days"\ncleanup_time = "03:00"\n';
  assert.deepEqual(take('aziot-config', toml).set, { scope: 'recorded', 'rules.unused_for': '10d', 'schedule.at': '03:00' });
  assert.throws(() => take('aziot-config', '[image_garbage_collection]\ncleanup_time = "noon"\n'), /cleanup_time.*HH:MM/);
});

test('what is taken over is written as a file that loads and says the same', () => {
  const { set } = readForeign('docker-gc', 'file', 'redis:.*\n', ['MINIMUM_IMAGES_TO_SAVE=3']);
  for (const hasOthers of [false, true]) {
    const layer = parseSettingsFile('made', formatSettingsText({ head: ['A head.', ''], set, hasOthers }));
    assert.deepEqual(layer.problems, []);
    assert.deepEqual(new Map(layer.entries.map(({ path, raw }) => [path, raw])), set);
  }
});
