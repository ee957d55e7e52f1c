/** Kill -9 at every step of a collection, then once more: no name is lost of an image that is there, and nothing of ours is left. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import * as v from 'valibot';
import { randomFrom } from '../../src/simulate/seeded-random.ts';
import { kindsOf, openLabOfRun } from '../contract/lab-of-run.ts';
import { ENGINE_KINDS, type EngineKind, isPodman, type Lab, type LabEngine } from '../lab/lab.ts';
import { buildCrashScene, type CrashScene, checkNoNameLost } from './crash-scene.ts';
import { type AtCall, type EngineGate, type GateCall, openEngineGate } from './engine-gate.ts';
import { makeFolder, type Running, runImagegc, startImagegc } from './imagegc-process.ts';

/** Everything that nothing needs goes, at once; that is less than asked for. */
const EVERYTHING = ['--free', '1TB', '--rules-min-age', '0s', '--rules-unused-for', 'never', '--protect-local', 'no'];
const EXIT_TARGET_NOT_REACHED = 4;
/** On each engine. */
const RANDOM_KILLS = 10;
const SEED = Number(process.env['IMAGEGC_CRASH_SEED'] ?? randomInt(2 ** 31));

const repaired = v.object({ repairs: v.array(v.object({ missing: v.array(v.string()), completed: v.boolean() })) });

const lab = await openLabOfRun(ENGINE_KINDS.map((kind) => `crashes on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  describe('kill -9', { concurrency: true }, () => {
    for (const kind of kindsOf(lab, ENGINE_KINDS, 'crashes')) testCrashes(lab, kind);
  });
}

/** What was seen, for figures. */
class Tally {
  kills = 0;
  namesGivenBack = 0;
  completed = 0;

  toString(): string {
    return `${this.kills} kills, then ${this.namesGivenBack} images given their names back and ${this.completed} removals completed`;
  }
}

/**
 * Before each call, with the store as it was left; and after each call that changes something, with the store lost. What an engine
 * looks like after a call is what it looks like before the next, so each state is met, and the changed ones twice.
 */
function testCrashes(lab: Lab, kind: EngineKind): void {
  test(`at every call of a collection on ${kind}, the store kept or lost, is repaired by the next run`, async (t) => {
    await using host = await openCrashHost(lab, kind);
    const [atCalls, atRandom] = [new Tally(), new Tally()];
    let calls = 0;
    // One of three of Podman's, which takes three times as long for each; which of them, the seed says.
    const step = isPodman(kind) ? 3 : 1;
    for (let number = 1 + (SEED % step); ; number += step) {
      const call = await crash(host, killAt(number, 'before'), atCalls, { isStoreLost: false });
      if (call === null) break;
      if (isChange(call)) await crash(host, killAt(number, 'after'), atCalls, { isStoreLost: true });
      calls = number;
    }
    const random = randomFrom(SEED);
    for (let each = 0; each < RANDOM_KILLS; each += 1) {
      await crash(host, killAfter(random() * host.elapsedMs), atRandom, { isStoreLost: each % 2 === 1 });
    }
    t.diagnostic(`${kind}, ${calls} calls of the engine: ${atCalls}; at random moments (seed ${SEED}): ${atRandom}`);
    assert.ok(atCalls.namesGivenBack * step > 10 && atCalls.completed * step > 5, `hardly anything had to be repaired: ${atCalls}`);
  });
}

function isChange({ method }: GateCall): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

/** Kills a run in its own way. @returns what is done at each of its calls */
type Killer = (run: Running, onKill: (call: GateCall) => void) => AtCall;

function killAt(number: number, moment: GateCall['moment']): Killer {
  return ({ child }, onKill) => {
    return (call) => {
      if (child.killed) return 'drop';
      if (call.number !== number || call.moment !== moment) return undefined;
      child.kill('SIGKILL');
      onKill(call);
      return 'drop';
    };
  };
}

function killAfter(ms: number): Killer {
  return ({ child }) => {
    // waits: a random moment of the run under way
    const timer = setTimeout(() => child.kill('SIGKILL'), ms);
    child.once('exit', () => clearTimeout(timer));
    return () => undefined;
  };
}

/** An engine with a few images, a gate before it, and a store. */
interface CrashHost extends AsyncDisposable {
  readonly engine: LabEngine;
  readonly scene: CrashScene;
  readonly gate: EngineGate;
  readonly storePath: string;
  /** How long the last run took that nobody killed. */
  elapsedMs: number;
}

async function openCrashHost(lab: Lab, kind: EngineKind): Promise<CrashHost> {
  const folder = makeFolder();
  const registry = await lab.startRegistry();
  const engine = await lab.start(kind);
  const scene = await buildCrashScene(engine, registry);
  const gate = await openEngineGate(join(folder.path, 'gate.sock'), engine.socketPath);
  const close = async () => {
    await gate[Symbol.asyncDispose]();
    await engine.stop();
    await registry.stop();
    folder[Symbol.dispose]();
  };
  return { engine, scene, gate, storePath: join(folder.path, 'store'), elapsedMs: 0, [Symbol.asyncDispose]: close };
}

/** One run that is killed, and one that has to cope. @returns the call it was killed at; null when it was at none, or ended before */
async function crash(host: CrashHost, kill: Killer, tally: Tally, { isStoreLost }: { isStoreLost: boolean }): Promise<GateCall | null> {
  const { engine, scene, gate, storePath } = host;
  await scene.restore();
  rmSync(storePath, { recursive: true, force: true });
  const words = ['--json', '--store-path', storePath, '--engine-address', `unix://${gate.socketPath}`];
  const startedAt = performance.now();
  const run = startImagegc(['collect', '--yes', ...EVERYTHING, ...words]);
  const seen: { killedAt: GateCall | null; isChanged: boolean } = { killedAt: null, isChanged: false };
  const atCall = kill(run, (call) => {
    seen.killedAt = call;
  });
  gate.watch((call) => {
    const answer = atCall(call);
    seen.isChanged ||= isChange(call) && (answer !== 'drop' || call.moment === 'after');
    return answer;
  });
  const { status, stderr } = await run.finished;
  gate.watch(() => undefined);
  // A kill at a random moment may come when the run has just ended.
  const isKilled = status === null;
  assert.ok(isKilled ? run.child.killed : status === EXIT_TARGET_NOT_REACHED, `exit status ${status}: ${stderr}`);
  if (isKilled) tally.kills += 1;
  else host.elapsedMs = performance.now() - startedAt;
  if (isStoreLost) rmSync(storePath, { recursive: true, force: true });
  const what = JSON.stringify(seen);
  if (seen.isChanged) await cope(words, tally, what);
  const gone = await checkNoNameLost(engine, scene.names, what);
  assert.ok(seen.isChanged || gone === 0, what);
  return seen.killedAt;
}

/** The next run, by whose rules nothing is due. */
async function cope(words: readonly string[], tally: Tally, what: string): Promise<void> {
  const { status, stdout, stderr } = await runImagegc(['collect', '--yes', ...words]);
  assert.equal(status, 0, `${what}: ${stderr}`);
  const { repairs } = v.parse(repaired, JSON.parse(stdout));
  const missing = repairs.flatMap((repair) => repair.missing);
  assert.deepEqual(missing, [], what);
  tally.completed += repairs.filter(({ completed }) => completed).length;
  tally.namesGivenBack += repairs.filter(({ completed }) => !completed).length;
}
