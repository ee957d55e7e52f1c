import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { DAY_MS, HOUR_MS, POLICY } from '../../test/worlds/world.ts';
import { durationMs } from '../model/brands.ts';
import { boundRepulledBytes } from './clairvoyant.ts';
import { tracedImage } from './journal-trace.ts';
import { PlannedOrder } from './planned-order.ts';
import { PlannedSettings } from './planned-settings.ts';
import { replay, type SimulatedPolicy, warmUpOf } from './replay.ts';
import { simulatedId } from './simulated-disk.ts';
import { POLICY_NAMES, type PolicyName, type SimulationResult, simulate } from './simulation.ts';
import { measureTrace, type Trace } from './trace.ts';

/** Uses of images by their letters, an hour apart; each has a layer of its own, of 10 bytes, and all share one of 5. */
function traceOf(letters: string, sizes: readonly number[] = []): Trace {
  const names = [...new Set(letters)].toSorted();
  const uses = [...letters].map((letter, at) => {
    return { atMs: at * HOUR_MS, image: names.indexOf(letter), lineage: letter, lastedMs: 0 };
  });
  return { layers: names.map((_, image) => [0, image + 1]), sizes: [5, ...names.map((_, at) => sizes[at] ?? 10)], uses };
}

function run(trace: Trace, capacityBytes: number, policies: readonly PolicyName[] = POLICY_NAMES): readonly SimulationResult[] {
  const facts = measureTrace(trace);
  const capacities = [{ text: 'x', bytes: capacityBytes }];
  return simulate({ trace, facts, capacities, policies, seed: 1, warmUpUses: 0, onProgress: () => undefined });
}

function repulledOf(trace: Trace, capacityBytes: number, policy: PolicyName): number {
  return run(trace, capacityBytes, [policy])[0]?.repulledBytes ?? assert.fail();
}

/** Nothing but the order. */
const BARE = {
  ...POLICY,
  ...{ unusedForMs: null, danglingUnusedForMs: null, minAgeMs: durationMs(0) },
  protect: { ...POLICY.protect, keepLast: 0 },
};

const anyTrace = fc
  .record({
    sizes: fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 8 }),
    images: fc.array(fc.array(fc.nat(7), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 7 }),
    steps: fc.array(fc.tuple(fc.nat(6), fc.nat(3 * DAY_MS), fc.constantFrom('p', 'q', 'r')), { minLength: 1, maxLength: 60 }),
    spare: fc.nat(60),
  })
  .map(({ sizes, images, steps, spare }) => {
    const layers = images.map((own) => [...new Set(own.map((layer) => layer % sizes.length))]);
    let atMs = 0;
    const uses = steps.map(([image, gapMs, lineage]) => {
      atMs += gapMs;
      return { atMs, image: image % layers.length, lineage, lastedMs: 0 };
    });
    const trace: Trace = { layers, sizes, uses };
    return { trace, capacityBytes: measureTrace(trace).largestImageBytes + spare };
  });

describe('measureTrace()', () => {
  test('counts as alive what is needed now, and what was and will be', () => {
    const { liveSetBytes, largestImageBytes } = measureTrace(traceOf('abcab'));
    assert.deepEqual([liveSetBytes, largestImageBytes], [35, 15]);
  });
});

