/** `imagegc simulate --host`: what settings would have made of a host's own history. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytes, chainId, imageId } from '../../src/model/brands.ts';
import type { UseEntry } from '../../src/model/use-record.ts';
import { MemoryEngine } from '../../src/runtime/memory/memory-engine.ts';
import { openMemory } from '../../src/runtime/memory/memory-runtime.ts';
import { openMemoryStore } from '../../src/store/open-sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { at, clockAt } from '../contract/store-values.ts';
import { runInProcess } from '../e2e/cli-world.ts';
import type { Finished } from '../e2e/imagegc-process.ts';
import { KEY } from '../worlds/daemon-world.ts';
import { DAY_MS, HOUR_MS, MB } from '../worlds/world.ts';

const IMAGES = ['app', 'job', 'web'] as const;
const ids = new Map(IMAGES.map((name) => [name, imageId(`sha256:${name.padEnd(64, '0')}`)]));

/** A use of the app every day, and of the job and the web every ten, for 60 days. */
function liveTwoMonths(): Store {
  const store = openMemoryStore();
  const uses: UseEntry[] = [];
  const use = (name: (typeof IMAGES)[number], ms: number): void => {
    const id = ids.get(name) ?? assert.fail();
    uses.push({ imageId: id, references: [`docker.io/lab/${name}:1`], evidence: 'container', at: at(ms) });
  };
  for (let day = 0; day < 60; day++) {
    use('app', day * DAY_MS);
    if (day % 10 === 0) use('job', day * DAY_MS + HOUR_MS);
    if (day % 10 === 5) use('web', day * DAY_MS + HOUR_MS);
  }
  store.writeUsage(KEY, { records: [], forgotten: [], lineages: [], uses }, clockAt(60 * DAY_MS));
  const layers = IMAGES.map((name) => [ids.get(name) ?? assert.fail(), [chainId('base'), chainId(name)]] as const);
  const sizes = ['base', ...IMAGES].map((name) => [chainId(name), bytes(100 * MB)] as const);
  store.addLayerFacts(KEY, { layersByImage: new Map(layers), sizeByLayer: new Map(sizes) });
  return store;
}

function simulateHost(...args: readonly string[]): Promise<Finished> {
  const engine = new MemoryEngine({ capacityBytes: 1e12 });
  engine.addImage({ layers: [['base', 100 * MB]], references: ['docker.io/lab/other:1'], digests: [] });
  const store = liveTwoMonths();
  const world = { openRuntime: () => Promise.resolve(openMemory(engine)), openStore: () => store, readFile: () => '' };
  return runInProcess(['simulate', '--host', '--engine-address', 'unix:///x', ...args], 0, world);
}

describe('imagegc simulate --host', () => {
  it('says what the settings in force would have freed and pulled again in the last thirty days', async () => {
    const { status, stdout, stderr } = await simulateHost();
    assert.deepEqual([status, stderr], [0, '']);
    assert.equal(
      stdout,
      'With these settings (next-use, images on an unlimited disk) in the last 30 days: 600 MB freed, 6 images pulled again (600 MB).\n',
    );
  });

  it('goes by the settings it is given', async () => {
    const { stdout } = await simulateHost('--rules-unused-for', '14d', '--rules-order', 'lru');
    assert.match(stdout, /^With these settings \(lru, .* in the last 30 days: 0 B freed, no image pulled again\.\n$/);
  });

  it('fills no more than the disk rule leaves to images', async () => {
    const { stdout } = await simulateHost('--rules-unused-for', 'never', '--rules-disk-max-image-bytes', '310MB', '--rules-min-age', '0s');
    assert.match(stdout, /images on 310 MB\) in the last 30 days: 600 MB freed, 6 images pulled again/);
  });

  it('prints results for programs, under as many policies as asked for', async () => {
    const { stdout } = await simulateHost('--json', '--policy', 'next-use,lru', '--capacity', '250MB,1GB');
    const form: { readonly format: string; readonly days: number; readonly results: readonly object[] } = JSON.parse(stdout);
    assert.deepEqual([form.format, form.days, form.results.length], ['imagegc.simulation/1', 30, 4]);
  });
});
