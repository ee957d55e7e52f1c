import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { durationMs, idleMs, wallMs } from '../model/brands.ts';
import type { Instant } from '../model/use-record.ts';
import { findCronProblem, isRunDue, nextRunAt, type Schedule, spreadOffset } from './schedule.ts';

const ZONE = 'Europe/Berlin';
const HOST = 'c5d1f2e0b7a94f3f8b6c';
const DAY_MS = 86_400_000;

function daily(at: string, days = 1): Schedule {
  return { kind: 'daily', at, everyMs: durationMs(days * DAY_MS) };
}

function next(schedule: Schedule, last: string): string | null {
  const at = nextRunAt(schedule, wallMs(Date.parse(last)), HOST, ZONE);
  return at === null ? null : new Date(at).toISOString();
}

function at(wall: string, idle = 0): Instant {
  return { wallMs: wallMs(Date.parse(wall)), idleMs: idleMs(idle) };
}

describe('nextRunAt()', () => {
  it("is at the time of day in the host's zone, winter and summer", () => {
    assert.equal(next(daily('00:00'), '2026-01-10T10:00:00Z'), '2026-01-10T23:00:00.000Z');
    assert.equal(next(daily('00:00'), '2026-07-10T10:00:00Z'), '2026-07-10T22:00:00.000Z');
  });

  it('takes a time that daylight saving leaves out an hour later, and one that comes twice once', () => {
    assert.equal(next(daily('02:30'), '2026-03-28T10:00:00Z'), '2026-03-29T01:00:00.000Z');
    assert.equal(next(daily('02:30'), '2026-03-29T01:00:00Z'), '2026-03-30T00:30:00.000Z');
    assert.equal(next(daily('02:30'), '2026-10-24T10:00:00Z'), '2026-10-25T00:30:00.000Z');
    assert.equal(next(daily('02:30'), '2026-10-25T00:30:00Z'), '2026-10-26T01:30:00.000Z');
  });

  it('counts days from the last run, over daylight saving too', () => {
    assert.equal(next(daily('00:00', 7), '2026-10-20T22:00:05Z'), '2026-10-27T23:00:00.000Z');
    assert.equal(next(daily('00:00', 7), '2026-03-24T23:00:05Z'), '2026-03-31T22:00:00.000Z');
  });

  it('follows cron', () => {
    assert.equal(next({ kind: 'cron', pattern: '17 3 * * 0' }, '2026-11-25T10:00:00Z'), '2026-11-29T02:17:00.000Z');
  });

  it('is never at or before the last run, and never later than a period and a day', () => {
    const anyTime = fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2035, 0) });
    const anyClock = fc.tuple(fc.nat(23), fc.nat(59)).map((parts) => parts.map((part) => String(part).padStart(2, '0')).join(':'));
    fc.assert(
      fc.property(anyTime, anyClock, fc.integer({ min: 1, max: 40 }), (last, clock, days) => {
        const due = nextRunAt(daily(clock, days), wallMs(last), HOST, ZONE);
        assert.ok(due !== null && due > last && due <= last + (days + 1) * DAY_MS);
        assert.ok(days === 1 || due >= last + (days - 1) * DAY_MS);
      }),
      { numRuns: 300 },
    );
  });
});

const anyHost = fc.oneof(fc.uuid(), fc.stringMatching(/^[0-9a-f]{32}$/), fc.string());
const anyWindow = fc.integer({ min: 0, max: 2 * DAY_MS });

describe('spreadOffset()', () => {
  it('lies within the window, and is the same whenever it is asked', () => {
    fc.assert(
      fc.property(anyHost, anyWindow, (host, windowMs) => {
        const offset = spreadOffset(host, durationMs(windowMs));
        assert.ok(offset >= 0 && offset < Math.max(1, windowMs));
        assert.equal(spreadOffset(host, durationMs(windowMs)), offset);
      }),
    );
  });

  it('spreads a thousand hosts evenly, however alike their names are', () => {
    for (const nameOf of [(host: number) => `host-${host}`, (host: number) => host.toString(16).padStart(32, '0')]) {
      const perMinute = new Array<number>(60).fill(0);
      for (let host = 0; host < 6_000; host++) {
        const minute = Math.floor(spreadOffset(nameOf(host), durationMs(3_600_000)) / 60_000);
        perMinute[minute] = (perMinute[minute] ?? 0) + 1;
      }
      // 100 each; five standard deviations of a fair throw.
      assert.ok(
        perMinute.every((hosts) => hosts > 50 && hosts < 150),
        perMinute.join(' '),
      );
    }
  });
});

