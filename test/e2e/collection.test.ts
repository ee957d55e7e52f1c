/** Exactly the right images go, on every engine, and what is told of it is true. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import * as v from 'valibot';
import { kindsOf, openLabOfRun } from '../contract/lab-of-run.ts';
import { ENGINE_KINDS, type EngineKind, isPodman, type Lab, type LabEngine, type LabRegistry } from '../lab/lab.ts';
import { runInProcess } from './cli-world.ts';
import { type NamesById, readAllNames, readLayersSize } from './engine-names.ts';
import { buildScene, DANGLING, describeEngine, LOADED, mountImage, PROTECTING, PULLED, type SceneIds, titlesGone } from './image-scene.ts';
import { type Finished, type Folder, makeFolder, runImagegc, runWell } from './imagegc-process.ts';

const removal = v.object({ imageId: v.string(), rule: v.string(), references: v.array(v.string()), freesBytes: v.nullable(v.number()) });
const plan = v.object({ at: v.string(), expectedFreedBytes: v.number(), removals: v.array(removal) });
const report = v.object({
  plan,
  results: v.array(v.object({ imageId: v.string(), outcome: v.string(), message: v.string() })),
  freedBytes: v.number(),
  measuredBytes: v.nullable(v.number()),
});

const EIGHT_DAYS = 8;
const MORE_THAN_THERE_IS = '1TB';
const EXIT_TARGET_NOT_REACHED = 4;
/** Of the engine's own count. */
const TOLERANCE = 0.01;

const lab = await openLabOfRun(ENGINE_KINDS.map((kind) => `collection on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  for (const kind of kindsOf(lab, ENGINE_KINDS, 'collection')) describeCollection(lab, kind);
}

/** An engine full of images, and a store and settings of its own. */
class Host {
  readonly #folder: Folder = makeFolder();
  readonly engine: LabEngine;
  readonly ids: SceneIds;

  constructor(engine: LabEngine, ids: SceneIds) {
    this.engine = engine;
    this.ids = ids;
    writeFileSync(this.path('config.toml'), `[protect]\nreferences = ["${PROTECTING.glob}"]\n`);
  }

  path(name: string): string {
    return join(this.#folder.path, name);
  }

  args(...words: readonly string[]): readonly string[] {
    const own = ['--config', this.path('config.toml'), '--store-path', this.path('store')];
    return [...words, ...own, '--engine-address', `unix://${this.engine.socketPath}`];
  }

  async close(): Promise<void> {
    this.#folder[Symbol.dispose]();
    await this.engine.stop();
  }
}

function describeCollection(lab: Lab, kind: EngineKind): void {
  const hasMounts = kind !== 'docker-old-overlay2';
  // Podman and the API of the containerd store tell no image's origin, and what may be local counts as local; without a name, nothing is.
  const isPullKnown = kind !== 'docker-new-containerd' && !isPodman(kind);
  const ordinary = [...LOADED, ...PULLED, DANGLING];
  const notLocal = isPullKnown ? [...PULLED, DANGLING] : [DANGLING];

  describe(`collect on ${kind}`, () => {
    let registry: LabRegistry;
    let host: Host;
    before(async () => {
      registry = await lab.startRegistry();
    });
    after(() => registry.stop());
    const open = async () => {
      const engine = await lab.start(kind);
      host = new Host(engine, await buildScene(engine, registry, hasMounts));
      await runWell(host.args('pin', PROTECTING.pin, '--reason', 'the test says so'));
      await runWell(host.args('plan'));
    };

    test('protect.local = "no": after 8 days everything goes that nothing needs or protects', async (t) => {
      await open();
      const words = ['--protect-local', 'no'];
      await checkOffline(host, words);
      await checkCollection(t, host, { run: eightDaysLater, words, gone: ordinary, status: 0 });
      await host.close();
    });

    test('protect.local = "last": after 8 days only what a registry can give back goes; the rest when room is needed', async (t) => {
      await open();
      await checkOffline(host, []);
      await checkCollection(t, host, { run: eightDaysLater, words: [], gone: notLocal, status: 0 });
      const words = ['--free', MORE_THAN_THERE_IS];
      await checkOffline(host, words);
      await checkCollection(t, host, { run: eightDaysLater, words, gone: ordinary, status: EXIT_TARGET_NOT_REACHED });
      await host.close();
    });

    test('protect.local = "keep": even when room is needed, what is local stays', async (t) => {
      await open();
      const words = ['--free', MORE_THAN_THERE_IS, '--protect-local', 'keep', '--rules-min-age', '0s'];
      await checkCollection(t, host, { run: runImagegc, words, gone: notLocal, status: EXIT_TARGET_NOT_REACHED });
      await host.close();
    });

    if (hasMounts) return;
    test('an image cannot be mounted there: this engine refuses such a container', async () => {
      const engine = await lab.start(kind);
      await engine.loadImages([{ repository: 'lab/a', tags: ['1'], layers: [{ key: 'a', kb: 4 }] }]);
      const { status, text } = await mountImage(engine, 'lab/a:1', 'lab/a:1');
      await engine.stop();
      assert.equal(status, 400);
      assert.match(text, /mount type unknown/);
    });
  });
}

