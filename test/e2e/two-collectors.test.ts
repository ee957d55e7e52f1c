/** Others collect too, and people change their minds: locks, holds that are not ours, Ctrl-C and the question before removing. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { formatOwnerMark } from '../../src/model/hold.ts';
import { readOwnerMark } from '../../src/runtime/host/owner-mark.ts';
import { openLabOfRun } from '../contract/lab-of-run.ts';
import type { Lab, LabEngine } from '../lab/lab.ts';
import { type EngineGate, type GateCall, openEngineGate } from './engine-gate.ts';
import { imageOf, type NamesById, readAllNames, tagImage } from './engine-names.ts';
import { type Folder, makeFolder, runImagegc, startImagegc } from './imagegc-process.ts';
import { sitBefore, whyNoTerminal } from './on-terminal.ts';

const NOW_DUE = ['--rules-unused-for', '1ms', '--rules-min-age', '0s', '--protect-local', 'no'];
/** More than one batch. */
const IMAGES = 40;
const BATCH = 32;
const CTRL_C = '\u0003';
const KEPT = 'lab/kept:1';

const lab = await openLabOfRun(['collect beside others, and before a person']);
if (lab !== null) {
  after(() => lab.close());
  describeCollectors(lab);
}

function describeCollectors(lab: Lab): void {
  describe('collect', () => {
    let engine: LabEngine;
    let gate: EngineGate;
    let folder: Folder;
    let names: NamesById;

    before(async () => {
      folder = makeFolder();
      engine = await lab.start('docker-new-overlay2');
      gate = await openEngineGate(join(folder.path, 'gate.sock'), engine.socketPath);
    });
    after(async () => {
      await gate[Symbol.asyncDispose]();
      await engine.stop();
      folder[Symbol.dispose]();
    });
    beforeEach(async () => {
      const layers = (name: string) => [
        { key: 'base', kb: 4 },
        { key: name, kb: 4 },
      ];
      const few = Array.from({ length: IMAGES }, (_, index) => ({
        repository: `lab/app${index}`,
        tags: ['1'],
        layers: layers(`app${index}`),
      }));
      await engine.loadImages([
        ...few,
        { repository: 'lab/kept', tags: ['1'], layers: layers('kept'), labels: { 'io.imagegc.keep': 'true' } },
      ]);
      names = await readAllNames(engine);
      await runImagegc(['plan', ...to(engine, 'store')]);
    });
    afterEach(() => gate.watch(() => undefined));
    const to = ({ socketPath }: { readonly socketPath: string }, store: string) => {
      return ['--engine-address', `unix://${socketPath}`, '--store-path', join(folder.path, store)];
    };
    const collect = (...words: readonly string[]) => startImagegc(['collect', ...NOW_DUE, ...to(gate, 'store'), ...words]);

    test('that comes second says who was first, removes nothing and ends with 3', async () => {
      const [reached, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      gate.watch(async (call) => {
        if (!isHold(call)) return undefined;
        reached.resolve();
        return goOn.promise.then(() => undefined);
      });
      const first = collect('--yes');
      await reached.promise;
      const second = await runImagegc(['collect', '--yes', ...NOW_DUE, ...to(engine, 'another-store')]);
      assert.equal(second.status, 3);
      assert.match(
        second.stderr,
        new RegExp(`process ${first.child.pid} \\(imagegc collect --rules-unused-for 1ms [^)]*\\), since 20.*is collecting`),
      );
      assert.deepEqual(await readAllNames(engine), names);
      goOn.resolve();
      assert.equal((await first.finished).status, 0);
      assert.deepEqual(await readAllNames(engine), await onlyKept());
    });

    test('leaves everything alone, and ends with 3, where a living stranger holds a name', async () => {
      const hold = `lab/app3:imagegc.hold.${formatOwnerMark(readOwnerMark())}.1`;
      await tagImage(engine, 'lab/app3:1', hold);
      const held = await readAllNames(engine);
      const { status, stderr } = await collect('--yes').finished;
      assert.equal(status, 3);
      assert.ok(stderr.includes(hold), stderr);
      assert.deepEqual(await readAllNames(engine), held);
      await engine.request('DELETE', `/images/${hold}`);
    });

    test('gives back what a dead owner took off, and says so', async () => {
      const { pid } = spawnSync('true');
      const mark = formatOwnerMark({ ...readOwnerMark(), pid });
      await tagImage(engine, 'lab/app3:1', `lab/app3:imagegc.hold.${mark}.1`);
      await engine.request('DELETE', '/images/lab/app3:1');
      const { status, stdout, stderr } = await runImagegc(['collect', '--yes', ...to(engine, 'store')]);
      assert.deepEqual([status, stderr], [0, 'imagegc: gave back what an interrupted run had taken off: docker.io/lab/app3:1\n'], stdout);
      assert.deepEqual(await readAllNames(engine), names);
    });

    test('that is interrupted finishes its batch, gives names back, begins no other batch and ends with 130', async () => {
      const running = collect('--yes');
      let [used, container] = ['', ''];
      gate.watch(async (call) => {
        if (!isHold(call) || used !== '') return undefined;
        used = heldImage(call);
        container = await engine.run({ image: used, createOnly: true });
        running.child.kill('SIGINT');
        return undefined;
      });
      const { status, stdout, stderr } = await running.finished;
      const left = await readAllNames(engine);
      await engine.removeContainer(container);
      assert.equal(status, 130);
      assert.match(stderr, /finishing what was begun/);
      assert.match(stdout, /Stopped before the end: interrupted/);
      // Several images are asked about at once, so any of the first may be the one that is held first; outcomes are told in the plan's order.
      assert.match(stdout, /Done: (1 in use by now, 31 removed|31 removed, 1 in use by now);/);
      assert.equal(left[used]?.length, 1);
      assert.equal(Object.keys(left).length, IMAGES - BATCH + 2);
      assert.deepEqual(left, await onlyLeft(left));
    });

    test('that is interrupted twice ends at once, and the next run gives the names back', async () => {
      const running = collect('--yes');
      const ended = running.finished.then(() => 'drop' as const);
      let holds = 0;
      gate.watch((call) => {
        if (!isHold(call)) return undefined;
        holds += 1;
        if (holds === 2) running.child.kill('SIGINT');
        return holds > 2 ? ended : undefined;
      });
      // The product says that it heard the first; only then can a second be told from it.
      running.child.stderr?.on('data', (text) => String(text).includes('once more') && running.child.kill('SIGINT'));
      assert.equal((await running.finished).status, 130);
      assert.notDeepEqual(await readAllNames(engine), names);
      gate.watch(() => undefined);
      assert.equal((await runImagegc(['collect', '--yes', ...to(engine, 'store')])).status, 0);
      assert.deepEqual(await readAllNames(engine), names);
    });

    test('without a terminal and without --yes ends with 2', async () => {
      const { status, stderr } = await collect().finished;
      assert.deepEqual([status, await readAllNames(engine)], [2, names]);
      assert.match(stderr, /nobody can be asked.*\n {2}hint: add --yes/);
    });

    const noTerminal = whyNoTerminal();
    const skip = noTerminal === null ? false : `missing: ${noTerminal}`;
    for (const [typed, status, words] of [
      ['n\n', 0, /Nothing was removed/],
      ['\n', 0, /Nothing was removed/],
      [CTRL_C, 130, /Remove these images\?/],
    ] as const) {
      test(`on a terminal, answered ${JSON.stringify(typed)}, removes nothing and ends with ${status}`, { skip }, async () => {
        const sitting = await sitBefore(['collect', ...NOW_DUE, ...to(engine, 'store')], typed);
        assert.deepEqual([sitting.status, await readAllNames(engine)], [status, names], sitting.screen);
        assert.match(sitting.screen, words);
      });
    }

    test('on a terminal, answered "y", does it', { skip }, async () => {
      const sitting = await sitBefore(['collect', ...NOW_DUE, ...to(engine, 'store')], 'y\n');
      assert.equal(sitting.status, 0, sitting.screen);
      assert.match(sitting.screen, /Done: 40 removed/);
      assert.deepEqual(await readAllNames(engine), await onlyKept());
    });

    async function onlyKept(): Promise<NamesById> {
      return { [await imageOf(engine, KEPT)]: [KEPT] };
    }

    /** Of what there was at first, what is there now. */
    async function onlyLeft(left: NamesById): Promise<NamesById> {
      return Object.fromEntries(Object.entries(names).filter(([id]) => id in left));
    }
  });
}

/** The image that a call puts a hold on. */
function heldImage({ path }: GateCall): string {
  return decodeURIComponent(/\/images\/([^/]+)\/tag/.exec(path)?.[1] ?? '');
}

function isHold({ method, path, moment }: GateCall): boolean {
  return method === 'POST' && path.includes('imagegc.hold') && moment === 'before';
}
