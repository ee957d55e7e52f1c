/** That next-use serves hosts of many kinds, and not only those that it was measured on (docs/policy.md). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simulate } from '../../src/simulate/simulation.ts';
import { measureTrace, type Trace } from '../../src/simulate/trace.ts';
import { MADE_UP_TRACES } from './made-up-traces.ts';
import { diskBytes } from './paired-replay.ts';
import { geometricMean, ratioOf } from './statistics.ts';

const PARTS = [0.25, 0.5, 0.75, 1] as const;
/** Where lru pulls next to nothing again, a few pulls are no matter. */
const FIRST_EVER_SHARE = 0.02;

/** By part of the live set: what both pulled again. */
function compare(trace: Trace): readonly { readonly nextUse: number; readonly lru: number }[] {
  const facts = measureTrace(trace);
  return PARTS.map((part) => {
    const capacities = [{ text: `${part}W`, bytes: diskBytes(facts, part) }];
    const results = simulate({ trace, facts, capacities, policies: ['next-use', 'lru'], seed: 1, onProgress: () => undefined });
    const [nextUse, lru] = results.map(({ repulledBytes }) => repulledBytes);
    return { nextUse: nextUse ?? Number.NaN, lru: lru ?? Number.NaN };
  });
}

describe('on made-up hosts next-use', () => {
  const means: number[] = [];
  for (const [name, make] of MADE_UP_TRACES) {
    it(`pulls again no more than 1.02 of what lru does, or hardly more than nothing: ${name}`, (t) => {
      const trace = make();
      const firstEver = trace.sizes.reduce((sum, size) => sum + size, 0);
      const cells = compare(trace);
      const ratios = cells.map(({ nextUse, lru }) => ratioOf(nextUse, lru));
      t.diagnostic(ratios.map((ratio) => ratio.toFixed(2)).join(' '));
      means.push(geometricMean(ratios));
      for (const { nextUse, lru } of cells) {
        assert.ok(nextUse <= Math.max(1.02 * lru, lru + FIRST_EVER_SHARE * firstEver), `${nextUse} > ${lru}, first ever ${firstEver}`);
      }
    });
  }

  it('pulls again less than six tenths of what lru does, in the geometric mean of all', (t) => {
    const mean = geometricMean(means);
    t.diagnostic(mean.toFixed(3));
    assert.ok(mean < 0.6, `${mean}`);
  });
});