describe('replay()', () => {
  test('counts bytes that were here before, and not those that come for the first time', () => {
    const [lru] = run(traceOf('abab'), 15, ['lru']);
    assert.deepEqual([lru?.repulledBytes, lru?.coldStarts, lru?.removals, lru?.freedBytes, lru?.peakBytes], [20, 2, 3, 30, 15]);
    assert.equal(lru?.seconds, 2 + 20 / 25_000_000);
  });

  test('leaves the warm-up out of all but the peak', () => {
    const trace = traceOf('ababababababababababababab');
    assert.equal(warmUpOf(trace), 2);
    const [whole] = run(trace, 15, ['lru']);
    const facts = measureTrace(trace);
    const [warm] = simulate({
      trace,
      facts,
      capacities: [{ text: 'x', bytes: 15 }],
      policies: ['lru'],
      seed: 1,
      onProgress: () => undefined,
    });
    assert.deepEqual([whole?.coldStarts, warm?.coldStarts, warm?.removals], [24, 24, 24]);
  });

  test('keeps what a container still needs', () => {
    const trace = traceOf('abca');
    const uses = trace.uses.map((use) => ({ ...use, lastedMs: use.image === 0 ? 10 * HOUR_MS : 0 }));
    for (const policy of POLICY_NAMES) assert.equal(repulledOf({ ...trace, uses }, 30, policy), 0, policy);
  });

  test('tells cold starts of a version that another one had taken over from', () => {
    const trace = traceOf('aba');
    const uses = trace.uses.map((use) => ({ ...use, lineage: 'app' }));
    const [lru] = run({ ...trace, uses }, 15, ['lru']);
    assert.deepEqual([lru?.coldStarts, lru?.supersededColdStarts], [1, 1]);
  });

  test('gives the same to the last byte for one seed, and another for another', () => {
    const trace = traceOf('abcdefgh'.repeat(20));
    const of = (seed: number): unknown => {
      const facts = measureTrace(trace);
      return simulate({ trace, facts, capacities: [{ text: 'x', bytes: 45 }], policies: POLICY_NAMES, seed, onProgress: () => undefined });
    };
    assert.deepEqual(of(7), of(7));
    assert.notDeepEqual(of(7), of(8));
  });

  test('says how far it is', () => {
    const trace = traceOf('ab'.repeat(1_024));
    const told: number[] = [];
    const policy = { note: () => undefined, makeRoom: () => undefined };
    replay({ trace, facts: measureTrace(trace), capacityBytes: 99, policy, warmUpUses: 0, onProgress: (done) => told.push(done) });
    assert.deepEqual(told, [0, 1_024]);
  });
});

describe('in any trace', () => {
  test('next-use and lru choose what planCollection() chooses, from the same habits', () => {
    fc.assert(
      fc.property(anyTrace, fc.constantFrom('next-use', 'lru'), (drawn, order) => {
        const images = drawn.trace.layers.map((_, image) => tracedImage(simulatedId(image), {}));
        const trace = { ...drawn.trace, images };
        const of = (policy: SimulatedPolicy): unknown => {
          return replay({ trace, facts: measureTrace(trace), capacityBytes: drawn.capacityBytes, policy, warmUpUses: 0 });
        };
        assert.deepEqual(of(new PlannedOrder(order, trace)), of(new PlannedSettings(trace, { ...BARE, order })));
      }),
    );
  });

  test('no policy goes below the bound, and none but docuum holds more than the disk does', () => {
    fc.assert(
      fc.property(anyTrace, ({ trace, capacityBytes }) => {
        for (const { policy, repulledBytes, peakBytes, boundRepulledBytes: bound } of run(trace, capacityBytes)) {
          if (policy === 'docuum') continue;
          assert.ok(repulledBytes >= bound, `${policy}: ${repulledBytes} < ${bound}`);
          assert.ok(
            policy === 'kubelet' || peakBytes <= capacityBytes + Math.max(...trace.layers.map((own) => bytesOf(own, trace))),
            policy,
          );
        }
      }),
    );
  });

  test('the bound is 0 on a disk as large as the live set', () => {
    fc.assert(fc.property(anyTrace, ({ trace }) => assert.equal(boundRepulledBytes(trace, measureTrace(trace).liveSetBytes, 0), 0)));
  });

  test('the bound is what a search through all that could be dropped finds, where every layer is one byte', () => {
    const small = fc.array(fc.nat(3), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(small, fc.integer({ min: 1, max: 3 }), (images, capacity) => {
        const uses = images.map((image, at) => ({ atMs: at, image, lineage: 'l', lastedMs: 0 }));
        const trace: Trace = { layers: [[0], [1], [2], [3]], sizes: [1, 1, 1, 1], uses };
        assert.equal(boundRepulledBytes(trace, capacity, 0), fewestMisses(images, capacity, new Set(), new Set()));
      }),
    );
  });
});

function bytesOf(layers: readonly number[], { sizes }: Trace): number {
  return layers.reduce((sum, layer) => sum + (sizes[layer] ?? 0), 0);
}

/** Tries everything: what may be dropped for each pull. */
function fewestMisses(images: readonly number[], capacity: number, here: ReadonlySet<number>, seen: ReadonlySet<number>): number {
  const [image, ...rest] = images;
  if (image === undefined) return 0;
  const known = new Set([...seen, image]);
  if (here.has(image)) return fewestMisses(rest, capacity, here, known);
  const miss = seen.has(image) ? 1 : 0;
  if (here.size < capacity) return miss + fewestMisses(rest, capacity, new Set([...here, image]), known);
  const others = [...here].map((gone) => fewestMisses(rest, capacity, new Set([...[...here].filter((one) => one !== gone), image]), known));
  return miss + Math.min(...others);
}
