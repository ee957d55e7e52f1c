import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HOUR_MS } from '../worlds/world.ts';
import { simulateFleet, tellFleet } from './fleet.ts';

const HOSTS = 36;

describe('a small fleet of made-up hosts', () => {
  it('pulls less again with next-use than with lru, at once and in all', () => {
    const lru = simulateFleet({ hosts: HOSTS, order: 'lru', spreadMs: 0, pace: 'in step' });
    const nextUse = simulateFleet({ hosts: HOSTS, order: 'next-use', spreadMs: 0, pace: 'in step' });
    assert.ok(lru.repulledBytes > 0 && nextUse.repulledBytes < lru.repulledBytes, `${nextUse.repulledBytes} of ${lru.repulledBytes}`);
    assert.ok(nextUse.peakBytes <= lru.peakBytes, `${nextUse.peakBytes} of ${lru.peakBytes}`);
  });

  it('is told in the same table whenever it is asked, but for the time it takes', () => {
    const tell = (): readonly string[] => {
      const lines: string[] = [];
      tellFleet(2, [0, 6], (line) => lines.push(line.replace(/\d+ \|$/, '')));
      return lines;
    };
    assert.deepEqual(tell(), tell());
    assert.equal(tell().length, 10);
    assert.ok(simulateFleet({ hosts: 2, order: 'lru', spreadMs: 6 * HOUR_MS, pace: 'out of step' }).repulledBytes > 0);
  });
});
