/** The chart's pod, on the CRI of real containerds, with the mounts, settings and rights that it renders. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as v from 'valibot';
import { parseAllDocuments } from 'yaml';
import { renderChart } from '../../tools/render-chart.mjs';
import { type ContainerdWorld, openContainerdWorld } from '../contract/containerd-world.ts';
import { local } from '../contract/contract-images.ts';
import { openLabOfRun } from '../contract/lab-of-run.ts';
import { CONTAINERD_KINDS, type ContainerdKind, type Lab } from '../lab/lab.ts';
import { runLab } from '../lab/lab-script.ts';
import { buildImage } from './container-image.ts';
import { until } from './daemon-process.ts';
import { type Folder, makeFolder } from './imagegc-process.ts';
import { configMap, daemonSet, type RunningPod, runPod } from './kubelet-by-hand.ts';

const TARGET_MISSED = 4;
const SHARED = 'profile = "kubernetes"\n[protect]\nlocal = "no"\nkeep_last = 0\n';
const POOL = '[rules]\nmin_age = "0s"\n';
const health = v.object({ problems: v.array(v.object({ subject: v.string() })), nextRunAt: v.nullable(v.string()) });

const lab = await openLabOfRun(CONTAINERD_KINDS.map((kind) => `the pod of the chart on ${kind}`));
if (lab !== null) {
  let folder: Folder;
  let archive = '';
  before(() => {
    folder = makeFolder();
    chmodSync(folder.path, 0o755);
    archive = buildImage(folder.path).archive;
  });
  after(async () => {
    folder[Symbol.dispose]();
    await lab.close();
  });
  for (const kind of CONTAINERD_KINDS) describe(`the pod of the chart on ${kind}`, () => describePod(lab, kind, () => archive));
}

function describePod(lab: Lab, kind: ContainerdKind, archive: () => string): void {
  let world: ContainerdWorld;
  let pod: RunningPod;
  let port = 0;
  before(async () => {
    world = await openContainerdWorld(lab, kind, 'kubernetes');
    // As on a node, where systemd has shared the root; a kubelet asks for that.
    await runLab(lab.directory, 'exec', world.engine.id, '/bin/busybox', 'mount', '--make-rshared', '/');
    const copy = join(world.engine.directory, 'imagegc-image.tar');
    copyFileSync(archive(), copy);
    await world.actor.ctr('images', 'import', copy);
    port = await findFreePort();
  });
  after(async () => {
    await pod.remove();
    await world.close();
  });
  const mapsFor = (settings: string) => render(world, port, settings).maps;
  const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`).then((answer) => ({ answer, status: answer.status }));
  const readHealth = async () => v.parse(health, await (await ask('/healthz')).answer.json());

  test('is ready, with what the chart renders and nothing more; how soon', async (context) => {
    const { spec, maps } = render(world, port, SHARED);
    const folder = join(world.engine.directory, 'kubelet');
    mkdirSync(folder);
    const begun = performance.now();
    pod = await runPod(world.client, spec, maps, folder);
    const status = () =>
      ask('/readyz').then(
        ({ status }) => status,
        () => 0,
      );
    await until(status, (answer) => answer === 200).catch((error: unknown) => assert.fail(`${error}\n${logOf(pod)}`));
    context.diagnostic(`ready ${Math.round(performance.now() - begun)} ms after its pod was asked for`);
    const read = "console.log(require('fs').readFileSync('/proc/1/status', 'utf8').match(/(NoNewPrivs|Seccomp|CapEff):.*/g).join())";
    const { output } = await pod.exec('/usr/bin/node', '-e', read);
    assert.match(output.replaceAll(/\s/g, ''), /CapEff:0{16},NoNewPrivs:1,Seccomp:2/);
  });

  test('takes the settings of all pools, and over them those of its own', async () => {
    const { output } = await pod.exec('imagegc', 'config', 'show', '--origin');
    assert.match(output, /keep_last = 0 .*config\.toml/);
    assert.match(output, /min_age = "0s" .*conf\.d\/pool\.toml/);
  });

  test('removes what no pod needs, and neither itself nor the sandbox image', async () => {
    const old = await world.actor.addImage(local('old', { layers: [['old', 300]] }));
    const { status, output } = await pod.exec('imagegc', 'collect', '--yes', '--free', '900GB');
    assert.equal(status, TARGET_MISSED, output);
    assert.match(output, /Done: 1 removed/);
    assert.equal(await world.runtime.readNames(old), null);
    assert.match(await world.actor.ctr('images', 'list', '--quiet'), /docker\.io\/lab\/pause:v1\ndocker\.io\/library\/imagegc:/);
  });

  test('measures the disk of the engine', async () => {
    const { output } = await pod.exec('imagegc', 'export', 'inventory');
    assert.match(output, /"disk": ?\{\s*"capacityBytes": ?[1-9]/);
  });

  test('takes a changed ConfigMap as it runs; a wrong one changes nothing, and its health says so', async () => {
    assert.match((await readHealth()).nextRunAt ?? '', /T00:00:00/);
    pod.changeSettings(mapsFor(`${SHARED}[schedule]\nat = "12:34"\n`));
    await until(readHealth, ({ nextRunAt }) => /T12:34:00/.test(nextRunAt ?? ''));
    pod.changeSettings(mapsFor('[rules]\nunused_for = "soon"\n'));
    const bad = await until(readHealth, ({ problems }) => problems.length > 0);
    assert.deepEqual([bad.problems.map(({ subject }) => subject), /T12:34:00/.test(bad.nextRunAt ?? '')], [['settings'], true]);
    pod.changeSettings(mapsFor(SHARED));
    await until(readHealth, ({ problems, nextRunAt }) => problems.length === 0 && /T00:00:00/.test(nextRunAt ?? ''));
    assert.equal(logOf(pod).match(/imagegc daemon, store/g)?.length, 1);
  });

  test('finds the new socket of an engine that was started again', async () => {
    await world.engine.kill9();
    await world.engine.restart();
    const status = () =>
      ask('/readyz').then(
        ({ status }) => status,
        () => 0,
      );
    await until(
      () => Promise.resolve(logOf(pod)),
      (log) => (log.match(/ready: /g)?.length ?? 0) > 1,
      60_000,
    );
    assert.equal(await status(), 200);
  });
}

function render(world: ContainerdWorld, port: number, settings: string) {
  const { directory, socketPath, dataRoot } = world.engine;
  const engine = { scheme: 'containerd', socket: socketPath, root: dataRoot };
  const pools = [{ name: 'all', settings: POOL }];
  const texts = renderChart({ changes: { engine, port, pools, settings, store: join(directory, 'store') } });
  const documents = [...texts.values()].flatMap((text) => parseAllDocuments(text).map((each): unknown => each.toJS()));
  const found = documents.flatMap((each) => (v.is(daemonSet, each) ? [v.parse(daemonSet, each).spec.template.spec] : []));
  const [spec] = found;
  if (spec === undefined) throw new Error('the chart has no DaemonSet that a kubelet here could run');
  return { spec, maps: documents.filter((each) => v.is(configMap, each)) };
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function logOf({ logPath }: RunningPod): string {
  return readFileSync(logPath, 'utf8');
}
