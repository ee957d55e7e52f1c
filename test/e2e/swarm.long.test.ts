/** The stack file, on a swarm of three engines of two generations, each on a network of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as v from 'valibot';
import { readProjectFile } from '../code/project-files.ts';
import { openLabOfRun } from '../contract/lab-of-run.ts';
import { stringOf } from '../lab/engine-api.ts';
import { type DockerKind, imageFamily, type Lab, type LabEngine } from '../lab/lab.ts';
import { buildImage, execIn, loadImage, logOf } from './container-image.ts';
import { until } from './daemon-process.ts';
import { makeFolder } from './imagegc-process.ts';

/** The first is the manager; only its generation brings Docker's command line along. */
const KINDS: readonly DockerKind[] = ['docker-old-overlay2', 'docker-new-overlay2', 'docker-new-containerd'];
const SERVICE = 'imagegc_imagegc';
const PORT = 2377;
/** A node that says nothing is down after three heartbeats of five seconds. */
const DOWN_MS = 60_000;
const UPDATE_MS = 120_000;
const containers = v.array(v.object({ Id: v.string(), State: v.string() }));
const images = v.array(v.object({ RepoTags: v.nullable(v.array(v.string())) }));
const tokens = v.object({ JoinTokens: v.object({ Worker: v.string() }) });
const nodes = v.array(v.object({ Status: v.object({ Addr: v.optional(v.string(), ''), State: v.string() }) }));
const service = v.object({ UpdateStatus: v.optional(v.object({ State: v.string() })) });

/** Everything but so many images goes at once: the disk rule has no brakes. imagegc's own counts, and stays. */
const keeping = (imagesMax: number) =>
  `[rules]\nmin_age = "0s"\n[rules.disk]\nmax_images = ${imagesMax}\n[protect]\nlocal = "no"\nkeep_last = 0\n`;

const IP = 'ip';
const missing = spawnSync(IP, ['-V']).status === 0 ? null : 'missing: ip (Debian package iproute2)';
if (missing !== null) test('the stack on a swarm', { skip: missing });
const lab = missing === null ? await openLabOfRun(['the stack on a swarm']) : null;
if (lab !== null) {
  after(() => lab.close());
  describe('the stack on a swarm of three', () => describeSwarm(lab));
}

function describeSwarm(lab: Lab): void {
  const engines: LabEngine[] = [];
  let swarm: Swarm;
  before(async () => {
    using folder = makeFolder();
    chmodSync(folder.path, 0o755);
    const { archive } = buildImage(folder.path);
    for (const [index, kind] of KINDS.entries()) {
      engines.push(await lab.start(kind, `swarm${index}`, { address: `10.77.0.${index + 1}` }));
    }
    for (const engine of engines) await loadImage(engine, archive);
    swarm = await joinAll(engines);
  });
  after(async () => {
    for (const engine of engines) await engine.stop();
  });
  const addImages = async (engine: LabEngine, prefix: string) => void (await engine.loadImages(imageFamily({ count: 4, prefix })));

  test('runs on every node, and each collects its own host', async (context) => {
    const begun = performance.now();
    await swarm.deploy(1, keeping(1));
    for (const engine of engines) await untilReady(engine);
    context.diagnostic(`ready on three nodes ${Math.round(performance.now() - begun)} ms after the stack was deployed`);
    for (const [index, engine] of engines.entries()) await addImages(engine, `lab/of${index}-`);
    for (const engine of engines) assert.deepEqual(await untilImages(engine, 0), []);
  });

  test('takes settings that are changed once, on all nodes', async (context) => {
    const begun = performance.now();
    await swarm.deploy(2, keeping(3));
    for (const engine of engines) await untilSetting(engine, 'max_images = 3');
    context.diagnostic(`in force on three nodes ${Math.round(performance.now() - begun)} ms after they were changed`);
    for (const engine of engines) await untilReady(engine);
    for (const engine of engines) await addImages(engine, 'lab/second');
    for (const engine of engines) assert.equal((await untilImages(engine, 2)).length, 2);
  });

  test('goes back to the last good settings on all nodes when they are wrong', async () => {
    await swarm.deploy(3, '[rules]\nunused_for = "soon"\n');
    await until(swarm.updateState, (state) => state === 'rollback_completed', UPDATE_MS);
    for (const engine of engines) assert.doesNotMatch(await untilSetting(engine, 'max_images = 3'), /soon/);
  });

  test('comes back with a node that was killed', async () => {
    const [, killed] = engines;
    assert.ok(killed);
    await killed.cutPower();
    await until(swarm.statesOfNodes, (states) => states[1] === 'down', DOWN_MS);
    await killed.restart();
    await until(swarm.statesOfNodes, (states) => states[1] === 'ready', DOWN_MS);
    await untilReady(killed);
    await addImages(killed, 'lab/after-kill');
    await untilImages(killed, 2);
  });

  test('goes on by its last settings on a node that is cut off, and takes the new ones when it is back', async () => {
    const [first, second, alone] = engines;
    assert.ok(first && second && alone);
    await alone.plug(false);
    await until(swarm.statesOfNodes, (states) => states[2] === 'down', DOWN_MS);
    await swarm.deploy(4, keeping(1));
    for (const engine of [first, second]) await untilImages(engine, 0);
    await addImages(alone, 'lab/cut-off');
    await untilSetting(alone, 'max_images = 3');
    await untilImages(alone, 2);
    await alone.plug(true);
    await untilSetting(alone, 'max_images = 1');
    await untilImages(alone, 0);
  });
}

