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
    const open = () => openDocker({ socketPath: engine.socketPath });
    const runtime = await open();
    using calls = openRawCalls(engine.socketPath, CONNECTIONS);
    try {
      const asked = { askForAll: () => askForAll(calls), askForLists: () => askForLists(calls) };
      return await takeTurns({ runtime, open: null, ...asked }, `${describe(engine)}, ${count} images`);
    } finally {
      runtime.close();
    }
  });
}

/** `docker 28.5.2 overlay2`. */
export function describe({ kind, version }: LabEngine): string {
  return `docker ${version.replace(/\+.*/, '')} ${kind.endsWith('containerd') ? 'containerd store' : 'overlay2'}`;
}

/** What is observed, and the calls that it is held against. */
interface Observed {
  readonly runtime: Runtime;
  /** Where a runtime learns by itself what never changes, the first look is that of a new one. */
  readonly open: (() => Promise<Runtime>) | null;
  readonly askForAll: () => Promise<void>;
  readonly askForLists: () => Promise<void>;
}

/** Times a first and later looks, each in turns with its floor. */
export async function takeTurns({ runtime, open, askForAll, askForLists }: Observed, subject: string): Promise<readonly Figure[]> {
  const bars = [{ kind: 'ratio', most: 1.2 } as const];
  const lookFirst = async (): Promise<number> => {
    if (open === null) return timeOf(() => runtime.observe(nothingKnown));
    const own = await open();
    return timeOf(() => own.observe(nothingKnown)).finally(() => own.close());
  };
  const cold = await interleave(COLD_ROUNDS, lookFirst, () => timeOf(askForAll));
  const { learned } = await runtime.observe(nothingKnown);
  const warm = await interleave(
    WARM_ROUNDS,
    () => timeOf(() => runtime.observe(() => learned)),
    () => timeOf(askForLists),
  );
  return [
    { title: `inventory cold, ${subject}`, floorTitle: 'the calls for it', pair: cold, bars },
    { title: `inventory warm, ${subject}`, floorTitle: 'the lists', pair: warm, bars },
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
