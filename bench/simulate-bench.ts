import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTrace } from '../src/cli/forms/trace-form.ts';
import { bytes, chainId, idleMs, imageId, wallMs } from '../src/model/brands.ts';
import type { LayerFacts } from '../src/model/inventory.ts';
import type { UseEntry } from '../src/model/use-record.ts';
import { traceOfJournal } from '../src/simulate/journal-trace.ts';
import { PlannedSettings } from '../src/simulate/planned-settings.ts';
import { type SimulationInput, simulate } from '../src/simulate/simulation.ts';
import { measureTrace } from '../src/simulate/trace.ts';
import { DAY_MS, POLICY } from '../test/worlds/world.ts';
import type { Figure } from './figure.ts';
import { interleave, timeOf } from './samples.ts';

const ROUNDS = 5;
/** A busy host: seven images an hour for a year. */
const YEAR_USES = 50_000;
const APPS = 300;

/** Times the simulator on a real trace, and on a year of a host's own history under all of its settings, next to plain lru. */
export async function benchSimulate(): Promise<readonly Figure[]> {
  return [await benchTrace(0.5), await benchTrace(2), ...(await benchYear())];
}

async function benchTrace(parts: number): Promise<Figure> {
  const fileOf = (kind: string): string => join(import.meta.dirname, '..', 'test', 'traces', `build-main.${kind}.jsonl.gz`);
  const trace = readTrace({ readBytes: (path) => readFileSync(path) }, fileOf('images'), fileOf('uses'));
  const facts = measureTrace(trace);
  const capacities = [{ text: `${parts}W`, bytes: Math.round(parts * facts.liveSetBytes) }];
  const run = (policy: 'next-use' | 'lru'): Promise<number> => {
    return timeOf(() => simulate({ trace, facts, capacities, policies: [policy], seed: 1, onProgress: () => undefined }));
  };
  const pair = await interleave(
    ROUNDS,
    () => run('next-use'),
    () => run('lru'),
  );
  return { title: `simulate build-main, next-use, ${parts} W`, floorTitle: 'lru', pair, bars: [{ kind: 'ms', most: 1_000 }] };
}

/** On a disk that holds all, and on one so small that every second use needs room: half of what never to pull twice would take. */
async function benchYear(): Promise<readonly Figure[]> {
  const { uses, facts: layerFacts } = liveYear();
  const trace = traceOfJournal(uses, layerFacts);
  const facts = measureTrace(trace);
  const title = `simulate a year of ${YEAR_USES.toLocaleString('en')} uses under settings`;
  const all = trace.sizes.reduce((sum, size) => sum + size, 1);
  const figureOn = async (bytesOfDisk: number, title: string): Promise<Figure> => {
    const capacities = [{ text: 'year', bytes: bytesOfDisk }];
    const run = (make?: NonNullable<SimulationInput['make']>): Promise<number> => {
      const input = { trace, facts, capacities, policies: ['next-use' as const], seed: 1, onProgress: () => undefined };
      return timeOf(() => simulate(make === undefined ? input : { ...input, make }));
    };
    const planned = (): PlannedSettings => new PlannedSettings(trace, { ...POLICY, order: 'next-use' });
    const pair = await interleave(
      ROUNDS,
      () => run(planned),
      () => run(),
    );
    return { title, floorTitle: 'without settings', pair, bars: [{ kind: 'ms', most: 2_000 }] };
  };
  return [await figureOn(all, title), await figureOn(facts.liveSetBytes / 2, `${title}, 0.5 W`)];
}

/** Some applications are used far more often than others, and each gets a new version every few weeks. */
function liveYear(): { readonly uses: readonly UseEntry[]; readonly facts: LayerFacts } {
  const facts = { layersByImage: new Map(), sizeByLayer: new Map() };
  let state = 1;
  const random = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  const uses = Array.from({ length: YEAR_USES }, (_, index): UseEntry => {
    const app = Math.floor(random() * random() * APPS);
    const version = Math.floor((index / YEAR_USES) * 20 * (0.5 + (app % 3)));
    const id = imageId(`sha256:${(app * 1_000 + version).toString(16).padStart(64, '0')}`);
    const layers = [`base${app % 10}`, `runtime${app % 30}`, `own${id}`].map(chainId);
    facts.layersByImage.set(id, layers);
    for (const layer of layers) facts.sizeByLayer.set(layer, bytes(50_000_000));
    const at = { idleMs: idleMs(Math.floor((index / YEAR_USES) * 365 * DAY_MS)), wallMs: wallMs(0) };
    return { imageId: id, references: [`docker.io/lab/app${app}:1.${version}`], evidence: 'container', at };
  });
  return { uses, facts };
}
