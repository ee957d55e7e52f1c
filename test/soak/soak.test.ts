import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeFailure, soak } from './soak-pool.ts';

const SEED = 20_261_123;
/** In parts, so that none takes as long as a test may on a busy machine. */
const PARTS = Number(process.env['SOAK_PARTS'] ?? 8);
const HISTORIES = 2_500;

describe('in random histories of a host nothing that is needed is removed, no hold is left, and no name is lost:', () => {
  for (let part = 0; part < PARTS; part++) {
    const seed = SEED + part * HISTORIES;
    it(`${HISTORIES} histories from seed ${seed} on`, async (t) => {
      const { histories, tally, failure } = await soak({ seed, histories: HISTORIES, threads: 2 });
      t.diagnostic(`${histories} histories, ${tally.collections} collections, ${tally.removals} removals, ${tally.faults} faults`);
      assert.equal(failure, null, failure === null ? '' : describeFailure(failure));
      assert.equal(histories, HISTORIES);
      assert.ok(tally.removals * 2 > histories, 'too few removals to tell anything');
      assert.ok(tally.faults > histories, 'too few faults');
    });
  }
});
