import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { idleMs, imageId, wallMs } from '../src/model/brands.ts';
import type { UseRecord } from '../src/model/use-record.ts';
import { openDocker } from '../src/runtime/docker/docker-runtime.ts';
import { openSqliteStore } from '../src/store/open-sqlite-store.ts';
import { startIdleClock } from '../src/usage/idle-clock.ts';
import { startDaemon, until } from '../test/e2e/daemon-process.ts';
import type { Lab, LabEngine } from '../test/lab/lab.ts';
import { DaemonWorld } from '../test/worlds/daemon-world.ts';
import { launcherFlags } from './launcher-flags.ts';
import type { Reading } from './reading.ts';
import { sumUp } from './samples.ts';

const DAEMON_FLAGS = launcherFlags('--jitless');
const CONTAINERS = 50;
const EVENTS = 40;
const KNOWN = 10_000;
const STARTS = 7;
const IDLE_MS = 60_000;
/** The first round after a start still loads code; a daemon that idles for months is measured behind it. */
const SETTLED_MS = 40_000;
const TICKS_PER_SECOND = 100;
const KB = 1_000;
const HEALTH_EVERY_NS = 10_000_000_000;
const TICK_MS = 30_000;
const DAY_TICKS = (24 * 3_600_000) / TICK_MS;

/** What a daemon costs that has nothing to do, and how fast it is when it has. */
export async function benchDaemon(lab: Lab): Promise<readonly Reading[]> {
  const engine = await lab.start('docker-new-overlay2');
  try {
    const images = Array.from({ length: EVENTS }, (_, index) => ({
      repository: `bench/event${index}`,
      layers: [
        { key: 'base', kb: 20 },
        { key: `event${index}`, kb: 4 },
      ],
    }));
    await engine.loadImages(images);
    // Starts first, while there are no containers to be asked for.
    const starts = await timeStarts(engine);
    const readings = [await timeEvents(engine), starts, await writtenPerDay()];
    for (let index = 0; index < CONTAINERS; index += 1) await runHealthy(engine, `bench/event${index % EVENTS}:v1`);
    return [...readings, ...(await watchIdle(engine))];
  } finally {
    await engine.stop();
  }
}

