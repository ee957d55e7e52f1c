import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { POLICY } from '../../test/worlds/world.ts';
import { bytes } from '../model/brands.ts';
import type { DiskUsage } from '../model/inventory.ts';
import type { DiskRule } from '../model/policy.ts';
import { DiskPressure } from './disk-pressure.ts';

const GB = 1e9;
const RULE: DiskRule = { ...POLICY.disk, highFraction: 0.85 };
const NOTHING = { isUnderWay: false, missingBytes: bytes(0) };
const QUIET = { arrivals: 0, departures: 0 };
const IMAGE_CAME = { arrivals: 1, departures: 0 };
const CONTAINER_WENT = { arrivals: 0, departures: 1 };

function used(gigabytes: number): DiskUsage {
  const free = { availableBytes: bytes((100 - gigabytes) * GB), inodes: null, inodesUsed: null };
  return { capacityBytes: bytes(100 * GB), usedBytes: bytes(gigabytes * GB), ...free };
}

/** Under pressure, after so many runs, each as soon as it may be. @returns when they were, in seconds */
function runs(pressure: DiskPressure, count: number, isShort: boolean): readonly number[] {
  const times: number[] = [];
  for (let second = 0; times.length < count; second += 2) {
    pressure.read(used(86), NOTHING, second * 1_000);
    if (!pressure.isOn(RULE) || !pressure.isRunDue(second * 1_000, QUIET)) continue;
    pressure.ended(second * 1_000, isShort, QUIET);
    times.push(second);
  }
  return times;
}

describe('DiskPressure', () => {
  it('is on from the mark on, and asks for a run at once', () => {
    const pressure = new DiskPressure();
    pressure.read(used(84), NOTHING, 0);
    assert.equal(pressure.isOn(RULE), false);
    pressure.read(used(85), NOTHING, 2_000);
    assert.deepEqual([pressure.isOn(RULE), pressure.isRunDue(2_000, QUIET)], [true, true]);
  });

  it('is on below the mark while a pull needs more than is free, for a rule that asks for free space', () => {
    const pressure = new DiskPressure();
    const rule = { ...RULE, highFraction: 0.99 };
    pressure.read(used(80), { isUnderWay: true, missingBytes: bytes(20 * GB) }, 0);
    assert.equal(pressure.isOn(rule), false);
    pressure.read(used(81), { isUnderWay: true, missingBytes: bytes(20 * GB) }, 2_000);
    assert.deepEqual([pressure.missingBytes, pressure.isOn(rule)], [20 * GB, true]);
    assert.equal(pressure.isOn({ ...POLICY.disk, maxImages: 5 }), false);
    pressure.read(used(95), NOTHING, 4_000);
    assert.equal(pressure.isOn(rule), false);
  });

  it('keeps pace with a pull that goes on, and not with one that hangs for an hour', () => {
    const pressure = new DiskPressure();
    const times: number[] = [];
    for (let second = 0; second <= 7_200; second += 2) {
      pressure.read(used(86), { isUnderWay: true, missingBytes: bytes(0) }, second * 1_000);
      if (!pressure.isOn(RULE) || !pressure.isRunDue(second * 1_000, QUIET)) continue;
      pressure.ended(second * 1_000, false, QUIET);
      times.push(second);
    }
    assert.deepEqual(times.slice(0, 3), [0, 4, 8]);
    assert.deepEqual(times.slice(-2), [3_600, 7_200]);
  });

  it('is on when the plan of a look had a target, until a run has met it', () => {
    const pressure = new DiskPressure();
    const rule = { ...POLICY.disk, maxImages: 5 };
    pressure.planned(true);
    assert.equal(pressure.isOn(rule), true);
    pressure.ended(0, false, QUIET);
    assert.equal(pressure.isOn(rule), false);
  });

  for (const isShort of [true, false]) {
    it(`waits ever longer when runs do not help, an hour at most (${isShort ? 'out of reach' : 'something else fills the disk'})`, () => {
      const times = runs(new DiskPressure(), 14, isShort);
      assert.deepEqual(times.slice(0, 6), [0, 10, 30, 70, 150, 310]);
      assert.equal((times[13] ?? 0) - (times[12] ?? 0), 3_600);
    });
  }

  it('makes room at once when an image came since a run that met its target, within a minute after one that did not', () => {
    const met = new DiskPressure();
    runs(met, 12, false);
    assert.equal(met.isRunDue(0, IMAGE_CAME), true);
    const missed = new DiskPressure();
    const last = (runs(missed, 12, true).at(-1) ?? 0) * 1_000;
    assert.deepEqual([missed.isRunDue(last + 59_999, IMAGE_CAME), missed.isRunDue(last + 60_000, IMAGE_CAME)], [false, true]);
  });

  it('tries again within a minute when a container went, and at once under other settings', () => {
    const pressure = new DiskPressure();
    const last = (runs(pressure, 12, true).at(-1) ?? 0) * 1_000;
    assert.deepEqual([pressure.isRunDue(last + 60_000, QUIET), pressure.isRunDue(last + 60_000, CONTAINER_WENT)], [false, true]);
    assert.equal(pressure.isOn({ ...RULE, highFraction: 0.5 }), true);
    assert.equal(pressure.isRunDue(last + 1, QUIET), true);
  });

  it('begins anew when the last run is long past', () => {
    const pressure = new DiskPressure();
    const last = (runs(pressure, 6, true).at(-1) ?? 0) * 1_000;
    const later = last + 24 * 3_600_000;
    pressure.ended(later, true, QUIET);
    assert.equal(pressure.isRunDue(later + 10_000, QUIET), true);
  });
});
