import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { durationMs, wallMs } from '../model/brands.ts';
import type { ClockReading, IdleClockState } from '../model/clock.ts';
import { advanceIdleClock, GAP_CREDIT_CAP_MS, idleSince, isWallTrusted, startIdleClock, wallAt } from './idle-clock.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;
const START_MS = Date.UTC(2026, 10, 23);

/** A reading in hours: since boot, and on the wall since the start. Synchronised unless said otherwise. */
function at(
  boot: string | null,
  upHours: number,
  wallHours: number,
  rest: { suspendedHours?: number; isSynchronised?: boolean } = {},
): ClockReading {
  return {
    bootId: boot,
    bootTimeMs: durationMs(upHours * HOUR_MS),
    suspendedMs: durationMs((rest.suspendedHours ?? 0) * HOUR_MS),
    wallMs: wallMs(START_MS + wallHours * HOUR_MS),
    isSynchronised: rest.isSynchronised ?? true,
  };
}

function run(readings: readonly ClockReading[]): readonly IdleClockState[] {
  const states: IdleClockState[] = [];
  for (const reading of readings) {
    const before = states.at(-1);
    states.push(before === undefined ? startIdleClock(reading) : advanceIdleClock(before, reading));
  }
  return states;
}

function hoursAfter(...readings: readonly ClockReading[]): number {
  return (run(readings).at(-1)?.idleMs ?? Number.NaN) / HOUR_MS;
}

const unsynced = { isSynchronised: false } as const;

describe('the idle clock counts', () => {
  const cases: readonly (readonly [claim: string, readings: readonly ClockReading[], hours: number])[] = [
    ['nothing at its first reading', [at('a', 500, 0)], 0],
    ['uptime within one boot', [at('a', 1, 0), at('a', 4, 3)], 3],
    ['uptime, when the wall clock jumps 50 years ahead', [at('a', 1, 0), at('a', 2, 50 * 8_760)], 1],
    ['uptime, when the wall clock goes back 10 years', [at('a', 1, 0), at('a', 2, -10 * 8_760)], 1],
    ['uptime, when a boot in 1970 is set right later', [at('a', 0, -56 * 8_760, unsynced), at('a', 1, 0)], 1],
    ['a short suspend, which is time that passed', [at('a', 1, 0), at('a', 11, 10, { suspendedHours: 9 })], 10],
    ['of a suspend beyond a day what credit allows', [at('a', 1, 0), at('a', 101, 100, { suspendedHours: 98 })], 2 + 24],
    [
      'nothing of a suspend beyond a day on an unsynchronised clock',
      [at('a', 1, 0), at('a', 101, 100, { suspendedHours: 98, ...unsynced })],
      2,
    ],
    ['powered-off time between two synchronised readings', [at('a', 1, 0), at('b', 1, 9)], 9],
    ['no more powered-off time than a day, after 50 years', [at('a', 1, 0), at('b', 1, 50 * 8_760)], 1 + 24],
    ['uptime since boot alone, when the clock was unsynchronised before', [at('a', 1, 0, unsynced), at('b', 1, 9)], 1],
    ['uptime since boot alone, when it is unsynchronised now', [at('a', 1, 0), at('b', 1, 9, unsynced)], 1],
    ['uptime since boot alone, when the wall clock went back over the boot', [at('a', 1, 0), at('b', 1, -9)], 1],
    ['at most a day of an unobserved uptime', [at('a', 1, 0, unsynced), at('b', 500, 600, unsynced)], 24],
    ['no powered-off time again before as much uptime', [at('a', 1, 0), at('b', 0, 24), at('c', 0, 48), at('d', 0, 72)], 24],
    [
      'powered-off time as far as uptime has refilled the credit',
      [at('a', 1, 0), at('b', 0, 24), at('b', 6, 30), at('c', 0, 99)],
      24 + 6 + 6,
    ],
    ['nothing when the boot ID is unknown now', [at('a', 1, 0), at(null, 90, 89)], 0],
    [
      'nothing when the boot ID was unknown before',
      [at('a', 100, 0), at(null, 100, 0), at('a', 101, 1), at(null, 101, 1), at('a', 102, 2)],
      0,
    ],
    ['nothing when the boot-time clock seems to go back', [at('a', 9, 0), at('a', 4, 0)], 0],
    [
      'once, when the boot-time clock seems to go back and returns',
      [at('a', 9, 0), at('a', 4, 0), at('a', 9, 0), at('a', 4, 0), at('a', 10, 1)],
      1,
    ],
  ];
  for (const [claim, readings, hours] of cases) {
    it(claim, () => assert.equal(hoursAfter(...readings), hours));
  }

  it('nothing for a loop of boots, but the uptime of each', () => {
    const boots = Array.from({ length: 100 }, (_, index) => at(`boot${index}`, 1 / 60, index * 1_000));
    assert.ok(Math.abs(hoursAfter(...boots) - (24 + (99 + 98) / 60)) < 1e-6);
  });

  it('on from what another boot stored, and shows the new reading', () => {
    const stored = { ...startIdleClock(at('a', 1, 0)), idleMs: run([at('a', 1, 0), at('a', 31, 30)])[1]?.idleMs ?? assert.fail() };
    const next = advanceIdleClock(stored, at('b', 2, -99, unsynced));
    assert.equal(next.idleMs / HOUR_MS, 32);
    assert.equal(next.reading.bootId, 'b');
  });
});

