/** What next-use is held to on real traces (docs/background/eviction.md §7), as docs/policy.md tells it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PolicyName, SimulationResult } from '../../src/simulate/simulation.ts';
import { simulate } from '../../src/simulate/simulation.ts';
import { measureTrace } from '../../src/simulate/trace.ts';
import { diskBytes, readRealTrace } from './paired-replay.ts';
import { geometricMean } from './statistics.ts';

const PARTS = [0.25, 0.5, 0.75, 1, 1.5, 2] as const;
const POLICIES: readonly PolicyName[] = ['next-use', 'lru'];
const GEOMETRIC_MEANS = { 'build-main': 0.45, 'ci-pool': 0.67 } as const;

/** By part of the live set: next-use and lru. */
function replayTrace(
  name: string,
  from: number,
): { readonly pairs: readonly (readonly SimulationResult[])[]; readonly firstEverBytes: number } {
  const trace = readRealTrace(name);
  const facts = measureTrace(trace);
  const pairs = PARTS.map((part) => {
    const warmUpUses = Math.floor(from * trace.uses.length);
    const capacities = [{ text: `${part}W`, bytes: diskBytes(facts, part) }];
    return simulate({ trace, facts, capacities, policies: POLICIES, seed: 1, warmUpUses, onProgress: () => undefined });
  });
  const firstEverBytes = trace.sizes.reduce((sum, size, layer) => sum + (facts.firstNeeded[layer] === -1 ? 0 : size), 0);
  return { pairs, firstEverBytes };
}

function ratioOf(pair: readonly SimulationResult[]): number {
  const [nextUse, lru] = pair.map(({ repulledBytes }) => repulledBytes);
  return (nextUse ?? Number.NaN) / (lru ?? Number.NaN);
}

for (const name of ['build-main', 'ci-pool'] as const) {
  for (const [what, from] of [
    ['the whole of', 0.1],
    ['the last three tenths of', 0.7],
  ] as const) {
    describe(`on ${what} ${name} next-use`, () => {
      const { pairs, firstEverBytes } = replayTrace(name, from);

      it('pulls no more again than 1.02 of lru on disks up to the live set, and above hardly more', () => {
        for (const [at, pair] of pairs.entries()) {
          const [nextUse, lru] = pair.map(({ repulledBytes }) => repulledBytes);
          const most = (PARTS[at] ?? 0) <= 1 ? 1.02 * (lru ?? 0) : (lru ?? 0) + 0.01 * firstEverBytes;
          assert.ok((nextUse ?? Number.NaN) <= most, `${PARTS[at]}W: ${nextUse} > ${most}`);
        }
      });

      it(`pulls again at most ${GEOMETRIC_MEANS[name]} of what lru does, in the geometric mean of those disks`, (t) => {
        const ratios = pairs.slice(0, 4).map(ratioOf);
        const mean = geometricMean(ratios);
        t.diagnostic(`${ratios.map((ratio) => ratio.toFixed(3)).join(' ')}: ${mean.toFixed(3)}`);
        assert.ok(mean <= GEOMETRIC_MEANS[name], `${mean}`);
      });
    });
  }
}

describe('on build-main next-use', () => {
  it('pulls again at most 2.6 times what cannot be helped, on a disk of half the live set', () => {
    const [nextUse] = replayTrace('build-main', 0.1).pairs[1] ?? [];
    assert.ok(nextUse !== undefined && nextUse.repulledBytes <= 2.6 * nextUse.boundRepulledBytes);
  });
});
