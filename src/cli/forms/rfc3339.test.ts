import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { wallMs } from '../../model/brands.ts';
import { formatTime, parseTime } from './rfc3339.ts';

for (const [text, iso] of [
  ['2026-11-23T10:00:00Z', '2026-11-23T10:00:00.000Z'],
  ['2026-11-23t10:00:00z', '2026-11-23T10:00:00.000Z'],
  ['2026-11-23T10:00:00.1239Z', '2026-11-23T10:00:00.123Z'],
  ['2026-11-23T00:30:00+01:00', '2026-11-22T23:30:00.000Z'],
  ['2026-11-23T10:00:00-05:30', '2026-11-23T15:30:00.000Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
] as const) {
  test(`parseTime() reads ${text}`, () => {
    assert.deepEqual(parseTime(text), { ok: true, value: Date.parse(iso) });
  });
}

for (const text of [
  '2026-11-23T10:00:00',
  '2026-11-23',
  '2026-11-23 10:00:00Z',
  '2026-02-30T10:00:00Z',
  '2025-02-29T10:00:00Z',
  '2026-13-01T10:00:00Z',
  '2026-11-23T24:00:00Z',
  '2026-11-23T10:00Z',
  '2026-11-23T10:00:00.Z',
  '2026-11-23T10:00:00+0100',
  '1732356000',
  'now',
  '',
]) {
  test(`parseTime() refuses "${text}"`, () => {
    assert.equal(parseTime(text).ok, false);
  });
}

test('formatTime() is read back as the same millisecond', () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_000_000_000_000, max: 253_402_300_799_999 }), (ms) => {
      assert.deepEqual(parseTime(formatTime(wallMs(ms))), { ok: true, value: ms });
    }),
  );
});

test('formatTime() writes an instant that no calendar holds as the last second of year 9999', () => {
  assert.equal(formatTime(wallMs(Number.MAX_SAFE_INTEGER)), '9999-12-31T23:59:59.999Z');
});
