/** What a host that had another collector is met with: `init`, `doctor`, and `import` of a record. The host is made up of files. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { readHostFacts } from '../src/cli/host-facts.ts';
import { processWorld } from '../src/cli/process-world.ts';
import { MemoryEngine } from '../src/runtime/memory/memory-engine.ts';
import { openMemory } from '../src/runtime/memory/memory-runtime.ts';
import { openMemoryStore } from '../src/store/open-sqlite-store.ts';
import { runInProcess } from './e2e/cli-world.ts';

const folder = mkdtempSync(join(tmpdir(), 'first-steps-'));
after(() => rmSync(folder, { recursive: true }));

type Files = Readonly<Record<string, string>>;
const MOUNTS = '22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 179:2 / /var/lib rw - ext4 /dev/mmcblk0p2 rw\n';
const ON_FLASH: Files = { '/proc/self/mountinfo': MOUNTS, '/sys/dev/block/179:2/uevent': 'MAJOR=179\nDEVNAME=mmcblk0p2\n' };
const KUBELET: Files = { '/var/lib/kubelet/config.yaml': 'kind: KubeletConfiguration\n' };
const COLLECTORS: Files = {
  '/proc/412/comm': 'docuum\n',
  '/proc/413/comm': 'bash\n',
  '/etc/cron.daily/tidy': '#!/bin/sh\n# docker image prune was here\ndocker system prune -af\n',
  '/etc/cron.d/commented': '# 0 0 * * * root docker system prune -f\n',
};

/** A host that has these files and no other. */
function hostOf(files: Files) {
  const paths = Object.keys(files);
  return {
    readFile: (path: string) => files[path] ?? notThere(path),
    listDirectory: (path: string) => {
      const inside = paths.filter((each) => each.startsWith(`${path}/`)).map((each) => each.slice(path.length + 1).split('/')[0] ?? '');
      return inside.length === 0 ? notThere(path) : [...new Set(inside)];
    },
  };
}

function notThere(path: string): never {
  throw Object.assign(new Error(`there is no ${path}`), { code: 'ENOENT' });
}

describe('readHostFacts()', () => {
  test('knows nothing of a host that tells nothing', () => {
    const nothing = { storage: null, kubelet: null, collectors: [], hasBattery: false, builder: null };
    assert.deepEqual(readHostFacts(hostOf({}), '/var/lib/docker'), nothing);
  });

  test('finds a flash card, a hard disk and a solid state disk below partitions, by the mount that holds the path', () => {
    const storageAt = (path: string, more: Files = {}) => readHostFacts(hostOf({ ...ON_FLASH, ...more }), path).storage;
    assert.equal(storageAt('/var/lib/docker'), 'flash card');
    assert.equal(storageAt('/var/library'), null);
    assert.equal(storageAt('/srv', { '/sys/dev/block/8:1/../queue/rotational': '1\n' }), 'hard disk');
    assert.equal(storageAt('/srv', { '/sys/dev/block/8:1/queue/rotational': '0\n' }), 'solid state');
  });

  test('finds collectors that run or are scheduled, and none in comments', () => {
    assert.deepEqual(readHostFacts(hostOf(COLLECTORS), '/').collectors, [
      'docuum (process 412)',
      'docker system prune (/etc/cron.daily/tidy)',
    ]);
  });

  test('finds the mark of a kubelet, and does without one whose settings cannot be read', () => {
    assert.deepEqual(readHostFacts(hostOf(KUBELET), '/').kubelet, { path: '/var/lib/kubelet/config.yaml', high: '85%' });
    assert.equal(readHostFacts(hostOf({ '/var/lib/kubelet/config.yaml': 'kind: [' }), '/').kubelet, null);
  });
});

