import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sortByNumber } from './sort-by-number.ts';

describe('sortByNumber()', () => {
  it('sorts as a comparison of the numbers, then of the tied, would', () => {
    const numbers = fc.array(fc.constantFrom(-1, -0, 0, 1, 2.5, 1e15), { maxLength: 40 });
    fc.assert(
      fc.property(numbers, (all) => {
        const indices = all.map((_, index) => index).filter((index) => index % 3 !== 0);
        const laterFirst = (left: number, right: number): number => right - left;
        const expected = indices.toSorted((left, right) => (all[left] ?? 0) - (all[right] ?? 0) || laterFirst(left, right));
        assert.deepEqual(sortByNumber(indices, Float64Array.from(all), laterFirst), expected);
      }),
    );
  });
});
