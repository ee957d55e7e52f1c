/**
 * The daemon is killed: a real process with the real store, on the memory engine, whose state outlives it. Every call of the store and of the
 * engine is a point before and after which it is killed once; points with nothing between them that could outlive a process are one. Then a
 * daemon is started on what was left, with the store or without it, and lives for some days.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { inFlight } from '../../src/model/in-flight.ts';
import { openSqliteStore } from '../../src/store/open-sqlite-store.ts';
import { makeFastFolder } from '../crash/fast-folder.ts';
import { JournaledEngine, JournalSchema } from '../crash/journaled-engine.ts';
import { digestStore } from '../crash/store-state.ts';
import { findNameFaults, namesEverGiven, UseWitness } from '../crash/use-witness.ts';
import { DaemonWorld, MINUTE_MS } from '../worlds/daemon-world.ts';
import { HOUR_MS, POLICY } from '../worlds/world.ts';

const DRIVER = join(import.meta.dirname, '../crash/kill-driver.ts');
const AT_ONCE = 2;
const run = promisify(execFile);

const LeftSchema = v.object({
  journal: JournalSchema,
  digest: v.nullable(v.string()),
  writes: v.number(),
  uptimeMs: v.number(),
  wall: v.number(),
});
type Left = v.InferOutput<typeof LeftSchema>;

describe('a daemon that is killed at any call', () => {
  test('has lost nothing that was acknowledged, and the next one gives names back and removes nothing too early', async (t) => {
    const folder = makeFastFolder();
    try {
      const points = await listPoints(folder);
      assert.ok(points.length > 80, `${points.length} points`);
      const sum = { writes: 0, removed: 0 };
      await inFlight(points, AT_ONCE, async (point) => {
        const left = await killAt(point, join(folder, `${point}`));
        sum.writes += left.writes;
        // without the store nothing but the engine tells what was being done
        for (const isStoreLost of [false, true]) {
          const life = { point, isStoreLost, isBooted: (point % 2 === 0) !== isStoreLost };
          sum.removed += await outlive(left, join(folder, `${point}.store`), life);
        }
      });
      t.diagnostic(`${points.length} kills, ${sum.writes} acknowledged writes found again, ${sum.removed} removals judged`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

async function listPoints(folder: string): Promise<readonly number[]> {
  const { stdout } = await run(process.execPath, [DRIVER, join(folder, 'unkilled'), join(folder, 'state'), '0']);
  return (stdout.split('\n')[0] ?? '').split(' ').map(Number);
}

async function killAt(point: number, place: string): Promise<Left> {
  // hundreds of processes begin with the same code
  const env = { ...process.env, NODE_COMPILE_CACHE: join(dirname(place), 'compiled') };
  const driven = run(process.execPath, [DRIVER, `${place}.store`, place, String(point)], { env });
  const ended: unknown = await driven.catch((error: unknown) => error);
  assert.ok(ended instanceof Error && 'signal' in ended && ended.signal === 'SIGKILL', `point ${point} was not reached`);
  return v.parse(LeftSchema, JSON.parse(readFileSync(place, 'utf8')));
}

interface Life {
  readonly point: number;
  readonly isStoreLost: boolean;
  /** Whether the host was started again. */
  readonly isBooted: boolean;
}

/** The next daemon's life, in which nothing may go wrong. @returns how many images it and the one before removed */
async function outlive(left: Left, killed: string, life: Life): Promise<number> {
  const directory = `${killed}.${life.isStoreLost}`;
  if (!life.isStoreLost && left.digest !== null) {
    cpSync(killed, directory, { recursive: true });
    expectAcknowledged(directory, left.digest);
  }
  const engine = new JournaledEngine({ capacityBytes: 1e12 });
  const witness = new UseWitness(engine, POLICY.unusedForMs ?? 0);
  const names = namesEverGiven(engine);
  engine.redo(left.journal);
  const world = new DaemonWorld(engine);
  Object.assign(world, { uptimeMs: left.uptimeMs, wall: left.wall });
  world.openStore = () => openSqliteStore({ directory });
  world.pass(HOUR_MS);
  if (life.isBooted) Object.assign(world, { boot: 2, uptimeMs: MINUTE_MS });
  const tell = (): string => `${JSON.stringify(life)}\n${world.log.join('\n')}`;
  assert.equal(await world.restart(), true, tell());
  await world.tick();
  assert.deepEqual(findNameFaults(engine, names), [], `after the first round: ${tell()}`);
  await liveDays(world, 9);
  assert.deepEqual([...witness.faults, ...findNameFaults(engine, names)], [], tell());
  const needed = new Set(engine.containers.values().map(({ imageId }) => imageId));
  assert.deepEqual([new Set(engine.images.keys()), world.daemon.status().problems], [needed, []], tell());
  return witness.removed.length;
}

async function liveDays(world: DaemonWorld, days: number): Promise<void> {
  for (let half = 0; half < 2 * days; half += 1) {
    world.pass(12 * HOUR_MS);
    await world.tick();
  }
  await world.daemon.run(AbortSignal.abort());
}

function expectAcknowledged(directory: string, digest: string): void {
  using store = openSqliteStore({ directory });
  assert.notEqual(store.condition.kind, 'set-aside');
  assert.equal(digestStore(store), digest);
}