describe('imagegc init', () => {
  const init = (files: Files, ...words: readonly string[]) => runInProcess(['init', ...words], 0, hostOf(files));

  for (const [profile, files] of [
    ['edge', ON_FLASH],
    ['kubernetes', { ...ON_FLASH, ...KUBELET }],
    ['build-host', { '/proc/9/comm': 'gitlab-runner\n' }],
    ['laptop', { '/sys/class/power_supply/BAT0/type': 'Battery\n' }],
  ] as const) {
    test(`suggests ${profile} where it fits, in a file that loads`, async () => {
      const { status, stdout } = await init(files, '-');
      assert.equal(status, 0);
      assert.match(stdout, new RegExp(`^profile = "${profile}"$`, 'm'));
      const file = join(folder, `${profile}.toml`);
      writeFileSync(file, stdout);
      const shown = await runInProcess(['config', 'show', '--origin', '--config', file], 0);
      assert.match(shown.stdout, new RegExp(`profile = "${profile}" +# file `));
    });
  }

  test('makes room on any other host, and names what else removes images', async () => {
    const { stdout } = await init(COLLECTORS, '-');
    assert.match(stdout, /^high = "85%"$/m);
    assert.match(stdout, /^# Also removes images here: docuum \(process 412\)\. Turn it off\.$/m);
  });

  test('writes a file, and never over one that sets something', async () => {
    const file = join(folder, 'etc', 'config.toml');
    assert.equal((await runInProcess(['init', file], 0)).status, 0);
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, `${before}\nscope = 1`.replace('\nscope', '\n# scope'));
    const again = await runInProcess(['init', file], 0);
    assert.equal(again.status, 2);
    assert.match(again.stderr, /it is there and sets something/);
    writeFileSync(file, '# nothing is set here\n');
    assert.equal((await runInProcess(['init', file], 0)).status, 0);
    assert.match(readFileSync(file, 'utf8'), /^# Settings of imagegc, written by "imagegc init"/);
    assert.ok(existsSync(file));
  });
});

describe('imagegc doctor', () => {
  const doctor = async (files: Files, ...words: readonly string[]) => {
    const world = {
      ...hostOf(files),
      openRuntime: () => Promise.resolve(openMemory(new MemoryEngine({ capacityBytes: 1e12 }))),
      openStore: openMemoryStore,
    };
    return (
      await runInProcess(['doctor', '--engine-address', 'unix:///x', '--store-path', join('/var/lib', folder.slice(1)), ...words], 0, world)
    ).stdout;
  };

  test('names other collectors, a flash card, and a kubelet that would be first, and what to do', async () => {
    const told = await doctor({ ...COLLECTORS, ...ON_FLASH, ...KUBELET });
    assert.match(told, /BAD {2}collector docuum \(process 412\) removes images too.*\n +turn it off/);
    assert.match(told, /BAD {2}collector docker system prune \(\/etc\/cron\.daily\/tidy\)/);
    assert.match(told, /note disk {6}the store lies on a flash card.*\n +profile = "edge"/);
    assert.match(told, /note kubelet {3}it collects from 85% on, before imagegc does\n +set rules\.disk\.high below that/);
  });

  test('says nothing of them where there is nothing to say', async () => {
    assert.doesNotMatch(await doctor({}), /removes images too|flash|kubelet/);
    assert.doesNotMatch(await doctor(KUBELET, '--profile', 'kubernetes'), /kubelet/);
  });
});

test('imagegc import docuum takes over its record of last uses beside its settings', async () => {
  const state = join(folder, 'state.yml');
  const images = [
    'sha256:aa:',
    '  parent_id: ~',
    '  last_used_since_epoch: { secs: 1700000000, nanos: 5 }',
    'sha256:bb: { last_used_since_epoch: { secs: 7 } }',
  ];
  writeFileSync(state, `images:\n${images.map((line) => `  ${line}\n`).join('')}`);
  const engine = new MemoryEngine({ capacityBytes: 1e12 });
  const { readClock } = processWorld();
  const trusted = () => ({ ...readClock(), isSynchronised: true });
  const world = { openRuntime: () => Promise.resolve(openMemory(engine)), readClock: trusted };
  const settings = ['--engine-address', 'unix:///x', '--store-path', join(folder, 'store')];
  const { status, stdout, stderr } = await runInProcess(['import', 'docuum', state, ...settings, '--', '-t', '5 GB'], 0, world);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^# Imported 1 records, 1 lines left out\.$/m);
  assert.match(stdout, /^max_image_bytes = "5GB"$/m);
  assert.match(stderr, /before 2013/);
  const exported = await runInProcess(['export', 'image_use', ...settings], 0, world);
  assert.equal(exported.stdout, 'sha256:aa 1700000000\n');
});
