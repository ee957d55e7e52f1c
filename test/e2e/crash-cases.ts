/** Kill -9 at steps of a collection, then once more: no name is lost of an image that is there, and nothing of ours is left. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import * as v from 'valibot';
import { randomFrom } from '../../src/simulate/seeded-random.ts';
import { type AtCall, changesEngine, type EngineGate, type GateCall } from './engine-gate.ts';
import type { NamesById } from './engine-names.ts';
import { type Folder, makeFolder, type Running, runImagegc, startImagegc } from './imagegc-process.ts';

/** An engine with a few images of every kind of naming, which come back quickly after they were removed, and a gate before it. */
export interface CrashEngine extends AsyncDisposable {
  readonly gate: EngineGate;
  /** Of the gate, as the product is given it. */
  readonly address: string;
  /** Every name by what it points to, and whatever else is ours. */
  readNames(): Promise<NamesById>;
  /** Makes the images what they were at first. */
  restore(): Promise<void>;
}

/** Fills an engine again where its names are not what they were at first. */
export function restorer(readNames: () => Promise<NamesById>, names: NamesById, fill: () => Promise<void>): CrashEngine['restore'] {
  return async () => {
    const isWhole = JSON.stringify(await readNames()) === JSON.stringify(names);
    if (!isWhole) await fill();
    assert.deepEqual(await readNames(), names);
  };
}

/** One engine to crash on, and how often. */
export interface CrashSubject {
  readonly open: () => Promise<CrashEngine>;
  /** Of so many calls that change the engine one is killed at, which of them the seed says; 1: at each. */
  readonly changesStep: number;
  /** The same for calls that only look. */
  readonly looksStep: number;
  readonly randomKills: number;
  /** What has to be repaired at least, were each call killed at. */
  readonly least: { readonly givenBack: number; readonly completed: number };
}

/** Everything that nothing needs goes, at once; that is less than asked for. */
const EVERYTHING = ['--free', '1TB', '--rules-min-age', '0s', '--rules-unused-for', 'never', '--protect-local', 'no'];
const EXIT_TARGET_NOT_REACHED = 4;
const SEED = Number(process.env['IMAGEGC_CRASH_SEED'] ?? randomInt(2 ** 31));

const repaired = v.object({ repairs: v.array(v.object({ missing: v.array(v.string()), completed: v.boolean() })) });

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
export async function checkCrashes(t: TestContext, subject: CrashSubject): Promise<void> {
  const { changesStep, looksStep, randomKills, least } = subject;
  await using host = await CrashHost.open(await subject.open());
  const [atCalls, atRandom] = [new Tally(), new Tally()];
  const calls = await host.countCalls();
  for (const { number } of [...sample(calls.changes, changesStep), ...sample(calls.looks, looksStep)]) {
    const call = await host.crash(killAt(number, 'before'), atCalls, { isStoreLost: false });
    if (call !== null && changesEngine(call)) await host.crash(killAt(number, 'after'), atCalls, { isStoreLost: true });
  }
  const random = randomFrom(SEED);
  for (let each = 0; each < randomKills; each += 1) {
    await host.crash(killAfter(random() * host.elapsedMs), atRandom, { isStoreLost: each % 2 === 1 });
  }
  const of = `1 of ${changesStep} of the ${calls.changes.length} calls that change the engine, 1 of ${looksStep} of the ${calls.looks.length} others`;
  t.diagnostic(`${of}: ${atCalls}; at random moments (seed ${SEED}): ${atRandom}`);
  const isEnough = atCalls.namesGivenBack * changesStep > least.givenBack && atCalls.completed * changesStep >= least.completed;
  assert.ok(isEnough, `hardly anything had to be repaired: ${atCalls}`);
}

/** One of so many, from the one that the seed says. */
function sample(calls: readonly GateCall[], step: number): readonly GateCall[] {
  return calls.filter((_, index) => index % step === SEED % step);
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

/** An engine, and a store that begins anew with each run that is killed. */
class CrashHost implements AsyncDisposable {
  readonly #engine: CrashEngine;
  readonly #names: NamesById;
  readonly #folder: Folder = makeFolder();
  readonly #storePath = join(this.#folder.path, 'store');
  /** How long the last run took that nobody killed. */
  elapsedMs = 0;

  private constructor(engine: CrashEngine, names: NamesById) {
    this.#engine = engine;
    this.#names = names;
  }

  static async open(engine: CrashEngine): Promise<CrashHost> {
    return new CrashHost(engine, await engine.readNames());
  }

  /** The calls of a run that nobody kills. */
  async countCalls(): Promise<{ readonly changes: readonly GateCall[]; readonly looks: readonly GateCall[] }> {
    const calls: GateCall[] = [];
    const note: Killer = () => (call) => {
      if (call.moment === 'before') calls.push(call);
      return undefined;
    };
    await this.crash(note, new Tally(), { isStoreLost: false });
    return { changes: calls.filter(changesEngine), looks: calls.filter((call) => !changesEngine(call)) };
  }

  /** One run that is killed, and one that has to cope. @returns the call it was killed at; null when it was at none, or ended before */
  async crash(kill: Killer, tally: Tally, { isStoreLost }: { isStoreLost: boolean }): Promise<GateCall | null> {
    const { gate, address } = this.#engine;
    await this.#engine.restore();
    rmSync(this.#storePath, { recursive: true, force: true });
    const words = ['--json', '--store-path', this.#storePath, '--engine-address', address];
    const startedAt = performance.now();
    const run = startImagegc(['collect', '--yes', ...EVERYTHING, ...words]);
    const seen: { killedAt: GateCall | null; isChanged: boolean } = { killedAt: null, isChanged: false };
    const atCall = kill(run, (call) => {
      seen.killedAt = call;
    });
    gate.watch((call) => {
      const answer = atCall(call);
      seen.isChanged ||= changesEngine(call) && (answer !== 'drop' || call.moment === 'after');
      return answer;
    });
    const { status, stderr } = await run.finished;
    gate.watch(() => undefined);
    // A kill at a random moment may come when the run has just ended.
    const isKilled = status === null;
    assert.ok(isKilled ? run.child.killed : status === EXIT_TARGET_NOT_REACHED, `exit status ${status}: ${stderr}`);
    if (isKilled) tally.kills += 1;
    else this.elapsedMs = performance.now() - startedAt;
    if (isStoreLost) rmSync(this.#storePath, { recursive: true, force: true });
    const what = `killed at ${seen.killedAt?.moment} ${seen.killedAt?.path}, the store ${isStoreLost ? 'lost' : 'kept'}`;
    if (seen.isChanged) await cope(words, tally, what);
    const gone = await this.#checkNoNameLost(what);
    assert.ok(seen.isChanged || gone === 0, what);
    return seen.killedAt;
  }

  /**
   * An image may be gone, but one that is there has every name, tags and digests, that it had, and nothing of ours is left.
   *
   * @returns how many images are gone
   */
  async #checkNoNameLost(what: string): Promise<number> {
    const now = await this.#engine.readNames();
    const present = Object.fromEntries(Object.entries(this.#names).filter(([id]) => id in now));
    assert.deepEqual(now, present, what);
    return Object.keys(this.#names).length - Object.keys(now).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
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
