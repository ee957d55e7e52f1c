import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { planInput } from '../../test/worlds/world.ts';
import { bytes } from '../model/brands.ts';
import type { DiskRule } from '../model/policy.ts';
import { diskNeed } from './target.ts';

/** Bytes asked for at so many of `total`. */
function need(rule: Partial<DiskRule>, used: number, total: number): number {
  const disk = { capacityBytes: bytes(total), usedBytes: bytes(used), availableBytes: bytes(total - used), inodes: null, inodesUsed: null };
  const { inventory, policy } = planInput({ images: [], policy: { disk: rule }, inventory: { disk } });
  return diskNeed(policy.disk, inventory, bytes(0))?.bytes ?? 0;
}

describe('diskNeed()', () => {
  const anyPercent = fc.integer({ min: 1, max: 99 });
  const anyUnit = fc.constantFrom(1, 1_000, 12_345_678, 10_000_000_000);

  it('fires at every whole per cent of every disk exactly, and not a byte below', () => {
    fc.assert(
      fc.property(anyPercent, anyUnit, (percent, unit) => {
        const rule = { highFraction: percent / 100 };
        assert.equal(need(rule, percent * unit, 100 * unit), 1);
        assert.equal(need(rule, percent * unit - 1, 100 * unit), 0);
      }),
    );
  });

  it('asks for exactly what leads down to low, to the byte', () => {
    fc.assert(
      fc.property(anyPercent, anyPercent, anyUnit, (one, other, unit) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        const rule = { highFraction: high / 100, lowFraction: low / 100 };
        assert.equal(need(rule, high * unit, 100 * unit), (high - low) * unit);
      }),
    );
  });

  it('asks for nothing of a disk without space, or whose figures are unknown', () => {
    assert.equal(need({ highFraction: 0.5 }, 0, 0), 0);
    const { inventory, policy } = planInput({ images: [], policy: { disk: { highFraction: 0.01, minFreeBytes: bytes(9) } } });
    assert.equal(diskNeed(policy.disk, inventory, bytes(0)), null);
  });
});
