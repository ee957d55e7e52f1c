import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatClockTable, runClockTable } from './clock-table.ts';

const rows = await runClockTable();

describe('clocks that jump', () => {
  for (const { title, trueDays, isEarlier, isUsedKept } of rows) {
    it(`never make a removal earlier, and cost nothing that is used: ${title}`, () => {
      assert.equal(isEarlier, false, formatClockTable(rows));
      assert.equal(isUsedKept, true);
      assert.notEqual(trueDays, null, 'the unused image never went, which tells nothing');
    });
  }

  it('and are not synchronised change nothing within a boot: the image goes when it would have gone', () => {
    const within = rows.filter(({ title }) => / on day 2$/.test(title));
    assert.deepEqual(
      within.map(({ trueDays, steadyDays }) => trueDays === steadyDays),
      [true, true],
    );
  });
});
