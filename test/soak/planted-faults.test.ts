import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { durationMs } from '../../src/model/brands.ts';
import type { UsageState } from '../../src/model/use-record.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import type { Store } from '../../src/store/store.ts';
import { NOW_MS } from '../worlds/world.ts';
import { seen } from './actor.ts';
import type { Plant } from './processes.ts';
import { soakChunk } from './soak-chunk.ts';

const SEED = 1;
/** Within so many histories each fault has to show; that of the suite runs many times as many. */
const HISTORIES = 4_000;

/** The second look before a removal sees no container. */
function withoutRecheck(runtime: Runtime): Runtime {
  return seen(runtime, { listContainers: () => Promise.resolve([]) });
}

function notInUse(state: UsageState): UsageState {
  return { ...state, records: new Map([...state.records].map(([id, record]) => [id, { ...record, isInUse: false }])) };
}

function withoutPins(store: Store): Store {
  return seen(store, { listPins: () => [] });
}

function withoutRecords(store: Store): Store {
  return seen(store, { readRecords: () => new Map() });
}

/** Events come, and none says anything. */
function withoutEvents(runtime: Runtime): Runtime {
  return seen(runtime, {
    watch: (watcher) => runtime.watch({ ...watcher, onEvents: (_events, cursor) => watcher.onEvents([], cursor) }),
  });
}

const PLANTED: Readonly<Record<string, { readonly plant: Plant; readonly shows: RegExp }>> = {
  'the recheck is skipped': {
    plant: { runtime: withoutRecheck, store: withoutRecords },
    shows: /was removed: (container [0-9a-f]+ needs it|it was used)/,
  },
  'that an image was in use is not remembered': {
    plant: { store: (store) => seen(store, { readUsage: (key) => notInUse(store.readUsage(key)) }) },
    shows: /it was used \d+ min ago/,
  },
  'the clock goes by the wall': {
    plant: {
      clock: (reading) => ({
        ...reading,
        bootId: 'one',
        bootTimeMs: durationMs(reading.wallMs - NOW_MS + 1e13),
        suspendedMs: durationMs(0),
      }),
    },
    shows: /it was used \d+ min ago/,
  },
  'pins are not read': { plant: { store: withoutPins }, shows: /protects it/ },
  'uses since the plan are not asked for': { plant: { store: withoutRecords }, shows: /it was used \d+ min ago/ },
  'events are not read': { plant: { runtime: withoutEvents }, shows: /it was used \d+ min ago/ },
};

describe('the soak notices when', () => {
  for (const [what, { plant, shows }] of Object.entries(PLANTED)) {
    it(`${what}`, async (t) => {
      const { histories, failure } = await soakChunk({ seed: SEED, histories: HISTORIES, isUnshrunk: true }, plant);
      assert.ok(failure !== null, `${histories} histories, and nothing was noticed`);
      t.diagnostic(`${what}: noticed in history ${histories}`);
      assert.match(failure.violations.join('\n'), shows);
    });
  }
});
