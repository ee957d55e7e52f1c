/** One daemon on several real engines of a host: it records what each tells, goes on with those that are there, and collects on all. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { kindsOf, openLabOfRun } from '../contract/lab-of-run.ts';
import type { EngineKind, Lab, LabEngine } from '../lab/lab.ts';
import { type DaemonProcess, readUses, type ServedStatus, startDaemon, until } from './daemon-process.ts';
import { findImage, imageOf } from './engine-names.ts';
import { type Finished, makeFolder, runImagegc, UNPROTECTED } from './imagegc-process.ts';

const TWO = 'one daemon on Docker and Podman';
const NESTED = 'one daemon on Docker and its own containerd';
/** What nobody needs goes at once, but only when a person asks for it. */
const RULES = [...UNPROTECTED, '--rules-unused-for', '1s', '--schedule-cron', '0 0 29 2 *'];

const lab = await openLabOfRun([TWO, NESTED]);
if (lab !== null) {
  after(() => lab.close());
  describe('one daemon', { concurrency: true }, () => {
    if (kindsOf(lab, ['podman-old'], TWO).length > 0)
      test(`${TWO} records for each, misses the one that is away, and collects on both`, () => watchTwo(lab));
    test(`${NESTED} counts each image and each use once`, () => watchNested(lab));
  });
}

async function watchTwo(lab: Lab): Promise<void> {
  await using closing = new AsyncDisposableStack();
  const folder = closing.use(makeFolder());
  const [docker, podman] = [await openEngine(lab, 'docker-old-overlay2', closing), await openEngine(lab, 'podman-old', closing)];
  const addresses = [docker, podman].map(addressOf);
  const daemon = closing.use(watch(folder.path, addresses));
  await ready(daemon);
  for (const engine of [docker, podman]) await checkUse(folder.path, engine, 'used');

  await docker.kill9();
  const away = await until(
    () => daemon.status(),
    ({ problems }) => problems.some(({ subject }) => subject === 'engine'),
  );
  assert.deepEqual([away.httpStatus, away.problems.map(({ engine }) => engine)], [503, [addressOf(docker)]]);
  assert.deepEqual(tellReady(away), [`${addressOf(docker)} false`, `${addressOf(podman)} true`]);
  await checkUse(folder.path, podman, 'more');
  const half = await collect(folder.path, addresses);
  assert.equal(half.status, 1, half.stderr);
  assert.match(half.stderr, /there is no such socket|nothing listens there/);
  assert.equal(await findImage(podman, 'docker.io/lab/old:1'), null, half.stdout);

  await docker.restart();
  await imageOf(docker, 'lab/old:1');
  await until(
    () => daemon.status('/readyz'),
    ({ httpStatus }) => httpStatus === 200,
  );
  daemon.signal('SIGHUP');
  await daemon.logged(/the settings were read again/);
  const both = await collect(folder.path, addresses);
  assert.equal(both.status, 0, both.stderr);
  assert.equal(both.stdout.match(/^== unix:/gm)?.length, 2);
  assert.equal(await findImage(docker, 'lab/old:1'), null, both.stdout);
  for (const engine of [docker, podman]) for (const name of ['kept', 'used']) await imageOf(engine, `docker.io/lab/${name}:1`);
  assert.equal(daemon.log().match(/collecting, as ordered/g)?.length, 4);
  daemon.signal('SIGTERM');
  assert.equal((await daemon.finished).status, 0, daemon.log());
}

/** What is in Docker's namespace of a containerd is Docker's: whoever watches that containerd too counts no use of it, and removes nothing of it. */
async function watchNested(lab: Lab): Promise<void> {
  await using closing = new AsyncDisposableStack();
  const folder = closing.use(makeFolder());
  const docker = await openEngine(lab, 'docker-new-containerd', closing);
  // Somebody works with containerd by itself, in a namespace of its own.
  const inside = '/run/docker/containerd/containerd.sock';
  await docker.exec('ctr', '--address', inside, 'namespaces', 'create', 'default');
  const addresses = [addressOf(docker), `containerd:///proc/${docker.pid}/root${inside}`];
  const daemon = closing.use(watch(folder.path, addresses));
  await ready(daemon);
  await checkUse(folder.path, docker, 'used');
  const { engines } = await daemon.status();
  assert.deepEqual(
    engines.map(({ engine }) => engine?.split(' ')[0]),
    ['docker', 'containerd'],
  );
  const done = await collect(folder.path, addresses);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /Done: 2 removed[\s\S]*== containerd:[\s\S]*Nothing to remove: 2 images, all kept[\s\S]*read-only +2 /);
  assert.equal(await findImage(docker, 'lab/old:1'), null);
  const words = ['history', '--json', '--store-path', join(folder.path, 'store'), '--engine-address', addresses[1] ?? ''];
  const { uses, removals } = JSON.parse((await runImagegc(words)).stdout);
  assert.deepEqual([uses, removals], [[], []]);
}

/** With four images, one of which a container needs. */
async function openEngine(lab: Lab, kind: EngineKind, closing: AsyncDisposableStack): Promise<LabEngine> {
  const engine = await lab.start(kind);
  closing.defer(() => engine.stop());
  await engine.loadImages(
    ['old', 'kept', 'used', 'more'].map((name) => ({ repository: `lab/${name}`, tags: ['1'], layers: [{ key: name, kb: 40 }] })),
  );
  await engine.run({ image: 'docker.io/lab/kept:1', name: 'web' });
  return engine;
}

function addressOf({ socketPath }: LabEngine): string {
  return `unix://${socketPath}`;
}

/** startDaemon() says itself of what kind the first address is. */
function watch(folder: string, addresses: readonly string[]): DaemonProcess {
  return startDaemon(folder, addresses.join(',').replace('unix://', ''), RULES);
}

async function ready(daemon: DaemonProcess): Promise<void> {
  await daemon.logged(/health is served/);
  await until(
    () => daemon.status('/readyz'),
    ({ httpStatus }) => httpStatus === 200,
  );
}

function tellReady({ engines }: ServedStatus): readonly string[] {
  return engines.map(({ address, ready: isReady }) => `${address} ${isReady}`);
}

/** A container that is created now is a use in this engine's records. */
async function checkUse(folder: string, engine: LabEngine, name: string): Promise<void> {
  await engine.run({ image: `docker.io/lab/${name}:1`, name: `new-${name}` });
  const use = `container ${await imageOf(engine, `docker.io/lab/${name}:1`)}`;
  await until(
    () => readUses(folder, engine.socketPath),
    (uses) => uses.includes(use),
  );
}

/** The daemon does it, on one engine after the other. */
function collect(folder: string, addresses: readonly string[]): Promise<Finished> {
  return runImagegc(['collect', '--yes', '--store-path', join(folder, 'store'), '--engine-address', addresses.join(','), ...RULES]);
}
