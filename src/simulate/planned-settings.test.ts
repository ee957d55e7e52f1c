import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { PlannedAnew } from '../../test/worlds/planned-anew.ts';
import { DAY_MS, HOUR_MS, POLICY } from '../../test/worlds/world.ts';
import { bytes, chainId, durationMs, idleMs, imageId, wallMs } from '../model/brands.ts';
import type { LayerFacts } from '../model/inventory.ts';
import type { Policy } from '../model/policy.ts';
import type { UseEntry } from '../model/use-record.ts';
import { traceOfJournal } from './journal-trace.ts';
import { PlannedSettings } from './planned-settings.ts';
import { replay, type SimulatedPolicy } from './replay.ts';
import { measureTrace } from './trace.ts';

const APPS = 3;

/** Uses of versions of a few applications, some of one repository, that share layers; as a journal has them. */
const anyJournal = fc
  .array(fc.tuple(fc.nat(APPS * 6 - 1), fc.integer({ min: 60_000, max: 2 * DAY_MS }), fc.boolean()), { minLength: 1, maxLength: 80 })
  .map((steps): readonly UseEntry[] => {
    let atMs = 0;
    return steps.map(([image, gapMs, isBuilt]) => {
      atMs += gapMs;
      const name = `docker.io/lab/app${image % APPS}`;
      const references = image % 5 === 0 ? [] : [`${name}:1.${image}`, ...(image % 4 === 0 ? [`${name}:latest`] : [])];
      const at = { idleMs: idleMs(atMs), wallMs: wallMs(atMs) };
      return { imageId: imageId(`sha256:${`${image}`.padStart(64, '0')}`), references, evidence: isBuilt ? 'build' : 'container', at };
    });
  });

const FACTS: LayerFacts = {
  layersByImage: new Map(
    Array.from({ length: APPS * 6 }, (_, image) => {
      return [imageId(`sha256:${`${image}`.padStart(64, '0')}`), [`base${image % 2}`, `app${image % APPS}`, `own${image}`].map(chainId)];
    }),
  ),
  sizeByLayer: new Map(
    [...Array(APPS * 6).keys()].flatMap((at) => [`base${at}`, `app${at}`, `own${at}`].map((name) => [chainId(name), bytes(7 + (at % 5))])),
  ),
};

const anyPolicy = fc
  .record({
    order: fc.constantFrom('next-use', 'lru'),
    unusedForMs: fc.constantFrom(null, durationMs(2 * DAY_MS), durationMs(7 * DAY_MS)),
    minAgeMs: fc.constantFrom(durationMs(0), durationMs(HOUR_MS)),
    maxRemovals: fc.constantFrom(0, 0, 1),
    keepLast: fc.nat(2),
    keepLastForMs: fc.constantFrom('always' as const, durationMs(3 * DAY_MS)),
    local: fc.constantFrom('no', 'last', 'keep'),
  })
  .map(({ keepLast, keepLastForMs, local, ...rest }): Policy => {
    return { ...POLICY, ...rest, protect: { ...POLICY.protect, keepLast, keepLastForMs, local } };
  });

describe('PlannedSettings', () => {
  test('removes, use by use, what planCollection() does when it is given all anew', () => {
    fc.assert(
      fc.property(anyJournal, anyPolicy, fc.nat(60), (uses, policy, spareBytes) => {
        const trace = traceOfJournal(uses, FACTS);
        const facts = measureTrace(trace);
        const capacityBytes = facts.largestImageBytes + spareBytes;
        const follow = (planned: SimulatedPolicy): unknown => {
          const present: unknown[] = [];
          const note: SimulatedPolicy['note'] = (use, place) => planned.note?.(use, place);
          const makeRoom: SimulatedPolicy['makeRoom'] = (disk, ...rest) => {
            planned.makeRoom(disk, ...rest);
            present.push([...disk.present]);
          };
          const tidy: SimulatedPolicy['tidy'] = (disk, use) => {
            planned.tidy?.(disk, use);
            present.push(disk.present.length);
          };
          return { figures: replay({ trace, facts, capacityBytes, policy: { note, makeRoom, tidy }, warmUpUses: 0 }), present };
        };
        assert.deepEqual(follow(new PlannedSettings(trace, policy)), follow(new PlannedAnew(trace, policy)));
      }),
      { numRuns: 300 },
    );
  });
});