interface Swarm {
  /** Deploys the stack with these settings. */
  deploy(settingsVersion: number, settings: string): Promise<void>;
  readonly updateState: () => Promise<string>;
  /** In the order of the engines. */
  readonly statesOfNodes: () => Promise<readonly string[]>;
}

async function joinAll(engines: readonly LabEngine[]): Promise<Swarm> {
  const [manager, ...workers] = engines;
  if (manager === undefined) throw new RangeError('a swarm of none');
  const at = (index: number) => ({ ListenAddr: `10.77.0.${index}:${PORT}`, AdvertiseAddr: `10.77.0.${index}` });
  await askWell(manager, 'POST', '/swarm/init', at(1));
  const { Worker } = v.parse(tokens, await askWell(manager, 'GET', '/swarm')).JoinTokens;
  for (const [index, worker] of workers.entries()) {
    await askWell(worker, 'POST', '/swarm/join', { ...at(index + 2), RemoteAddrs: [`10.77.0.1:${PORT}`], JoinToken: Worker });
  }
  const folder = dirname(manager.socketPath);
  // Sooner than anybody would want on real nodes, where a task that fails should be seen to.
  const stack = readProjectFile('packaging/swarm/imagegc-stack.yml')
    .replace('delay: 10s', 'delay: 0s')
    .replace('monitor: 30s', 'monitor: 3s');
  writeFileSync(join(folder, 'imagegc-stack.yml'), stack);
  return {
    async deploy(settingsVersion, settings) {
      writeFileSync(join(folder, 'config.toml'), settings);
      const command = [
        'docker',
        'stack',
        'deploy',
        '--resolve-image',
        'never',
        '--compose-file',
        join(folder, 'imagegc-stack.yml'),
        'imagegc',
      ];
      await manager.exec(`SETTINGS_VERSION=${settingsVersion}`, ...command);
    },
    updateState: async () => v.parse(service, await askWell(manager, 'GET', `/services/${SERVICE}`)).UpdateStatus?.State ?? 'none',
    async statesOfNodes() {
      const listed = v.parse(nodes, await askWell(manager, 'GET', '/nodes'));
      const sorted = listed.map(({ Status }) => [Status.Addr, Status.State] as const).sort(([a], [b]) => a.localeCompare(b));
      return sorted.map(([, state]) => state);
    },
  };
}

async function askWell(engine: LabEngine, method: string, path: string, body?: object): Promise<unknown> {
  const reply = await engine.request(method, path, body);
  if (reply.status >= 400) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`);
  return reply.body;
}

/** The task of the service that runs on a node; null between two. */
async function findTask(engine: LabEngine): Promise<string | null> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`com.docker.swarm.service.name=${SERVICE}`], status: ['running'] }));
  const [task] = v.parse(containers, await askWell(engine, 'GET', `/containers/json?filters=${filters}`));
  return task?.Id ?? null;
}

async function untilReady(engine: LabEngine): Promise<void> {
  const readLog = async () => {
    const task = await findTask(engine);
    return task === null ? '' : logOf(engine, task);
  };
  await until(readLog, (log) => log.includes('ready: everything'), UPDATE_MS);
}

/** @returns what `imagegc config show` says on a node, once it has a line */
async function untilSetting(engine: LabEngine, line: string): Promise<string> {
  const show = async () => {
    const task = await findTask(engine);
    // It may end as it is asked.
    return task === null ? '' : execIn(engine, task, ['imagegc', 'config', 'show']).then(({ output }) => output, String);
  };
  return until(show, (output) => output.includes(line), UPDATE_MS);
}

/** Waits until there are so many images beside imagegc's. @returns their names */
async function untilImages(engine: LabEngine, count: number): Promise<readonly string[]> {
  const others = async () => {
    const { status, body } = await engine.request('GET', '/images/json');
    // With containerd's store the listing fails as a whole while one image goes.
    if (status !== 200) return ['the list failed'];
    return v.parse(images, body).flatMap(({ RepoTags }) => (RepoTags ?? []).filter((name) => !/^imagegc[:.]/.test(name)));
  };
  const isRight = (names: readonly string[]) => names.length === count && !names.some((name) => /the list|:imagegc\./.test(name));
  return await until(others, isRight, UPDATE_MS).catch(async (error: unknown) => {
    throw new Error(`${error}\n${stringOf({ log: await logOf(engine, (await findTask(engine)) ?? '') }, 'log')}`);
  });
}