describe('nextRunAt() with a spread', () => {
  it('is later than without by the offset of the host, and by as much each time', () => {
    const spreadMs = durationMs(4 * 3_600_000);
    const offset = spreadOffset(HOST, spreadMs);
    const schedule: Schedule = { ...daily('01:00'), spreadMs };
    for (const day of [10, 11, 12]) {
      const scheduled = Date.UTC(2026, 0, day);
      const first = nextRunAt(schedule, wallMs(scheduled - DAY_MS + offset + 5_000), HOST, ZONE);
      assert.equal(first, scheduled + offset);
    }
    assert.ok(offset > 0);
  });

  it('is within the window after a scheduled time, after the last run, once in each period', () => {
    const anyTime = fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2035, 0) });
    fc.assert(
      fc.property(anyTime, anyHost, anyWindow, fc.integer({ min: 1, max: 5 }), (last, host, windowMs, days) => {
        const schedule: Schedule = { ...daily('00:00', days), spreadMs: durationMs(windowMs) };
        const due = nextRunAt(schedule, wallMs(last), host, 'UTC');
        assert.ok(due !== null && due > last && due <= last + days * DAY_MS + DAY_MS);
        assert.equal((due - spreadOffset(host, durationMs(windowMs))) % DAY_MS, 0);
        assert.ok(isRunDue(schedule, { wallMs: wallMs(last), idleMs: idleMs(0) }, { wallMs: due, idleMs: idleMs(0) }, host, 'UTC'));
        const again = nextRunAt(schedule, wallMs(due + 10_000), host, 'UTC');
        assert.equal(again, due + days * DAY_MS);
      }),
      { numRuns: 300 },
    );
  });
});

describe('isRunDue()', () => {
  it('is so from the time on, also long after it', () => {
    const last = at('2026-11-24T10:00:00Z');
    assert.equal(isRunDue(daily('00:00'), last, at('2026-11-24T22:59:59Z'), HOST, ZONE), false);
    assert.equal(isRunDue(daily('00:00'), last, at('2026-11-24T23:00:00Z'), HOST, ZONE), true);
    assert.equal(isRunDue(daily('00:00'), last, at('2076-01-01T00:00:00Z'), HOST, ZONE), true);
  });

  it('goes by the time that was observed, where the clock stands before the last run', () => {
    const last = at('2076-01-01T00:00:00Z', 1_000);
    assert.equal(isRunDue(daily('00:00'), last, at('2026-11-24T00:00:00Z', 1_000 + DAY_MS - 1), HOST, ZONE), false);
    assert.equal(isRunDue(daily('00:00'), last, at('2026-11-24T00:00:00Z', 1_000 + DAY_MS), HOST, ZONE), true);
    assert.equal(isRunDue(daily('00:00', 3), last, at('2026-11-24T00:00:00Z', 1_000 + DAY_MS), HOST, ZONE), false);
  });

  it('goes by the time that was observed, where no calendar reaches', () => {
    const last = { wallMs: wallMs(Date.UTC(200_000, 0)), idleMs: idleMs(0) };
    const since = (idle: number): Instant => ({ wallMs: wallMs(last.wallMs + idle), idleMs: idleMs(idle) });
    assert.equal(isRunDue(daily('00:00'), last, since(DAY_MS - 1), HOST, ZONE), false);
    assert.equal(isRunDue(daily('00:00'), last, since(DAY_MS), HOST, ZONE), true);
  });
});

it('findCronProblem() finds what cannot be read, and what never comes', () => {
  assert.equal(findCronProblem('17 3 * * *'), null);
  assert.match(findCronProblem('99 3 * * *') ?? '', /minute|range|99/i);
  assert.match(findCronProblem('0 0 30 2 *') ?? '', /no time/);
});
