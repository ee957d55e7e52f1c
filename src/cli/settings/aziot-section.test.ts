import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHumantime } from './aziot-section.ts';

const HOUR_MS = 3_600_000;

for (const [text, ms] of [
  ['7d', 168 * HOUR_MS],
  ['10 days', 240 * HOUR_MS],
  ['1day 12hours', 36 * HOUR_MS],
  ['1w', 168 * HOUR_MS],
  ['90min', 1.5 * HOUR_MS],
  ['1M', 2_630_016_000],
  ['10s', 10_000],
] as const) {
  test(`parseHumantime() reads ${text} as the humantime crate does`, () => {
    assert.deepEqual(parseHumantime(text), { ok: true, value: ms });
  });
}

for (const bad of ['7', '', 'd', '1 fortnight', '-1d', 7, null]) {
  test(`parseHumantime() refuses ${JSON.stringify(bad)}`, () => {
    assert.equal(parseHumantime(bad).ok, false);
  });
}
