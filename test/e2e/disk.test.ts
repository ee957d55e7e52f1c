/** A disk of its own under each real engine, filled to its mark while containers run: it stays below, nothing needed goes, and bytes are exact. */
import assert from 'node:assert/strict';
import { statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, type TestContext, test } from 'node:test';
import * as v from 'valibot';
import { openLabOfRun } from '../contract/lab-of-run.ts';
import { DOCKER_KINDS, type DockerKind, type ImageSpec, type Lab, type LabEngine } from '../lab/lab.ts';
import { startDaemon, until, wordsFor } from './daemon-process.ts';
import { findImage } from './engine-names.ts';
import { describeEngine } from './image-scene.ts';
import { makeFolder, runImagegc, UNPROTECTED } from './imagegc-process.ts';

const DISK_BYTES = 1024 * 1024 * 1024;
const MARK = 0.75;
const IMAGE_KB = 36_000;
/** Loaded over the mark, one after the other. */
const PRESSING = 6;
const BELOW_LIMIT_MS = 60_000;
/** Of an image that no container needs, and a Compose file does. */
const COMPOSE = 'services: { spare: { image: "lab/spare:$TAG" } }\n';
/** Age rules off, every image like any other, so that the disk rule alone decides. */
const RULES = ['--rules-unused-for', 'never', ...UNPROTECTED];

const spec = (name: string): ImageSpec => {
  return {
    repository: `lab/${name}`,
    tags: ['1'],
    layers: [
      { key: 'base', kb: 4_000 },
      { key: name, kb: IMAGE_KB },
    ],
  };
};

