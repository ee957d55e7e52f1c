import type { LayerFacts } from '../src/model/inventory.ts';
import { openDocker } from '../src/runtime/docker/docker-runtime.ts';
import type { Runtime } from '../src/runtime/runtime.ts';
import type { EngineKind, Lab, LabEngine, SavedState } from '../test/lab/lab.ts';
import { listImages, withEngine } from './engine-images.ts';
import type { Figure } from './figure.ts';
import { inFlight, openRawCalls, type RawCalls } from './raw-calls.ts';
import { interleave, timeOf } from './samples.ts';

/** As many connections as the product opens. */
const CONNECTIONS = 8;
const COLD_ROUNDS = 7;
const WARM_ROUNDS = 21;
const nothingKnown = (): LayerFacts => ({ layersByImage: new Map(), sizeByLayer: new Map() });

/** Times one complete observation, of an engine never seen before and of one whose layers are known, against the calls it needs. */
export async function benchInventory(lab: Lab, kind: EngineKind, saved: SavedState, count: number): Promise<readonly Figure[]> {
  return withEngine(lab, kind, saved, async (engine) => {
    const runtime = await openDocker({ socketPath: engine.socketPath });
    using calls = openRawCalls(engine.socketPath, CONNECTIONS);
    try {
      return await takeTurns(runtime, calls, `${describe(engine)}, ${count} images`);
    } finally {
      runtime.close();
    }
  });
}

/** `docker 28.5.2 overlay2`. */
export function describe({ kind, version }: LabEngine): string {
  return `docker ${version.replace(/\+.*/, '')} ${kind.endsWith('containerd') ? 'containerd store' : 'overlay2'}`;
}

async function takeTurns(runtime: Runtime, calls: RawCalls, subject: string): Promise<readonly Figure[]> {
  const bars = [{ kind: 'ratio', most: 1.2 } as const];
  const cold = await interleave(
    COLD_ROUNDS,
    () => timeOf(() => runtime.observe(nothingKnown)),
    () => timeOf(() => askForAll(calls)),
  );
  const { learned } = await runtime.observe(nothingKnown);
  const warm = await interleave(
    WARM_ROUNDS,
    () => timeOf(() => runtime.observe(() => learned)),
    () => timeOf(() => askForLists(calls)),
  );
  return [
    { title: `inventory cold, ${subject}`, floorTitle: 'the calls for it', pair: cold, bars },
    { title: `inventory warm, ${subject}`, floorTitle: 'the two lists', pair: warm, bars },
  ];
}

/** Every image has layers of its own, so none of the inspections and histories can be left out. */
async function askForAll(calls: RawCalls): Promise<void> {
  const images = await listImages(calls);
  await inFlight(images, CONNECTIONS, ({ Id }) => calls.ask('GET', `/images/${Id}/json`));
  await inFlight(images, CONNECTIONS, ({ Id }) => calls.ask('GET', `/images/${Id}/history`));
  await calls.ask('GET', '/containers/json?all=1');
}

async function askForLists(calls: RawCalls): Promise<void> {
  await calls.ask('GET', '/images/json?all=1');
  await calls.ask('GET', '/containers/json?all=1');
}
