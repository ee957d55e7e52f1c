import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sortByNumber } from './sort-by-number.ts';

describe('sortByNumber()', () => {
  it('sorts as a comparison of the numbers, then of the tied, would', () => {
    const instants = fc.array(fc.constantFrom(-1, -0, 0, 1, 7, 1e12), { maxLength: 40 });
    const numbers = fc.oneof(
      instants,
      fc.array(fc.constantFrom(-1, -0, 0, 1, 2.5, 1e15, 1e300, Number.POSITIVE_INFINITY), { maxLength: 40 }),
    );
    const compare = (left = 0, right = 0): number => (left === right ? 0 : left - right);
    fc.assert(
      fc.property(numbers, (all) => {
        const indices = all.map((_, index) => index).filter((index) => index % 3 !== 0);
        const laterFirst = (left: number, right: number): number => right - left;
        const expected = indices.toSorted((left, right) => compare(all[left], all[right]) || laterFirst(left, right));
        assert.deepEqual(sortByNumber(indices, Float64Array.from(all), laterFirst), expected);
      }),
    );
  });
});
