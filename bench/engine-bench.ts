import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CollectContext, carryOut, prepareCollection } from '../src/collect/collection.ts';
import { durationMs, wallMs } from '../src/model/brands.ts';
import type { LayerFacts } from '../src/model/layer-facts.ts';
import { openDocker } from '../src/runtime/docker/docker-runtime.ts';
import { openSqliteStore } from '../src/store/open-sqlite-store.ts';
import type { EngineKind, Lab, LabEngine } from '../test/lab/lab.ts';
import type { ImageSpec } from '../test/lab/make-images.ts';
import { DAY_MS, POLICY } from '../test/worlds/world.ts';
import type { Figure } from './figure.ts';
import { lookCold, lookWarm, openRawEngine } from './raw-engine.ts';
import { interleave, timeOf } from './samples.ts';

const REMOVED = 200;

/** Times looking and removing on one engine, held against the engine's own calls. */
export async function benchEngine(lab: Lab, kind: EngineKind, count: number): Promise<readonly Figure[]> {
  const engine = await lab.start(kind);
  await engine.loadImages(hostOf(count));
  const figures = await benchLooking(engine, count);
  const removal = kind === 'docker-new-containerd' ? [] : [await benchRemoval(lab, engine, kind)];
  return [...figures, ...removal];
}

/** Base, runtime and two layers of its own for each image. */
function hostOf(count: number): readonly ImageSpec[] {
  return Array.from({ length: count }, (_, index) => ({
    repository: `bench/app${index}`,
    tags: ['v1'],
    layers: [`base${index % 10}`, `base${index % 10}-runtime${index % 3}`, `own${index}-0`, `own${index}-1`].map((key) => ({ key, kb: 4 })),
  }));
}

async function benchLooking(engine: LabEngine, count: number): Promise<readonly Figure[]> {
  using raw = openRawEngine(engine.socketPath);
  const runtime = await openDocker({ socketPath: engine.socketPath });
  const nothing: LayerFacts = { layersByImage: new Map(), sizeByLayer: new Map() };
  const { learned } = await runtime.observe(nothing);
  const look = (known: LayerFacts) => () => timeOf(() => runtime.observe(known));
  const cold = await interleave(5, look(nothing), () => timeOf(() => lookCold(raw)));
  const warm = await interleave(count > 200 ? 15 : 5, look(learned), () => timeOf(() => lookWarm(raw)), 3);
  runtime.close();
  const title = `${engine.kind} ${engine.version}: ${count} images`;
  return [
    { title: `${title}, first look`, floorTitle: 'its own calls', pair: cold, bars: [{ kind: 'ratio', most: 1.2 }] },
    { title: `${title}, later look`, floorTitle: 'its own listings', pair: warm, bars: [{ kind: 'ratio', most: 1.2 }] },
  ];
}

/** Both sides remove the same images of equal engines, restored for every round. */
async function benchRemoval(lab: Lab, engine: LabEngine, kind: EngineKind): Promise<Figure> {
  const saved = await lab.save(engine);
  let round = 0;
  const onFresh = async (work: (fresh: LabEngine) => Promise<number>): Promise<number> => {
    round += 1;
    const fresh = await lab.restore(kind, saved, `bench${round}`);
    try {
      return await work(fresh);
    } finally {
      await fresh.stop();
    }
  };
  const pair = await interleave(
    3,
    () => onFresh(removeWithCare),
    () => onFresh(removePlainly),
  );
  const note = `${Math.ceil(REMOVED / 32)} settle times of 400 ms apart`;
  return { title: `${kind}: remove ${REMOVED} images`, floorTitle: 'plain DELETEs', pair, bars: [{ kind: 'ratio', most: 2 }], note };
}

async function removePlainly({ socketPath }: LabEngine): Promise<number> {
  using raw = openRawEngine(socketPath, 1);
  return await timeOf(async () => {
    for (let index = 0; index < REMOVED; index++) await raw.call('DELETE', `/images/bench/app${index}:v1?noprune=1`);
  });
}

/** The whole protocol, with the store on this disk; only the settle time is not waited for. */
async function removeWithCare({ socketPath }: LabEngine): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'imagegc-bench-'));
  const runtime = await openDocker({ socketPath });
  try {
    using store = openSqliteStore({ directory });
    const context = (day: number): CollectContext => ({
      runtime,
      store,
      mayWrite: true,
      policy: { ...POLICY, maxRemovals: REMOVED },
      readClock: () => clockOn(day),
      freeBytes: null,
      makeMark: () => 'bbbbbbbb-1-1-1-1',
      judgeOwner: () => 'own',
      wait: () => Promise.resolve(),
      settleMs: durationMs(0),
      paceMs: durationMs(0),
      signal: new AbortController().signal,
      onBatch: () => undefined,
    });
    await prepareCollection(context(0));
    const { look } = await prepareCollection(context(8));
    return await timeOf(async () => {
      const { results } = await carryOut(look, context(8));
      const removed = results.filter(({ outcome }) => outcome.kind === 'removed').length;
      if (removed !== REMOVED) throw new Error(`${removed} of ${REMOVED} were removed`);
    });
  } finally {
    runtime.close();
    rmSync(directory, { recursive: true });
  }
}

function clockOn(day: number): ReturnType<CollectContext['readClock']> {
  const sinceMs = day * DAY_MS;
  return {
    bootId: 'bench',
    bootTimeMs: durationMs(sinceMs),
    suspendedMs: durationMs(0),
    wallMs: wallMs(Date.now() + sinceMs),
    isSynchronised: true,
  };
}
