import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeInventory } from '../../../test/worlds/world.ts';
import { type FoundWorkloads, findWorkloads } from './find-workloads.ts';

type Files = Readonly<Record<string, string | Error>>;

function failed(code: string): Error {
  return Object.assign(new Error(`${code}: so it is`), { code });
}

/** A host with these files alone; an error in place of a text is thrown to who reads it. */
function hostOf(files: Files, userId = 0) {
  const readFile = (path: string): string => {
    const text = files[path] ?? failed('ENOENT');
    if (typeof text !== 'string') throw text;
    return text;
  };
  const listDirectory = (folder: string): readonly string[] => {
    if (files[folder] instanceof Error) throw files[folder];
    const prefix = folder === '/' ? '/' : `${folder}/`;
    const below = Object.keys(files).filter((path) => path.startsWith(prefix));
    if (below.length === 0) throw failed('ENOENT');
    return [...new Set(below.map((path) => path.slice(prefix.length).split('/')[0] ?? ''))];
  };
  return { readFile, listDirectory, home: '/home/me', userId };
}

function find(files: Files, declared: readonly string[] = [], labels: Readonly<Record<string, string>> = {}): Promise<FoundWorkloads> {
  const { containers } = makeInventory({ images: [{ name: 'a' }], containers: [{ of: 'a', labels }] });
  return findWorkloads(hostOf(files), declared, containers);
}

function linesOf({ workloads }: FoundWorkloads): readonly string[] {
  return workloads.map(({ pattern, by }) => `${pattern} by ${by}`);
}

const SHOP = {
  'com.docker.compose.project': 'shop',
  'com.docker.compose.project.working_dir': '/srv/shop',
  'com.docker.compose.project.config_files': '/srv/shop/compose.yaml,/srv/shop/compose.prod.yaml',
};