const lab = await openLabOfRun(DOCKER_KINDS.map((kind) => `a full disk under ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  describe('a disk that fills', { concurrency: true }, () => {
    for (const kind of DOCKER_KINDS) {
      test(`under ${kind} stays below its mark while images are loaded and containers run`, (t) => fill(t, lab, kind));
    }
  });
}

async function fill(t: TestContext, lab: Lab, kind: DockerKind): Promise<void> {
  await using closing = new AsyncDisposableStack();
  const folder = closing.use(makeFolder());
  const engine = await lab.start(kind, undefined, { diskBytes: DISK_BYTES });
  closing.defer(() => engine.stop());
  await engine.loadImages([spec('web'), spec('batch'), spec('spare')]);
  const compose = join(folder.path, 'compose.yaml');
  writeFileSync(compose, COMPOSE);
  writeFileSync(join(folder.path, '.env'), 'TAG=1\n');
  await engine.run({ image: 'lab/web:1', name: 'web' });
  await engine.stopContainer(await engine.run({ image: 'lab/batch:1', name: 'batch' }));
  const rules = [...RULES, '--protect-workloads', compose];
  const words = [...wordsFor(folder.path, engine.socketPath), ...rules];
  const figures = await pressBeyondMark(engine, folder.path, rules);
  const accuracy = await checkBytes(engine, words);
  await checkOutOfReach(engine, words);
  const why = await runImagegc(['why', 'lab/spare:1', ...words]);
  assert.match(why.stdout, /keep: protected\n +because +\S+\/compose.yaml \(service spare\) needs lab\/spare:1/);
  t.diagnostic(`${await describeEngine(engine)}: ${figures}; ${accuracy}`);
}

/** Fills the disk up to its mark and beyond, under a daemon. */
async function pressBeyondMark(engine: LabEngine, folder: string, rules: readonly string[]): Promise<string> {
  await using daemon = startDaemon(folder, engine.socketPath, [...rules, '--rules-disk-high', `${MARK * 100}%`]);
  await daemon.logged(/ready: everything/);
  let count = 0;
  let largest = 0;
  const load = async (): Promise<void> => {
    const before = usedFraction(engine);
    await engine.loadImages([spec(`app${count}`)]);
    count += 1;
    largest = Math.max(largest, usedFraction(engine) - before);
  };
  while (usedFraction(engine) + largest < MARK) await load();
  const filledWith = count;
  let highest = 0;
  for (let pressed = 0; pressed < PRESSING; pressed += 1) {
    await load();
    highest = Math.max(highest, usedFraction(engine));
    await until(
      () => Promise.resolve(usedFraction(engine)),
      (used) => used < MARK,
      BELOW_LIMIT_MS,
    );
  }
  assert.ok(highest < MARK + largest + 0.005, `${highest} at ${MARK}, with loads of ${largest}`);
  // While Docker loads an archive, that lies on the same disk, and is room that was needed.
  assert.ok(MARK - usedFraction(engine) < 3 * largest, `more went than was needed: ${usedFraction(engine)} used\n${daemon.log()}`);
  assert.deepEqual((await daemon.status()).problems, []);
  const removals = daemon.log().match(/collected: /g)?.length ?? 0;
  assert.ok(removals >= 2, daemon.log());
  await checkNeeded(engine);
  await assertThere(engine, `lab/app${count - 1}:1`, 'the newest image went');
  return `filled by ${filledWith} images and ${PRESSING} more, at most ${percent(highest)} used at a mark of ${percent(MARK)}, ${removals} runs`;
}

const report = v.object({ freedBytes: v.number(), measuredBytes: v.number(), plan: v.object({ expectedFreedBytes: v.number() }) });

/** What was expected, what the filesystem says and what the engine's store accounts for agree within a hundredth. */
async function checkBytes(engine: LabEngine, words: readonly string[]): Promise<string> {
  const mark = MARK - 0.3;
  const before = await accountedBytes(engine);
  const { status, stdout, stderr } = await runImagegc(['collect', '--yes', '--json', ...words, '--rules-disk-high', `${mark * 100}%`]);
  assert.equal(status, 0, stderr);
  const accounted = before - (await accountedBytes(engine));
  const { plan, freedBytes, measuredBytes } = v.parse(report, JSON.parse(stdout));
  for (const bytes of [plan.expectedFreedBytes, freedBytes, measuredBytes]) {
    assert.ok(Math.abs(bytes / accounted - 1) <= 0.01, `${bytes} where the store accounts for ${accounted}`);
  }
  assert.ok(usedFraction(engine) < mark);
  await checkNeeded(engine);
  return `freed ${plan.expectedFreedBytes} expected, ${measuredBytes} measured, ${accounted} accounted for`;
}

/** A mark below what containers and the engine itself need: all that nobody needs goes, and one line says who holds the rest. */
async function checkOutOfReach(engine: LabEngine, words: readonly string[]): Promise<void> {
  const { status, stdout, stderr } = await runImagegc(['collect', '--yes', ...words, '--rules-disk-high', '1%']);
  assert.equal(status, 4, stdout + stderr);
  assert.match(stdout, /Target not reached: .* wanted, .* possible: .* held by containers, .* kept as protected.*\.\n/);
  await checkNeeded(engine);
  const { body } = await engine.request('GET', '/images/json');
  assert.equal(Array.isArray(body) ? body.length : -1, 3);
}

async function checkNeeded(engine: LabEngine): Promise<void> {
  for (const name of ['lab/web:1', 'lab/batch:1', 'lab/spare:1']) await assertThere(engine, name, 'an image that is needed went');
}

async function assertThere(engine: LabEngine, name: string, otherwise: string): Promise<void> {
  assert.notEqual(await findImage(engine, name), null, `${otherwise}: ${name}`);
}

async function accountedBytes(engine: LabEngine): Promise<number> {
  const { body } = await engine.request('GET', '/system/df');
  return v.parse(v.object({ LayersSize: v.number() }), body).LayersSize;
}

/** As `df` shows it. */
function usedFraction({ dataRoot }: LabEngine): number {
  const { blocks, bfree, bavail } = statfsSync(dataRoot);
  return (blocks - bfree) / (blocks - bfree + bavail);
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)} %`;
}
