/** One daemon on several real engines of a host collects by itself: on each when it is time, and on those that share a disk no more than that needs. */
import assert from 'node:assert/strict';
import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, type TestContext, test } from 'node:test';
import { type ContainerdWorld, openContainerdWorld } from '../contract/containerd-world.ts';
import { local } from '../contract/contract-images.ts';
import { kindsOf, openLabOfRun } from '../contract/lab-of-run.ts';
import type { EngineKind, ImageSpec, Lab, LabEngine, StartOptions } from '../lab/lab.ts';
import { startDaemon, until } from './daemon-process.ts';
import { findImage } from './engine-names.ts';
import { FastDaemon } from './fast-daemon.ts';
import { makeFolder, UNPROTECTED } from './imagegc-process.ts';

const TIMED = 'one daemon on Docker, Podman and containerd';
const PRESSED = 'one daemon on Docker and Podman on one disk';
/** An hour is six seconds here (fast-daemon.ts). */
const HOURLY = [...UNPROTECTED, '--rules-unused-for', '1h', '--schedule-cron', '0 * * * *', '--http-listen', ''];
const GONE_LIMIT_MS = 90_000;
const DISK_BYTES = 1024 * 1024 * 1024;
const MARK = 0.75;
const BELOW_LIMIT_MS = 60_000;
const PRESSING = 6;

const lab = await openLabOfRun([TIMED, PRESSED]);
if (lab !== null) {
  after(() => lab.close());
  describe('one daemon for all engines', { concurrency: true }, () => {
    if (kindsOf(lab, ['podman-new'], TIMED).length === 0) return;
    test(`${TIMED} collects on each in turn when it is time, what is unused there alone`, (t) => collectOnTime(t, lab));
    test(`${PRESSED} keeps it below its mark, and takes from both together no more than that needs`, (t) => press(t, lab));
  });
}

async function collectOnTime(t: TestContext, lab: Lab): Promise<void> {
  await using closing = new AsyncDisposableStack();
  const folder = closing.use(makeFolder());
  const docker = await openEngine(lab, 'docker-new-overlay2', closing);
  const podman = await openEngine(lab, 'podman-new', closing);
  const containerd = await openContainerdWorld(lab, 'containerd-new', 'native');
  closing.defer(() => containerd.close());
  for (const engine of [docker, podman]) {
    await engine.loadImages([small('old'), small('kept')]);
    await engine.run({ image: 'docker.io/lab/kept:1', name: 'web' });
  }
  for (const name of ['old', 'kept']) await containerd.actor.addImage(local(name));
  await containerd.actor.createContainer({ image: 'lab/kept:1', name: 'web', state: 'exited' });
  const addresses = [docker, podman].map(({ socketPath }) => `unix://${socketPath}`);
  const all = [...addresses, `containerd://${containerd.engine.socketPath}`];
  await using daemon = new FastDaemon([...HOURLY, '--engine-address', all.join(','), '--store-path', join(folder.path, 'store')]);
  daemon.start();
  for (const name of ['old', 'kept']) assert.deepEqual(await whereIs(name, docker, podman, containerd), [true, true, true]);
  await until(
    () => whereIs('old', docker, podman, containerd),
    (found) => !found.includes(true),
    GONE_LIMIT_MS,
  ).catch((error: unknown) => assert.fail(`${error}\n${daemon.log}`));
  assert.deepEqual(await whereIs('kept', docker, podman, containerd), [true, true, true]);
  await daemon.stop();
  for (const address of all) assert.equal(daemon.count(new RegExp(`${address}: collected: 1 removed`)), 1, daemon.log);
  t.diagnostic(`${daemon.count(/collected: /)} runs removed something, ${daemon.count(/nothing is /)} nothing`);
}

async function press(t: TestContext, lab: Lab): Promise<void> {
  await using closing = new AsyncDisposableStack();
  const folder = closing.use(makeFolder());
  const docker = await openEngine(lab, 'docker-new-overlay2', closing, { diskBytes: DISK_BYTES });
  const podman = await openEngine(lab, 'podman-new', closing, { diskOf: docker });
  assert.deepEqual(filesystemOf(podman), filesystemOf(docker));
  for (const engine of [docker, podman]) {
    await engine.loadImages([large('web')]);
    await engine.run({ image: 'docker.io/lab/web:1', name: 'web' });
  }
  const rules = [...UNPROTECTED, '--rules-unused-for', 'never', '--rules-disk-high', `${MARK * 100}%`];
  await using daemon = startDaemon(folder.path, `${docker.socketPath},unix://${podman.socketPath}`, rules);
  await daemon.logged(/health is served/);
  await until(
    () => daemon.status('/readyz'),
    ({ httpStatus }) => httpStatus === 200,
  );
  let [count, largest, leastUsed] = [0, 0, MARK];
  const load = async (): Promise<void> => {
    const before = usedFraction(docker);
    await (count % 2 === 0 ? docker : podman).loadImages([large(`app${count}`)]);
    count += 1;
    largest = Math.max(largest, usedFraction(docker) - before);
  };
  while (usedFraction(docker) + largest < MARK) await load();
  for (let pressed = 0; pressed < PRESSING; pressed += 1) {
    await load();
    await until(
      async () => usedFraction(docker),
      (used) => used < MARK,
      BELOW_LIMIT_MS,
    ).catch((error: unknown) => assert.fail(`${error}\n${daemon.log()}`));
    leastUsed = Math.min(leastUsed, usedFraction(docker));
  }
  assert.ok(MARK - leastUsed < 3 * largest, `more went than was needed: ${leastUsed} used\n${daemon.log()}`);
  assert.deepEqual((await daemon.status()).problems, []);
  for (const engine of [docker, podman]) assert.notEqual(await findImage(engine, 'docker.io/lab/web:1'), null);
  t.diagnostic(
    `${count} images, at least ${leastUsed.toFixed(3)} used at a mark of ${MARK}: ${daemon.log().match(/collected: /g)?.length} runs`,
  );
}

async function openEngine(lab: Lab, kind: EngineKind, closing: AsyncDisposableStack, options?: StartOptions): Promise<LabEngine> {
  const engine = await lab.start(kind, undefined, options);
  closing.defer(() => engine.stop());
  return engine;
}

function small(name: string): ImageSpec {
  return { repository: `lab/${name}`, tags: ['1'], layers: [{ key: name, kb: 40 }] };
}

function large(name: string): ImageSpec {
  return { repository: `lab/${name}`, tags: ['1'], layers: [{ key: name, kb: 36_000 }] };
}

/** On which of the three engines an image is. */
async function whereIs(name: string, docker: LabEngine, podman: LabEngine, containerd: ContainerdWorld): Promise<readonly boolean[]> {
  const reference = `docker.io/lab/${name}:1`;
  const found = [await findImage(docker, reference), await findImage(podman, reference)].map((image) => image !== null);
  return [...found, (await containerd.actor.ctr('images', 'list', '-q')).split('\n').includes(reference)];
}

function filesystemOf({ dataRoot }: LabEngine): readonly number[] {
  const { type, blocks, files } = statfsSync(dataRoot);
  return [type, blocks, files];
}

function usedFraction({ dataRoot }: LabEngine): number {
  const { blocks, bavail } = statfsSync(dataRoot);
  return 1 - bavail / blocks;
}
