/** `[rules.containers]` on real engines: what ended for good goes, with what it held following later, and nothing else of it. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import * as v from 'valibot';
import { openLabOfRun } from '../contract/lab-of-run.ts';
import { ENGINE_KINDS, type EngineKind, type Lab, type LabEngine } from '../lab/lab.ts';
import { runInProcess } from './cli-world.ts';
import { wordsFor } from './daemon-process.ts';
import { findImage } from './engine-names.ts';
import { makeFolder } from './imagegc-process.ts';

const NAMES = ['job', 'service', 'compose', 'restarted', 'rerun'];

const lab = await openLabOfRun(ENGINE_KINDS.map((kind) => `exited containers on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  describe('exited containers', { concurrency: true }, () => {
    for (const kind of ENGINE_KINDS)
      test(`go on ${kind} when they ended for good, and leave their volumes`, () => collectContainers(lab, kind));
  });
}

async function collectContainers(lab: Lab, kind: EngineKind): Promise<void> {
  await using closing = new AsyncDisposableStack();
  const folder = closing.use(makeFolder());
  const engine = await lab.start(kind);
  closing.defer(() => engine.stop());
  await engine.loadImages(NAMES.map((name) => ({ repository: `lab/${name}`, tags: ['1'], layers: [{ key: name, kb: 40 }] })));
  const [volume] = await startAll(engine);
  const words = [...wordsFor(folder.path, engine.socketPath), '--rules-containers-exited-for', '7d', '--protect-local', 'no'];
  const collect = (days: number, more: readonly string[] = []) => runInProcess(['collect', '--yes', ...words, ...more], days);
  assert.doesNotMatch((await collect(0)).stdout, /goes first/);
  await engine.request('POST', '/containers/rerun/start');
  await engine.stopContainer('rerun');
  const planned = await runInProcess(['plan', ...words], 8);
  assert.match(planned.stdout, /1 container goes first, exited for 7d or more: job \(exited 8 d ago\)\. Volumes stay\./);
  const first = await collect(8);
  assert.deepEqual([first.status, first.stderr], [0, '']);
  assert.match(first.stdout, /\n {2}container job: removed\n/);
  assert.deepEqual(await listNames(engine), ['compose', 'rerun', 'restarted', 'service']);
  assert.equal((await engine.request('GET', `/volumes/${volume}`)).status, 200);
  assert.notEqual(await findImage(engine, 'lab/job:1'), null);
  assert.match((await collect(15, ['--json'])).stdout, /"name": ?"rerun"/);
  await collect(23);
  assert.equal(await findImage(engine, 'lab/job:1'), null);
  assert.deepEqual(await listNames(engine), ['compose', 'restarted', 'service']);
}

const created = v.object({ Id: v.string() });

/** @returns the name of the volume that the job wrote to */
async function startAll(engine: LabEngine): Promise<readonly string[]> {
  const create = async (name: string, host: object, labels: object): Promise<string> => {
    const body = { Image: `lab/${name}:1`, HostConfig: { NetworkMode: 'none', ...host }, Labels: labels };
    const { Id } = v.parse(created, (await engine.request('POST', `/containers/create?name=${name}`, body)).body);
    await engine.request('POST', `/containers/${Id}/start`);
    if (name !== 'service') await engine.stopContainer(Id);
    return Id;
  };
  await create('job', { Mounts: [{ Type: 'volume', Target: '/data' }] }, {});
  await create('service', {}, {});
  await create('compose', {}, { 'com.docker.compose.project': 'shop' });
  await create('restarted', { RestartPolicy: { Name: 'unless-stopped' } }, {});
  await create('rerun', {}, {});
  const { body } = await engine.request('GET', '/containers/job/json');
  const mounts = v.parse(v.object({ Mounts: v.array(v.object({ Name: v.string() })) }), body).Mounts;
  return mounts.map(({ Name }) => Name);
}

async function listNames(engine: LabEngine): Promise<readonly string[]> {
  const { body } = await engine.request('GET', '/containers/json?all=1');
  return v
    .parse(v.array(v.object({ Names: v.array(v.string()) })), body)
    .map(({ Names }) => Names[0]?.slice(1) ?? '')
    .toSorted();
}