/** The median of events one by one, in a process that runs as the launcher runs the daemon. */
async function timeEvents(engine: LabEngine): Promise<Reading> {
  const directory = mkdtempSync(join(tmpdir(), 'imagegc-bench-'));
  // Without a just-in-time compiler there is no WebAssembly, and without that Node reads no TypeScript.
  const script = join(directory, 'event-times.mjs');
  const entry = join(import.meta.dirname, 'event-times.ts');
  await build({ entryPoints: [entry], outfile: script, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' });
  const child = spawn(process.execPath, [...DAEMON_FLAGS, script, engine.socketPath, String(EVENTS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const ready = once(lines, 'line');
  await ready;
  const answer = once(lines, 'line');
  for (let index = 0; index < EVENTS; index += 1) await engine.run({ image: `bench/event${index}:v1`, createOnly: true });
  const latencies: readonly number[] = JSON.parse(String((await answer)[0]));
  rmSync(directory, { recursive: true });
  return { title: 'event to durable, docker 28 overlay2', value: sumUp(latencies).medianMs, unit: 'ms', most: 5 };
}

async function timeStarts(engine: LabEngine): Promise<Reading> {
  const directory = mkdtempSync(join(tmpdir(), 'imagegc-bench-'));
  await fillStore(engine, join(directory, 'store'));
  const times: number[] = [];
  for (let round = -1; round < STARTS; round += 1) {
    const start = performance.now();
    const daemon = startDaemon(directory, engine.socketPath);
    await daemon.logged(/ready: /);
    if (round >= 0) times.push(performance.now() - start);
    daemon.signal('SIGTERM');
    await daemon.finished;
  }
  rmSync(directory, { recursive: true });
  return { title: `start to ready, ${KNOWN.toLocaleString('en')} records`, value: sumUp(times).medianMs, unit: 'ms', most: 300 };
}

/** Records of images that are missing since a moment ago: nothing of them is to be written or forgotten. */
async function fillStore(engine: LabEngine, directory: string): Promise<void> {
  const runtime = await openDocker({ socketPath: engine.socketPath });
  const { engineId, storeId } = runtime.identity;
  runtime.close();
  using store = openSqliteStore({ directory });
  const clock = startIdleClock(new DaemonWorld().readClock());
  const at = { idleMs: idleMs(0), wallMs: wallMs(0) };
  const records = Array.from({ length: KNOWN }, (_, index): UseRecord => {
    const id = imageId(`sha256:${index.toString(16).padStart(64, '0')}`);
    const references = [`docker.io/bench/app${index}:v1`];
    return { imageId: id, firstSeen: at, lastUsed: at, origin: 'pulled', references, digests: [], missingSince: at, isInUse: false };
  });
  store.writeUsage(`${engineId}/${storeId}`, { records, forgotten: [], lineages: [], uses: [] }, clock);
}

/** A day of rounds, collections included, with containers that only stay; what health checks say is not even asked of the engine. */
async function writtenPerDay(): Promise<Reading> {
  const directory = mkdtempSync(join(tmpdir(), 'imagegc-bench-'));
  const world = new DaemonWorld();
  for (let index = 0; index < CONTAINERS; index += 1) {
    world.pull(`app${index}`);
    world.engine.createContainer({ image: `lab/app${index}:1` });
  }
  world.openStore = () => openSqliteStore({ directory });
  await world.connect();
  const before = readProcess(process.pid).written;
  for (let tick = 0; tick < DAY_TICKS; tick += 1) {
    world.pass(TICK_MS);
    await world.tick();
  }
  const written = readProcess(process.pid).written - before;
  rmSync(directory, { recursive: true });
  return { title: `written on an idle host, ${CONTAINERS} containers`, value: written / KB, unit: 'kB a day', most: null };
}

async function runHealthy(engine: LabEngine, image: string): Promise<void> {
  const Healthcheck = { Test: ['CMD', '/bin/true'], Interval: HEALTH_EVERY_NS };
  const { body } = await engine.request('POST', '/containers/create', { Image: image, Healthcheck, HostConfig: { NetworkMode: 'none' } });
  const { Id }: { readonly Id: string } = JSON.parse(JSON.stringify(body));
  await engine.request('POST', `/containers/${Id}/start`);
}

async function watchIdle(engine: LabEngine): Promise<readonly Reading[]> {
  const directory = mkdtempSync(join(tmpdir(), 'imagegc-bench-'));
  const start = async () => {
    const daemon = startDaemon(directory, engine.socketPath);
    await until(
      () => daemon.status('/readyz').catch(() => null),
      (status) => status?.httpStatus === 200,
    );
    return daemon;
  };
  // The first one learns the layers, as on the first day.
  const first = await start();
  first.signal('SIGTERM');
  await first.finished;
  const daemon = await start();
  await pause(SETTLED_MS);
  const before = readProcess(daemon.pid);
  await pause(IDLE_MS);
  const after = readProcess(daemon.pid);
  daemon.signal('SIGTERM');
  await daemon.finished;
  rmSync(directory, { recursive: true });
  return [
    {
      title: `idle CPU, ${CONTAINERS} containers with health checks`,
      value: (after.cpuMs - before.cpuMs) / (IDLE_MS / 100),
      unit: '%',
      most: 0.1,
    },
    { title: 'idle RSS', value: after.rssKb / 1_024, unit: 'MB', most: 55 },
    { title: 'idle anonymous memory', value: after.anonKb / 1_024, unit: 'MB', most: 13 },
  ];
}

function readProcess(pid: number): { cpuMs: number; rssKb: number; anonKb: number; written: number } {
  const number = (file: string, pattern: RegExp): number => Number(pattern.exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1]);
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return {
    cpuMs: ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND,
    rssKb: number('status', /VmRSS:\s+(\d+)/),
    anonKb: number('status', /RssAnon:\s+(\d+)/),
    written: number('io', /wchar: (\d+)/),
  };
}

function pause(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, ms);
  return promise;
}