describe('findWorkloads()', () => {
  it('reads the quadlets of the host, and of a user those of their own Podman besides', async () => {
    const quadlet = (image: string) => `[Container]\nImage=${image}\n`;
    const files = {
      '/etc/containers/systemd/web.container': quadlet('docker.io/shop/web:1'),
      '/run/containers/systemd/made.container': quadlet('docker.io/shop/made:1'),
      '/etc/containers/systemd/users/all.container': quadlet('docker.io/shop/all:1'),
      '/etc/containers/systemd/users/7/seven.container': quadlet('docker.io/shop/seven:1'),
      '/etc/containers/systemd/users/8/eight.container': quadlet('docker.io/shop/eight:1'),
      '/home/me/.config/containers/systemd/mine.container': quadlet('docker.io/shop/mine:1'),
    };
    const namesOf = async (userId: number) => {
      const { workloads, doubts } = await findWorkloads(hostOf(files, userId), [], []);
      assert.deepEqual(doubts, []);
      return workloads.map(({ pattern }) => /shop\/(\w+)/.exec(pattern)?.[1]);
    };
    assert.deepEqual(await namesOf(0), ['web', 'made']);
    assert.deepEqual(await namesOf(7), ['web', 'made', 'all', 'seven', 'mine']);
  });

  it('takes a file that podman-compose names for one of its working folder', async () => {
    const labels = { ...SHOP, 'com.docker.compose.project.config_files': 'compose.yaml' };
    const found = await find({ '/srv/shop/compose.yaml': 'services: { web: { image: "shop/web:1" } }' }, [], labels);
    assert.deepEqual(linesOf(found), ['shop/web:1 by /srv/shop/compose.yaml (service web)']);
  });

  it('reads the files that labels of Compose name, with their variables, what they build, include and extend', async () => {
    const found = await find(
      {
        '/srv/shop/.env': 'TAG=7',
        '/srv/shop/compose.yaml': [
          'include: [db.yaml, { path: [cache.yaml] }]',
          'x-base: &base { restart: always }',
          'services:',
          '  web: { image: "shop/web:$TAG" }',
          '  api: { <<: *base, image: "$REGISTRY/api" }',
          '  worker: { build: . }',
          '  job: { extends: { file: ../common/job.yaml, service: job } }',
        ].join('\n'),
        '/srv/shop/compose.prod.yaml': 'services: { web: { image: !override "shop/web:$TAG-prod" } }',
        '/srv/shop/db.yaml': 'services: { db: { image: postgres } }',
        '/srv/shop/cache.yaml': 'services: { cache: { image: "redis@sha256:'.concat('a'.repeat(64), '" } }'),
        '/srv/common/job.yaml': 'services: { job: { image: "job:1" } }',
      },
      [],
      SHOP,
    );
    assert.deepEqual(found.doubts, []);
    assert.deepEqual(linesOf(found), [
      'shop/web:7 by /srv/shop/compose.yaml (service web)',
      '*/api:latest by /srv/shop/compose.yaml (service api)',
      'shop?worker:latest by /srv/shop/compose.yaml (service worker)',
      'shop/web:7-prod by /srv/shop/compose.prod.yaml (service web)',
      'postgres:latest by /srv/shop/db.yaml (service db)',
      `redis@sha256:${'a'.repeat(64)} by /srv/shop/cache.yaml (service cache)`,
      'job:1 by /srv/common/job.yaml (service job)',
    ]);
  });

  it('finds quadlets and static pods by themselves', async () => {
    const found = await find({
      '/etc/containers/systemd/web.container': '[Container]\nImage=quay.io/team/web:3\n',
      '/etc/containers/systemd/app.container': '[Container]\nImage=app.image\n',
      '/etc/containers/systemd/app.image': '[Image]\nImage = quay.io/team/app:%i\n',
      '/etc/containers/systemd/notes.txt': 'Image=none:1',
      '/etc/kubernetes/manifests/api.yaml': [
        'apiVersion: v1',
        'kind: Pod',
        'metadata: { name: api }',
        'spec:',
        '  initContainers: [{ name: init, image: "init:1" }]',
        '  containers: [{ name: api, image: "registry.k8s.io/api:v1" }]',
        '  volumes: [{ name: data, image: { reference: "data:2" } }]',
        '---',
        'kind: ConfigMap',
      ].join('\n'),
    });
    assert.deepEqual(linesOf(found), [
      'quay.io/team/web:3 by /etc/containers/systemd/web.container (unit)',
      'quay.io/team/app:* by /etc/containers/systemd/app.image (unit)',
      'init:1 by /etc/kubernetes/manifests/api.yaml (pod api, container init)',
      'registry.k8s.io/api:v1 by /etc/kubernetes/manifests/api.yaml (pod api, container api)',
      'data:2 by /etc/kubernetes/manifests/api.yaml (pod api, container data)',
    ]);
  });

  it('reads what the settings name, with * and ? for parts of names', async () => {
    const files = {
      '/srv/one/compose.yaml': 'services: { a: { image: "one:1" } }',
      '/srv/two/compose.yaml': 'services: { a: { image: "two:1" } }',
      '/srv/three/readme': '',
      '/srv/two/other.yaml': 'services: { a: { image: "other:1" } }',
    };
    const found = await find(files, ['/srv/*/compose.yaml', '/none/*/compose.yaml']);
    assert.deepEqual([found.workloads.map(({ pattern }) => pattern), found.doubts], [['one:1', 'two:1'], []]);
  });

  for (const [what, files, declared, said] of [
    ['that the settings name and is not there', {}, ['/srv/compose.yaml'], /\/srv\/compose.yaml needs is not known .*protect.workloads/],
    [
      'that the settings name and is no YAML',
      { '/srv/compose.yaml': 'services: [' },
      ['/srv/compose.yaml'],
      /\/srv\/compose.yaml needs is not known/,
    ],
    [
      'that was found and may not be read',
      { '/etc/kubernetes/manifests/a.yaml': failed('EACCES') },
      [],
      /a.yaml needs is not known \(EACCES/,
    ],
    ['in a folder that may not be listed', { '/etc/kubernetes/manifests': failed('EACCES') }, [], /manifests needs is not known/],
  ] as const) {
    it(`doubts for a file ${what}`, async () => {
      const { doubts, workloads } = await find(files, declared);
      assert.deepEqual([workloads, doubts.map(({ kind }) => kind)], [[], ['protected-unknown']]);
      assert.match(doubts[0]?.message ?? '', said);
    });
  }

  it('lets a name that cannot be resolved, or is none, cost only itself, and a Compose file that is gone nothing', async () => {
    const found = await find(
      { '/srv/shop/compose.yaml': 'services: { a: { image: "$WHOLE" }, b: { image: "Not A Name" }, c: { image: "c:1" }, d: 3 }' },
      [],
      SHOP,
    );
    assert.deepEqual([found.workloads.map(({ pattern }) => pattern), found.doubts], [['*', 'c:1'], []]);
  });

  it('reads files that include each other once each', async () => {
    const files = { '/a/a.yaml': 'include: [../b/b.yaml]', '/b/b.yaml': 'include: [../a/a.yaml]\nservices: { b: { image: "b:1" } }' };
    assert.deepEqual(linesOf(await find(files, ['/a/a.yaml'])), ['b:1 by /b/b.yaml (service b)']);
  });

  it('reads nothing that is no absolute path, as where Compose was given its file by standard input', async () => {
    const found = await find({ '-': 'services: {}' }, [], { ...SHOP, 'com.docker.compose.project.config_files': '-' });
    assert.deepEqual(found, { workloads: [], doubts: [] });
  });
});
