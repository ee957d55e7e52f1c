import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatFuzz, fuzzClocks } from './clock-fuzz.ts';

const SEQUENCES = 16;
const rows = await fuzzClocks(SEQUENCES, 1);
const [oneBoot, honest, lying, scheduled] = rows;

describe('a wall clock that jumps by up to fifty years', () => {
  it('changes nothing within one boot: the same images are gone in every round, whether it says that it is wrong or not', (t) => {
    t.diagnostic(`\n${formatFuzz(rows)}`);
    assert.deepEqual([oneBoot?.sequences, oneBoot?.same, oneBoot?.tooLate], [SEQUENCES / 4, SEQUENCES / 4, 0]);
  });

  it('makes nothing go before it was unused for as long as it must be, over power cuts and by schedule too', () => {
    assert.deepEqual([oneBoot?.tooEarly, honest?.tooEarly, scheduled?.tooEarly], [0, 0, 0]);
  });

  it('and lies about it makes nothing go before half of that less a day, with the host on', () => {
    assert.equal(lying?.tooEarly, 0);
  });

  it('keeps nothing a day longer than uptime alone would', () => {
    assert.deepEqual(
      rows.map(({ tooLate }) => tooLate),
      [0, 0, 0, 0],
    );
  });

  it('meets removals enough to tell: some at another time than without jumps', () => {
    assert.ok(rows.every(({ removals, sequences }) => removals > 5 * sequences));
    assert.ok((honest?.later ?? 0) > 0 && (lying?.earlier ?? 0) > 0);
  });
});
