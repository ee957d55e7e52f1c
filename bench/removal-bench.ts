import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CollectContext, carryOut, countOutcomes, SETTLE_MS } from '../src/collect/collection.ts';
import { look } from '../src/collect/look.ts';
import { durationMs } from '../src/model/brands.ts';
import { formatOwnerMark } from '../src/model/hold.ts';
import { planCollection } from '../src/plan/plan-collection.ts';
import { openDocker } from '../src/runtime/docker/docker-runtime.ts';
import { readHostClock } from '../src/runtime/host/clock-reading.ts';
import { readOwnerMark } from '../src/runtime/host/owner-mark.ts';
import { openSqliteStore } from '../src/store/open-sqlite-store.ts';
import type { EngineKind, Lab, LabEngine, SavedState } from '../test/lab/lab.ts';
import { POLICY } from '../test/worlds/world.ts';
import { listImages, USED_IMAGE, withEngine } from './engine-images.ts';
import type { Figure } from './figure.ts';
import { describe } from './inventory-bench.ts';
import { openRawCalls } from './raw-calls.ts';
import { interleave, timeOf } from './samples.ts';

const ROUNDS = 3;

/**
 * Times a collection of many images, with the store on disk, against the plainest way to remove them: one deletion by name after
 * the other over one connection. Each round of each side has an engine of its own, restored from the same state.
 */
export async function benchRemoval(lab: Lab, kind: EngineKind, saved: SavedState, count: number): Promise<Figure> {
  let subject = '';
  let settled = 0;
  const pair = await interleave(
    ROUNDS,
    () =>
      withEngine(lab, kind, saved, async (engine) => {
        const collected = await collectAll(engine, count);
        subject = describe(engine);
        settled = collected.pauses;
        return collected.ms;
      }),
    () => withEngine(lab, kind, saved, (engine) => deleteAll(engine, count)),
  );
  const note = `${settled} settle times of ${SETTLE_MS} ms come on top, ${((settled * SETTLE_MS) / 1000).toFixed(1)} s in all`;
  return { title: `removal, ${subject}, ${count} images`, floorTitle: 'plain DELETEs', pair, bars: [{ kind: 'ratio', most: 2 }], note };
}

/** @returns the time of the collection without its pauses, and how many those were */
async function collectAll({ socketPath }: LabEngine, count: number): Promise<{ readonly ms: number; readonly pauses: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'imagegc-bench-'));
  const runtime = await openDocker({ socketPath });
  const store = openSqliteStore({ directory });
  let pauses = 0;
  const wait: CollectContext['wait'] = async (pause) => {
    if (pause > 0) pauses += 1;
  };
  try {
    const context: CollectContext = { ...CONTEXT, runtime, store, wait, policy: { ...POLICY_OF_ALL, maxRemovals: count } };
    const seen = await look(context);
    let removed = 0;
    const ms = await timeOf(async () => {
      removed = countOutcomes((await carryOut(seen, context)).results).get('removed') ?? 0;
    });
    if (removed !== count) throw new Error(`${removed} images were removed, and not ${count}`);
    return { ms, pauses };
  } finally {
    runtime.close();
    store[Symbol.dispose]();
    rmSync(directory, { recursive: true });
  }
}

/** Whatever no container holds may go at once. */
const POLICY_OF_ALL: CollectContext['policy'] = {
  ...POLICY,
  unusedForMs: durationMs(0),
  minAgeMs: durationMs(0),
  protect: { ...POLICY.protect, keepLast: 0 },
};

/** Pauses are counted, and not waited for. */
const CONTEXT: Omit<CollectContext, 'runtime' | 'store' | 'wait' | 'policy'> = {
  mayWrite: true,
  readClock: () => readHostClock(),
  freeBytes: null,
  decide: planCollection,
  makeMark: () => formatOwnerMark(readOwnerMark()),
  judgeOwner: () => 'unknown',
  settleMs: SETTLE_MS,
  paceMs: durationMs(0),
  signal: new AbortController().signal,
  onBatch: () => undefined,
};

async function deleteAll({ socketPath }: LabEngine, count: number): Promise<number> {
  using calls = openRawCalls(socketPath, 1);
  const images = await listImages(calls);
  const names = images.flatMap(({ RepoTags }) => RepoTags ?? []).filter((name) => !name.startsWith(USED_IMAGE));
  return await timeOf(async () => {
    for (const name of names.slice(0, count)) await calls.ask('DELETE', `/images/${name}`);
  });
}
