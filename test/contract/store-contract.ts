import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { bytes, chainId, containerId, idleMs, imageId, wallMs } from '../../src/model/brands.ts';
import type { RemovalEntry, RemovalIntent } from '../../src/model/removal-record.ts';
import { type LineageHabit, NO_HABITS } from '../../src/model/use-habits.ts';
import type { StoredPin, UsageChanges, UseEntry } from '../../src/model/use-record.ts';
import type { Store } from '../../src/store/store.ts';
import { operation, StoreModel } from './store-model.ts';
import { at, clockAt, recordOf } from './store-values.ts';

/** What an implementation brings to the suite. */
export interface StoreUnderTest {
  /** Opens an empty store. */
  readonly open: () => Store;
  /** Closes a store and opens what it left; the same store where nothing outlives it. */
  readonly reopen: (store: Store) => Store;
}

const KEY = 'engine-1/overlay2';
const NOTHING: UsageChanges = { records: [], forgotten: [], lineages: [], uses: [] };

function useOf(id: string, when: number): UseEntry {
  return { imageId: imageId(id), references: [], evidence: 'sighting', at: at(when) };
}

function habitOf(name: string, used: number): LineageHabit {
  const gaps = NO_HABITS.host.gaps.map((_, bucket) => (bucket % 7 === 0 ? bucket / 4 : 0));
  const pastVersions = [{ key: 'b', lastUsedMs: idleMs(0), supersededMs: idleMs(1) }];
  return { name, gaps, lastUsedMs: idleMs(used), headKey: 'a', pastVersions, uses: 12.5, sameImageUses: 3.25 };
}

function intentOf(id: string): RemovalIntent {
  const digests = [`docker.io/library/${id}@sha256:00`];
  return { imageId: imageId(id), references: [], digests, rule: 'disk', freesBytes: null, mark: 'b-1-2-3-4', at: at(5) };
}

function entryOf(id: string, outcome: RemovalEntry['outcome']): RemovalEntry {
  return { ...intentOf(id), outcome, message: '' };
}

function pinOf(pattern: string, reason: string): StoredPin {
  return { pattern, owner: 'root', reason, until: null, createdAt: wallMs(1) };
}