/** What happens between two readings. Off-time shows on no clock but the wall's. */
const anyStep = fc.record({
  kind: fc.constantFrom('run', 'run', 'suspend', 'reboot'),
  spanMs: fc.oneof(fc.nat(60_000), fc.nat(3 * HOUR_MS), fc.nat(40 * DAY_MS)),
  upMs: fc.oneof(fc.nat(60_000), fc.nat(3 * DAY_MS)),
  wall: fc.oneof(fc.constant(0), fc.integer({ min: -60 * YEAR_MS, max: 60 * YEAR_MS })),
  isSynchronised: fc.boolean(),
});

interface History {
  readonly readings: readonly ClockReading[];
  /** Uptime that the host really had between the first reading and each, suspended time included. */
  readonly upMs: readonly number[];
}

function play(steps: readonly (typeof anyStep extends fc.Arbitrary<infer Step> ? Step : never)[]): History {
  let reading = at('boot0', 1, 0);
  const readings = [reading];
  const upMs = [0];
  for (const [index, { kind, spanMs, upMs: sinceBootMs, wall, isSynchronised }] of steps.entries()) {
    const isReboot = kind === 'reboot';
    const grownMs = isReboot ? sinceBootMs : spanMs;
    reading = {
      bootId: isReboot ? `boot${index + 1}` : reading.bootId,
      bootTimeMs: durationMs(isReboot ? sinceBootMs : reading.bootTimeMs + spanMs),
      suspendedMs: durationMs(isReboot ? 0 : reading.suspendedMs + (kind === 'suspend' ? spanMs : 0)),
      wallMs: wallMs(wall === 0 ? reading.wallMs + spanMs + grownMs : START_MS + wall),
      isSynchronised,
    };
    readings.push(reading);
    upMs.push((upMs.at(-1) ?? 0) + grownMs);
  }
  return { readings, upMs };
}

describe('for any sequence of wall clocks, flags, reboots and suspends the idle clock', () => {
  const anyHistory = fc.array(anyStep, { minLength: 1, maxLength: 30 }).map(play);

  it('never goes back', () => {
    fc.assert(
      fc.property(anyHistory, ({ readings }) => {
        const states = run(readings);
        for (const [index, { idleMs }] of states.entries()) assert.ok(idleMs >= (states[index - 1]?.idleMs ?? 0));
      }),
    );
  });

  it('grows by no more than the uptime since any moment, that uptime again as credit, and a day', () => {
    fc.assert(
      fc.property(anyHistory, fc.nat(), ({ readings, upMs }, seed) => {
        const states = run(readings);
        const from = seed % states.length;
        const grownMs = (states.at(-1)?.idleMs ?? 0) - (states[from]?.idleMs ?? 0);
        const observedMs = (upMs.at(-1) ?? 0) - (upMs[from] ?? 0);
        assert.ok(grownMs <= 2 * observedMs + GAP_CREDIT_CAP_MS, `${grownMs} > 2 * ${observedMs} + a day`);
      }),
    );
  });

  it('is exactly the observed uptime while the wall clock is never synchronised, whatever it says', () => {
    fc.assert(
      fc.property(anyHistory, ({ readings }) => {
        let expectedMs = 0;
        for (const [index, { bootId, bootTimeMs, suspendedMs }] of readings.entries()) {
          const before = readings[index - 1];
          if (before === undefined) continue;
          const sleptMs = suspendedMs - before.suspendedMs;
          const isLongSleep = bootId === before.bootId && sleptMs > GAP_CREDIT_CAP_MS;
          if (bootId !== before.bootId) expectedMs += Math.min(bootTimeMs, GAP_CREDIT_CAP_MS);
          else expectedMs += bootTimeMs - before.bootTimeMs - (isLongSleep ? sleptMs : 0);
        }
        const unsynchronised = readings.map((reading) => ({ ...reading, isSynchronised: false }));
        assert.equal(run(unsynchronised).at(-1)?.idleMs, expectedMs);
      }),
    );
  });

  it('is the same for every wall clock that is not synchronised', () => {
    fc.assert(
      fc.property(
        anyHistory,
        fc.array(fc.integer({ min: 0, max: 100 * YEAR_MS }), { minLength: 31, maxLength: 31 }),
        ({ readings }, walls) => {
          const asTold = readings.map((reading) => ({ ...reading, isSynchronised: false }));
          const otherwise = asTold.map((reading, index) => ({ ...reading, wallMs: wallMs(walls[index] ?? 0) }));
          assert.equal(run(otherwise).at(-1)?.idleMs, run(asTold).at(-1)?.idleMs);
        },
      ),
    );
  });

  it('keeps its credit between nothing and a day', () => {
    fc.assert(
      fc.property(anyHistory, ({ readings }) => {
        for (const { gapCreditMs } of run(readings)) assert.ok(gapCreditMs >= 0 && gapCreditMs <= GAP_CREDIT_CAP_MS);
      }),
    );
  });
});

describe('ages and end dates', () => {
  it('idleSince() is never negative', () => {
    assert.deepEqual([idleSince(5, 9), idleSince(9, 9), idleSince(9, 5)], [4, 0, 0]);
  });

  it('isWallTrusted() asks for synchronisation and for a time at which images existed', () => {
    assert.equal(isWallTrusted(at('a', 1, 0)), true);
    assert.equal(isWallTrusted(at('a', 1, 0, unsynced)), false);
    assert.equal(isWallTrusted(at('a', 1, -56 * 8_760)), false);
  });

  it('wallAt() is as far ahead on the wall as on the idle clock', () => {
    assert.equal(wallAt(30, { idleMs: 10, wallMs: wallMs(START_MS) }), START_MS + 20);
  });
});
