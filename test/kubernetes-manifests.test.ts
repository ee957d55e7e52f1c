/** The chart and the plain manifests: what they render to, by Kubernetes' own schemas, and what their pod may do. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as v from 'valibot';
import { parseAllDocuments } from 'yaml';
import { renderChart } from '../tools/render-chart.mjs';
import { PROJECT_ROOT, readProjectFile } from './code/project-files.ts';

const schemas = v.object({ kinds: v.record(v.string(), v.string()), $defs: v.record(v.string(), v.unknown()) });
const { kinds, $defs } = v.parse(schemas, JSON.parse(readProjectFile('test/fixtures/kubernetes/schema-1.22.json')));
const resource = v.looseObject({ apiVersion: v.string(), kind: v.string(), metadata: v.looseObject({ name: v.string() }) });
type Resource = v.InferOutput<typeof resource>;

/** Everything that can be switched on, and two pools. */
const EVERYTHING = {
  image: { repository: 'registry.example/team/imagegc', tag: '1.2.3' },
  imagePullSecrets: [{ name: 'registry' }],
  engine: { scheme: 'containerd', socket: '/run/k3s/containerd/containerd.sock', root: '/var/lib/rancher/k3s/agent/containerd' },
  settings: 'profile = "kubernetes"\n[protect]\nreferences = ["registry.example/base/*"]\n',
  pools: [
    {
      name: 'build',
      nodeSelector: { pool: 'build' },
      tolerations: [{ key: 'pool', value: 'build', effect: 'NoSchedule' }],
      settings: '[rules]\nunused_for = "1d"\n',
    },
    { name: 'rest', nodeSelector: { pool: 'rest' }, settings: '' },
  ],
  podMonitor: { enabled: true, labels: { release: 'prometheus' }, interval: '30s' },
  timeZone: 'Europe/Berlin',
  seLinuxOptions: { type: 'spc_t' },
};
const CASES: readonly (readonly [title: string, changes: Readonly<Record<string, unknown>>])[] = [
  ['its own values', {}],
  ['everything switched on, and two pools', EVERYTHING],
  ['everything switched off', { podMonitor: { enabled: false }, priorityClass: { create: false }, pools: [] }],
];

describe('the chart', () => {
  for (const [title, changes] of CASES) {
    test(`with ${title} renders what Kubernetes knows`, () => {
      assert.deepEqual(listDocuments(changes).flatMap(findFaults), []);
    });
  }

  test('and the check of it notice a field that Kubernetes does not have, one that is missing, and a wrong type', () => {
    const [account] = listDocuments({}).filter(({ kind }) => kind === 'ServiceAccount');
    assert.ok(account);
    assert.deepEqual(findFaults({ ...account, automount: false }), ['ServiceAccount imagegc:  must NOT have additional properties']);
    const faults = listDocuments({ updateStrategy: { rolling: {} }, imagePullSecrets: 'registry' }).flatMap(findFaults);
    assert.match(faults.join('\n'), /imagePullSecrets must be array\n.*updateStrategy must NOT have additional/);
  });

  test('makes one DaemonSet and one ConfigMap per pool, beside the settings of all', () => {
    const names = listDocuments(EVERYTHING).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    const wanted = ['DaemonSet imagegc-build', 'DaemonSet imagegc-rest', 'ConfigMap imagegc-settings', 'ConfigMap imagegc-settings-build'];
    assert.deepEqual(
      wanted.filter((name) => !names.includes(name)),
      [],
    );
  });

  test('gives no rights: no role, no token, no capability, no way to more', () => {
    const text = JSON.stringify(listDocuments(EVERYTHING));
    assert.doesNotMatch(text, /Role|hostPID|privileged"/);
    const rights = [
      '"drop":["ALL"]',
      '"allowPrivilegeEscalation":false',
      '"readOnlyRootFilesystem":true',
      '"automountServiceAccountToken":false',
    ];
    assert.deepEqual(
      rights.filter((each) => !text.includes(each)),
      [],
    );
  });
});

test('the plain manifests are what the chart renders, with its PodMonitor', () => {
  const folder = 'packaging/kubernetes';
  const there = readdirSync(join(PROJECT_ROOT, folder)).flatMap((name) => readDocuments(readProjectFile(`${folder}/${name}`)));
  const hint = 'run node tools/render-chart.mjs';
  assert.deepEqual(sorted(there), sorted(listDocuments({ podMonitor: { enabled: true } })), hint);
});

test('the chart is of the version of this package', () => {
  const { version } = v.parse(v.object({ version: v.string() }), JSON.parse(readProjectFile('package.json')));
  const chart = readProjectFile('packaging/helm/imagegc/Chart.yaml');
  assert.deepEqual([/^version: (.*)$/m.exec(chart)?.[1], /^appVersion: (.*)$/m.exec(chart)?.[1]], [version, version]);
  assert.ok(readProjectFile('packaging/swarm/imagegc-stack.yml').includes(`imagegc:${version}}`));
});

function listDocuments(changes: Readonly<Record<string, unknown>>): readonly Resource[] {
  return [...renderChart({ changes }).values()].flatMap(readDocuments);
}

function readDocuments(text: string): readonly Resource[] {
  const documents = parseAllDocuments(text).map((each): unknown => each.toJS());
  return documents.filter((each) => each !== null).map((each) => v.parse(resource, each));
}

function sorted(documents: readonly Resource[]): readonly (readonly [string, Resource])[] {
  return documents.map((each) => [`${each.kind} ${each.metadata.name}`, each] as const).sort(([a], [b]) => a.localeCompare(b));
}

function findFaults(document: Resource): readonly string[] {
  const reference = kinds[`${document.apiVersion}/${document.kind}`];
  if (reference === undefined) return [`${document.apiVersion} ${document.kind}: no such kind here`];
  const check = new Ajv2020({ strict: false, allErrors: true }).compile({ $ref: reference, $defs });
  check(document);
  return (check.errors ?? []).map(({ instancePath, message }) => `${document.kind} ${document.metadata.name}: ${instancePath} ${message}`);
}