/** Runs the contract of `Store` against one implementation. */
export function describeStore(name: string, { open, reopen }: StoreUnderTest): void {
  describe(`${name} keeps the contract of Store:`, () => {
    test('a new store is empty and says that it is new', () => {
      using store = open();
      assert.equal(store.condition.kind, 'new');
      assert.equal(store.readClock(), null);
      assert.deepEqual(store.readUsage(KEY), { records: new Map(), lineages: new Map(), failures: new Map() });
      assert.deepEqual(store.readLayerFacts(KEY), { layersByImage: new Map(), sizeByLayer: new Map() });
      assert.deepEqual([store.listPins(), store.readIntents(KEY), store.readRemovals(KEY, 9), store.readUses(KEY, 9)], [[], [], [], []]);
    });

    test('any sequence of writes and reopenings reads like a plain model of it', () => {
      fc.assert(
        fc.property(fc.array(operation, { maxLength: 25 }), (operations) => {
          const model = new StoreModel();
          let store = open();
          for (const step of operations) {
            if (step.kind === 'reopen') store = reopen(store);
            else model.apply(step, store);
          }
          model.compare(store);
          store[Symbol.dispose]();
        }),
        { numRuns: 60 },
      );
    });

    test('a step that fails half-way has written nothing, and one that ends all of it', () => {
      using store = open();
      const both = (end: () => string): string =>
        store.atomically(() => {
          store.writeUsage(KEY, { ...NOTHING, records: [recordOf('a', 1)] }, clockAt(1));
          store.putPin(pinOf('a', 'mine'));
          return end();
        });
      const fail = (): never => {
        throw new Error('half-way');
      };
      assert.throws(() => both(fail), /half-way/);
      assert.deepEqual([store.readUsage(KEY).records.size, store.listPins().length, store.readClock()], [0, 0, null]);
      assert.equal(
        both(() => 'done'),
        'done',
      );
      assert.deepEqual([store.readUsage(KEY).records.size, store.listPins().length], [1, 1]);
    });

    test('ended containers are read back as they were written last', () => {
      let store = open();
      const ended = new Map([[containerId('c'), { end: '2026-11-26T00:00:00.000000001Z', since: at(5) }]]);
      store.writeEnded(KEY, new Map([[containerId('before'), { end: '', since: at(1) }]]));
      store.writeEnded(KEY, ended);
      store = reopen(store);
      assert.deepEqual([store.readEnded(KEY), store.readEnded('engine-1/other')], [ended, new Map()]);
      store[Symbol.dispose]();
    });

    test('records of one engine store are not those of another', () => {
      using store = open();
      store.writeUsage(KEY, { ...NOTHING, records: [recordOf('a', 1)] }, clockAt(1));
      assert.equal(store.readUsage('engine-1/other').records.size, 0);
      assert.equal(store.readUsage('engine-2/overlay2').records.size, 0);
    });

    test('readUsage() for a look leaves out only what is not listed and has been missing for a shorter time', () => {
      using store = open();
      const missing = (id: string, since: number | null) => ({ ...recordOf(id, 1), missingSince: since === null ? null : at(since) });
      const records = [missing('present', null), missing('listed', 50), missing('long', 20), missing('shortly', 21)];
      store.writeUsage(KEY, { ...NOTHING, records }, clockAt(60));
      store.writeUsage('engine-1/other', { ...NOTHING, records: [missing('foreign', null)] }, clockAt(60));
      const scope = { images: [imageId('listed'), imageId('unknown')], missingBefore: idleMs(20) };
      const whole = store.readUsage(KEY);
      const read = store.readUsage(KEY, scope);
      assert.deepEqual([...read.records.keys()].sort(), ['listed', 'long', 'present']);
      for (const [id, record] of read.records) assert.deepEqual(record, whole.records.get(id));
      assert.deepEqual([...store.readUsage(KEY, { images: [], missingBefore: idleMs(0) }).records.keys()], ['present']);
      assert.deepEqual([store.hasRecords(KEY), store.hasRecords('engine-1/unknown')], [true, false]);
    });

    test('readOtherUsage() reads the same engine under its other stores alone, the latest use of an image', () => {
      using store = open();
      store.writeUsage('engine-1/old', { ...NOTHING, records: [recordOf('a', 9), recordOf('b', 1)] }, clockAt(1));
      store.writeUsage('engine-1/older', { ...NOTHING, records: [recordOf('a', 3)] }, clockAt(1));
      for (const key of [KEY, 'engine-10/old', 'engine-1/deep/old']) {
        store.writeUsage(key, { ...NOTHING, records: [recordOf('foreign', 1)] }, clockAt(1));
      }
      const { records } = store.readOtherUsage(KEY);
      assert.deepEqual([...records.keys()].sort(), ['a', 'b']);
      assert.deepEqual(records.get(imageId('a'))?.lastUsed, at(9));
    });

    test('writeUsage() never moves a stamp back, nor the idle clock', () => {
      using store = open();
      store.writeUsage(KEY, { ...NOTHING, records: [recordOf('a', 50)] }, clockAt(50));
      store.writeUsage(KEY, { ...NOTHING, records: [recordOf('a', 20)] }, clockAt(20));
      store.writeUsage(KEY, { ...NOTHING, records: [recordOf('a', null)] }, clockAt(30));
      assert.deepEqual(store.readUsage(KEY).records.get(imageId('a'))?.lastUsed, at(50));
      assert.equal(store.readClock()?.idleMs, 50);
    });

    test('uses of one image within a minute are one, the first; newest first', () => {
      using store = open();
      const uses = [useOf('a', 1), useOf('a', 59_999), useOf('b', 2), useOf('a', 60_000)];
      store.writeUsage(KEY, { ...NOTHING, uses }, clockAt(60_000));
      assert.deepEqual(store.readUses(KEY, 9), [useOf('a', 60_000), useOf('a', 1), useOf('b', 2)]);
      assert.deepEqual(store.readUses(KEY, 1), [useOf('a', 60_000)]);
    });

    test('readUsesBetween() gives whole minutes in their order, those at both ends left out', () => {
      using store = open();
      const uses = [useOf('b', 130_000), useOf('a', 125_000), useOf('a', 60_000), useOf('a', 180_000), useOf('c', 0)];
      store.writeUsage(KEY, { ...NOTHING, uses }, clockAt(200_000));
      assert.deepEqual(store.readUsesBetween(KEY, 1, 3), [useOf('a', 125_000), useOf('b', 130_000)]);
      assert.deepEqual(store.readUsesBetween('engine-1/other', -1, 99), []);
      assert.equal(store.readUsesBetween(KEY, -1, 99).length, 5);
    });

    test('writeHabits() keeps what was learned, unless another process learned meanwhile', () => {
      let store = open();
      assert.deepEqual(store.readHabits(KEY), NO_HABITS);
      const host = { ...NO_HABITS.host, uses: 7 };
      store.writeHabits(KEY, { fromMinute: -1, host, learnedMinute: 5, lineages: [habitOf('app', 1), habitOf('web', 2)] });
      store.writeHabits(KEY, { fromMinute: -1, host: { ...host, uses: 9 }, learnedMinute: 8, lineages: [habitOf('late', 3)] });
      store.writeHabits(KEY, { fromMinute: 5, host: { ...host, uses: 8 }, learnedMinute: 6, lineages: [habitOf('app', 4)] });
      store = reopen(store);
      const { host: read, lineages, learnedMinute } = store.readHabits(KEY);
      assert.deepEqual([read.uses, learnedMinute], [8, 6]);
      assert.deepEqual(new Set(lineages.values()), new Set([habitOf('app', 4), habitOf('web', 2)]));
      assert.deepEqual(store.readHabits('engine-1/other'), NO_HABITS);
      store[Symbol.dispose]();
    });

    test('writeHabits() forgets lineages that were not used for 90 days', () => {
      using store = open();
      const learnedMinute = 91 * 24 * 60;
      const lineages = [habitOf('old', 0), habitOf('new', 2 * 86_400_000)];
      store.writeHabits(KEY, { fromMinute: -1, host: NO_HABITS.host, learnedMinute, lineages });
      assert.deepEqual([...store.readHabits(KEY).lineages.keys()], ['new']);
    });

    test('finishRemovals() forgets what is gone, keeps what stayed, and ends both intents', () => {
      using store = open();
      store.writeUsage(KEY, { ...NOTHING, records: [recordOf('gone', 1), recordOf('kept', 1)] }, clockAt(1));
      store.addIntents(KEY, [intentOf('gone'), intentOf('kept')]);
      const failure = { imageId: imageId('kept'), count: 1, retryAt: at(9), message: 'busy' };
      store.finishRemovals(KEY, [entryOf('gone', 'removed'), entryOf('kept', 'failed')], [failure]);
      assert.deepEqual(store.readIntents(KEY), []);
      const { records, failures } = store.readUsage(KEY);
      assert.deepEqual([...records.keys()], ['kept']);
      assert.deepEqual(failures.get(imageId('kept')), failure);
      assert.deepEqual(store.readRemovals(KEY, 9), [entryOf('kept', 'failed'), entryOf('gone', 'removed')]);
    });

    test('a failure is cleared when its image is gone', () => {
      using store = open();
      const failure = { imageId: imageId('a'), count: 2, retryAt: at(9), message: 'busy' };
      store.finishRemovals(KEY, [entryOf('a', 'failed')], [failure]);
      store.finishRemovals(KEY, [entryOf('a', 'already-gone')], []);
      assert.equal(store.readUsage(KEY).failures.size, 0);
    });

    test('layer facts add up, and an image without layers is not an unknown one', () => {
      using store = open();
      const [low, high] = [chainId('sha256:low'), chainId('sha256:high')];
      const first = { layersByImage: new Map([[imageId('a'), [low, high]]]), sizeByLayer: new Map([[low, bytes(5)]]) };
      const second = { layersByImage: new Map([[imageId('scratch'), []]]), sizeByLayer: new Map([[high, bytes(0)]]) };
      store.addLayerFacts(KEY, first);
      store.addLayerFacts(KEY, second);
      const facts = store.readLayerFacts(KEY);
      assert.deepEqual(facts.layersByImage, new Map([...first.layersByImage, ...second.layersByImage]));
      assert.deepEqual(facts.sizeByLayer, new Map([...first.sizeByLayer, ...second.sizeByLayer]));
    });

    test('putPin() replaces the pin of the same pattern, removePin() says whether there was one', () => {
      using store = open();
      store.putPin(pinOf('app', 'old'));
      store.putPin(pinOf('app', 'new'));
      assert.deepEqual(store.listPins(), [pinOf('app', 'new')]);
      assert.deepEqual([store.removePin('app'), store.removePin('app')], [true, false]);
    });

    test('a write that cannot be carried out changes nothing', () => {
      using store = open();
      const broken = { ...recordOf('b', 1), firstSeen: { idleMs: idleMs(Number.NaN), wallMs: wallMs(0) } };
      assert.throws(() => store.writeUsage(KEY, { ...NOTHING, records: [recordOf('a', 1), broken] }, clockAt(1)), /not to be stored/);
      assert.equal(store.readClock(), null);
      assert.equal(store.readUsage(KEY).records.size, 0);
    });
  });
}
