import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { durationMs } from './brands.ts';
import { AgeSentence, formatAge, formatDuration, parseDuration } from './duration.ts';

const DAY_MS = 86_400_000;
const LONGEST_MS = Math.floor(Number.MAX_SAFE_INTEGER / 1_000);

function msOf(text: string): number | string {
  const read = parseDuration(text);
  return read.ok ? read.value : 'refused';
}

describe('parseDuration()', () => {
  it('reads every unit, adds up, and cuts to whole milliseconds', () => {
    const cases = {
      '7d': 7 * DAY_MS,
      '1w': 7 * DAY_MS,
      '12h': DAY_MS / 2,
      '30m': 1_800_000,
      '45s': 45_000,
      '10ms': 10,
      '1h 30m': 5_400_000,
      '1h30m': 5_400_000,
      '30m 1h': 5_400_000,
      '1h 1h': 7_200_000,
      ' 1d  2h ': DAY_MS + 7_200_000,
      '0s': 0,
      '999us': 0,
      '1000us': 1,
      '999999ns': 0,
      '1000000ns': 1,
      '500us 500us': 1,
      '0007d': 7 * DAY_MS,
      '2000w 1ms': 2_000 * 7 * DAY_MS + 1,
      [`${LONGEST_MS}ms`]: LONGEST_MS,
    };
    for (const [text, ms] of Object.entries(cases)) assert.equal(msOf(text), ms, text);
  });

  it('refuses a bare number, months, years, fractions, signs, other cases and what is no unit', () => {
    const bad = [
      '7',
      '0',
      '',
      ' ',
      '1h 30',
      '30 1h',
      '1mo',
      '1month',
      '1y',
      '1M',
      '1H',
      '7D',
      '1.5h',
      '1,5h',
      '-1h',
      '+1h',
      '1 h',
      'h',
      '1hh',
      '∞d',
    ];
    const odd = [
      'never',
      '1d!',
      '1d,2h',
      '7constructor',
      '1hours',
      '1e3s',
      '0x1d',
      '\u0661d',
      `${LONGEST_MS + 1}ms`,
      `${'9'.repeat(400)}d`,
    ];
    for (const text of [...bad, ...odd]) assert.equal(msOf(text), 'refused', text);
  });

  it('says what would be right', () => {
    const read = parseDuration('7');
    assert.match(read.ok ? '' : read.problem, /^"7" is not a duration; .*"7d"/);
  });

  it('gives back every duration that formatDuration() prints', () => {
    const anyMs = fc.oneof(
      fc.nat(10_000),
      fc.integer({ min: 0, max: LONGEST_MS }),
      fc.nat(60_000).map((minutes) => minutes * 60_000),
    );
    fc.assert(fc.property(anyMs, (ms) => assert.equal(msOf(formatDuration(durationMs(ms))), ms)));
  });
});

describe('formatDuration()', () => {
  it('prints the largest units first and none that is 0', () => {
    const cases = {
      '0s': 0,
      '1ms': 1,
      '1s': 1_000,
      '1m': 60_000,
      '1h 30m': 5_400_000,
      '7d': 7 * DAY_MS,
      '1d 1ms': DAY_MS + 1,
      '400d': 400 * DAY_MS,
    };
    for (const [text, ms] of Object.entries(cases)) assert.equal(formatDuration(durationMs(ms)), text);
  });
});

describe('formatAge()', () => {
  it('cuts to the largest unit and never rounds up', () => {
    const cases = {
      '0 s': 999,
      '1 s': 1_000,
      '59 s': 59_999,
      '1 min': 60_000,
      '59 min': 3_599_999,
      '1 h': 3_600_000,
      '23 h': DAY_MS - 1,
      '1 d': DAY_MS,
    };
    for (const [text, ms] of Object.entries(cases)) assert.equal(formatAge(durationMs(ms)), text);
  });
});

describe('AgeSentence', () => {
  it('says of every age what its printed form says, whatever was said before', () => {
    const ages = fc.oneof(fc.nat(120_000), fc.nat(3 * DAY_MS), fc.nat(4_000 * DAY_MS)).map(durationMs);
    fc.assert(
      fc.property(fc.array(ages), (each) => {
        const sentence = new AgeSentence((age) => `used ${age} ago`);
        for (const age of each) assert.equal(sentence.of(age), `used ${formatAge(age)} ago`);
      }),
    );
  });
});

describe('durationMs()', () => {
  it('makes no negative duration', () => assert.equal(durationMs(-1), 0));
});
