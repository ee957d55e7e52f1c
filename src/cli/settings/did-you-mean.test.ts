import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { didYouMean, editDistance } from './did-you-mean.ts';

test('didYouMean() finds a key that stands in another table, one with dashes, and one with a typing error', () => {
  const keys = ['enabled', 'rules.min_age', 'rules.disk.min_free'];
  assert.equal(didYouMean('min_free', keys), 'rules.disk.min_free');
  assert.equal(didYouMean('rules.min-age', keys), 'rules.min_age');
  assert.equal(didYouMean('enabeld', keys), 'enabled');
  assert.equal(didYouMean('listen', keys), null);
});

test('editDistance() is 0 for equal words, symmetric, and never more than the longer word', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      assert.equal(distance, editDistance(b, a));
      assert.equal(distance === 0, a === b);
      assert.ok(distance <= Math.max(a.length, b.length));
    }),
  );
});
