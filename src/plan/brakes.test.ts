import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planInput, type Row } from '../../test/worlds/world.ts';
import { durationMs } from '../model/brands.ts';
import type { UptimeMark } from '../model/watch-state.ts';
import { planScheduled } from './brakes.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function up(ms: number, bootId = 'boot'): UptimeMark {
  return { bootId, bootTimeMs: durationMs(ms) };
}

/** So many images, of which the first are old enough to go. */
function host(count: number, old: number, policy = {}) {
  const images = Array.from({ length: count }, (_, index): Row => ({ name: `i${index}`, usedDaysAgo: index < old ? 10 : 1 }));
  return planInput({ images, policy: { protect: { keepLast: 0 }, ...policy } });
}

function removed(input: ReturnType<typeof host>, uptime: UptimeMark, massHoldSince: UptimeMark | null = null) {
  const { plan, heldUntilMs, massHoldSince: since } = planScheduled(input, { uptime, massHoldSince });
  const held = plan.verdicts.filter(({ reason }) => reason === 'held').length;
  return { removed: plan.removals.length, held, heldUntilMs, since };
}

describe('planScheduled()', () => {
  it('takes nothing by age in the first quarter of an hour after boot, and everything from then on', () => {
    const nothing = { removed: 0, held: 2, heldUntilMs: 15 * MINUTE_MS, since: null };
    assert.deepEqual(removed(host(20, 2), up(0)), nothing);
    assert.deepEqual(removed(host(20, 2), up(15 * MINUTE_MS - 1)), nothing);
    assert.deepEqual(removed(host(20, 2), up(15 * MINUTE_MS)), { removed: 2, held: 0, heldUntilMs: null, since: null });
  });

  for (const [count, most] of [
    [2, 1],
    [6, 3],
    [10, 5],
    [20, 7],
    [100, 23],
  ] as const) {
    it(`lets ${most} of ${count} images go at once, and holds one more back for an hour of uptime`, () => {
      assert.equal(removed(host(count, most), up(HOUR_MS)).removed, most);
      const first = removed(host(count, most + 1), up(HOUR_MS));
      assert.deepEqual(first, { removed: 0, held: most + 1, heldUntilMs: 2 * HOUR_MS, since: up(HOUR_MS) });
      assert.equal(removed(host(count, most + 1), up(2 * HOUR_MS - 1), first.since).removed, 0);
      assert.equal(removed(host(count, most + 1), up(2 * HOUR_MS), first.since).removed, most + 1);
    });
  }

  it('begins the hour anew after a boot, and forgets it when the mass is gone', () => {
    const again = removed(host(10, 8), up(20 * MINUTE_MS, 'next'), up(HOUR_MS));
    assert.deepEqual([again.removed, again.since], [0, up(20 * MINUTE_MS, 'next')]);
    assert.equal(removed(host(10, 1), up(20 * MINUTE_MS), up(HOUR_MS)).since, null);
  });

  it('does not hold back what a target takes', () => {
    const input = { ...host(10, 8, { disk: { maxImages: 7 } }) };
    const { plan } = planScheduled(input, { uptime: up(0), massHoldSince: null });
    assert.deepEqual(
      plan.removals.map(({ rule }) => rule),
      ['disk', 'disk', 'disk'],
    );
  });

  it('changes nothing about a plan that refuses', () => {
    const input = { ...host(10, 8), doubts: [{ kind: 'clock-unknown', message: 'x' } as const] };
    const { plan, massHoldSince } = planScheduled(input, { uptime: up(0), massHoldSince: up(5) });
    assert.deepEqual([plan.refusal?.kind, massHoldSince], ['clock-unknown', up(5)]);
  });
});
