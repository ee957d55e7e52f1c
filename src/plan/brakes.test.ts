import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planInput, type Row } from '../../test/worlds/world.ts';
import { durationMs } from '../model/brands.ts';
import type { MassHold, UptimeMark } from '../model/watch-state.ts';
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

function removed(input: ReturnType<typeof host>, uptime: UptimeMark, before: MassHold | null = null) {
  const { plan, heldUntilMs, massHold } = planScheduled(input, { uptime, massHold: before });
  const held = plan.verdicts.filter(({ reason }) => reason === 'held').length;
  return { removed: plan.removals.length, held, heldUntilMs, massHold };
}

function waited(ms: number, plannedAt: UptimeMark): MassHold {
  return { plannedAt, waitedMs: durationMs(ms) };
}

describe('planScheduled()', () => {
  it('takes nothing by age in the first quarter of an hour after boot, and everything from then on', () => {
    assert.deepEqual(removed(host(20, 2), up(0)), { removed: 0, held: 2, heldUntilMs: 10 * MINUTE_MS, massHold: null });
    assert.deepEqual(removed(host(20, 2), up(15 * MINUTE_MS - 1)).heldUntilMs, 15 * MINUTE_MS);
    assert.deepEqual(removed(host(20, 2), up(15 * MINUTE_MS)), { removed: 2, held: 0, heldUntilMs: null, massHold: null });
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
      const input = host(count, most + 1);
      let { massHold, heldUntilMs, ...rest } = removed(input, up(HOUR_MS));
      assert.deepEqual([rest, massHold], [{ removed: 0, held: most + 1 }, waited(0, up(HOUR_MS))]);
      for (let plans = 1; heldUntilMs !== null; plans += 1) {
        assert.ok(plans <= 6);
        ({ massHold, heldUntilMs, ...rest } = removed(input, up(heldUntilMs), massHold));
      }
      assert.deepEqual([rest, massHold], [{ removed: most + 1, held: 0 }, waited(HOUR_MS, up(2 * HOUR_MS))]);
    });
  }

  it('counts the uptime of all boots, and nothing that lies between them', () => {
    const again = removed(host(10, 8), up(20 * MINUTE_MS, 'next'), waited(30 * MINUTE_MS, up(5 * HOUR_MS)));
    assert.deepEqual([again.removed, again.massHold], [0, waited(50 * MINUTE_MS, up(20 * MINUTE_MS, 'next'))]);
    assert.equal(removed(host(10, 8), up(30 * MINUTE_MS, 'next'), again.massHold).removed, 8);
  });

  it('forgets a mass that is gone', () => {
    assert.equal(removed(host(10, 1), up(20 * MINUTE_MS), waited(0, up(0))).massHold, null);
  });

  it('does not hold back what a target takes', () => {
    const input = { ...host(10, 8, { disk: { maxImages: 7 } }) };
    const { plan } = planScheduled(input, { uptime: up(0), massHold: null });
    assert.deepEqual(
      plan.removals.map(({ rule }) => rule),
      ['disk', 'disk', 'disk'],
    );
  });

  it('changes nothing about a plan that refuses', () => {
    const input = { ...host(10, 8), doubts: [{ kind: 'clock-unknown', message: 'x' } as const] };
    const before = waited(5, up(5));
    const { plan, massHold } = planScheduled(input, { uptime: up(0), massHold: before });
    assert.deepEqual([plan.refusal?.kind, massHold], ['clock-unknown', before]);
  });
});