/** One collection, and what must come of it. */
interface Expected {
  readonly run: (args: readonly string[]) => Promise<Finished>;
  /** Options of plan and collect. */
  readonly words: readonly string[];
  /** Titles of all that must be gone then. */
  readonly gone: readonly string[];
  readonly status: number;
}

/** Plans, collects, and compares: with the plan, with the list, with every name there was, and with the engine's own count of bytes. */
async function checkCollection(t: TestContext, host: Host, { run, words, gone, status }: Expected): Promise<void> {
  const { engine } = host;
  const [namesBefore, sizeBefore] = [await readAllNames(engine), await readLayersSize(engine)];
  const planned = await run(host.args('plan', '--json', ...words));
  const collected = await run(host.args('collect', '--yes', '--json', ...words));
  assert.deepEqual([planned.status, collected.status, planned.stderr, collected.stderr], [status, status, '', '']);
  const [promised, done] = [v.parse(plan, JSON.parse(planned.stdout)), v.parse(report, JSON.parse(collected.stdout))];
  assert.deepEqual(done.plan.removals, promised.removals);
  const results = promised.removals.map(({ imageId }) => ({ imageId, outcome: 'removed', message: '' }));
  assert.deepEqual(done.results, results);
  assert.deepEqual(await titlesGone(engine, host.ids), [...gone].sort());
  const removed = new Set(results.map(({ imageId }) => imageId));
  const kept: NamesById = Object.fromEntries(Object.entries(namesBefore).filter(([id]) => !removed.has(id)));
  assert.deepEqual(await readAllNames(engine), kept);
  const figures = { promised: promised.expectedFreedBytes, told: done.freedBytes, real: sizeBefore - (await readLayersSize(engine)) };
  t.diagnostic(`${await describeEngine(engine)}: ${results.length} of ${Object.keys(namesBefore).length} images; ${formatFreed(figures)}`);
  for (const bytes of [figures.promised, figures.told]) {
    assert.ok(Math.abs(bytes - figures.real) <= figures.real * TOLERANCE, JSON.stringify(figures));
  }
}

function formatFreed({ promised, told, real }: { readonly promised: number; readonly told: number; readonly real: number }): string {
  const percent = real === 0 ? 0 : ((promised - real) / real) * 100;
  return `freed ${promised} B expected, ${told} B reported, ${real} B by the engine (${percent.toFixed(3)} % off)`;
}

/** What was exported decides elsewhere as the live engine does. */
async function checkOffline(host: Host, words: readonly string[]): Promise<void> {
  const live = v.parse(plan, JSON.parse((await eightDaysLater(host.args('plan', '--json', ...words))).stdout));
  await eightDaysLater(host.args('export', 'inventory', host.path('inventory.json')));
  await eightDaysLater(host.args('export', 'uses', host.path('uses.json')));
  const files = ['--inventory', host.path('inventory.json'), '--uses', host.path('uses.json'), '--at', live.at];
  const { stdout } = await runImagegc(['plan', '--json', ...files, '--config', host.path('config.toml'), ...words]);
  const offline = v.parse(plan, JSON.parse(stdout));
  assert.ok(live.removals.length > 0);
  assert.deepEqual(offline.removals, live.removals);
}

function eightDaysLater(args: readonly string[]): Promise<Finished> {
  return runInProcess(args, EIGHT_DAYS);
}
