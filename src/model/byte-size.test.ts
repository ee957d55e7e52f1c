import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bytes } from './brands.ts';
import { formatByteSize, parseByteSize } from './byte-size.ts';

const UNITS = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

function sizeOf(text: string): number | string {
  const read = parseByteSize(text);
  return read.ok ? read.value : 'refused';
}

describe('parseByteSize()', () => {
  it('reads whole numbers and one decimal in every unit', () => {
    const cases = {
      '0B': 0,
      '1B': 1,
      '5GB': 5e9,
      '10GiB': 10 * 2 ** 30,
      '1.5GiB': 1.5 * 2 ** 30,
      '0.1kB': 100,
      '0.1KiB': 102,
      ' 5 GB ': 5e9,
      '8000TB': 8e15,
    };
    for (const [text, size] of Object.entries(cases)) assert.equal(sizeOf(text), size, text);
  });

  it('counts GB in tens and GiB in twos, whatever the number', () => {
    fc.assert(
      fc.property(fc.nat(8_000), fc.constantFrom(...Object.entries(UNITS)), (count, [unit, size]) => {
        assert.equal(sizeOf(`${count}${unit}`), count * size);
        assert.equal(sizeOf(`${count}.5 ${unit}`), Math.round((count + 0.5) * size));
      }),
    );
  });

  it('refuses bare numbers, other spellings of units, more decimals, signs, and more than any disk', () => {
    const bad = [
      '',
      '5',
      '0',
      'GB',
      '5gb',
      '5Gb',
      '5KB',
      '5K',
      '5G',
      '5Gi',
      '5mb',
      '1.25GB',
      '.5GB',
      '1.GB',
      '-1GB',
      '+1GB',
      '1e9B',
      '5  GB',
    ];
    for (const text of [...bad, '5GB 1MB', '5GB/s', '٥GB', '5constructor', '9007199254740992B', '10000TB', `${'9'.repeat(400)}TB`])
      assert.equal(sizeOf(text), 'refused', text);
  });

  it('says what would be right', () => {
    const read = parseByteSize('5');
    assert.match(read.ok ? '' : read.problem, /^"5" is not a size; .*"5GB"/);
  });
});

describe('formatByteSize()', () => {
  it('prints three digits, and steps to the next unit where rounding would print four', () => {
    const cases = {
      '0 B': 0,
      '1 B': 1,
      '999 B': 999,
      '1.00 kB': 1_000,
      '9.99 kB': 9_994,
      '10.0 kB': 9_995,
      '99.9 kB': 99_949,
      '100 kB': 99_950,
      '999 kB': 999_499,
      '1.00 MB': 999_500,
      '1.94 GB': 1_940_000_000,
      '1.00 TB': 1e12,
      '8000 TB': 8e15,
    };
    for (const [text, size] of Object.entries(cases)) assert.equal(formatByteSize(bytes(size)), text);
    assert.equal(formatByteSize(null), 'unknown');
  });

  it('is within half a per cent of the size, and never longer than seven characters below a thousand terabytes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999e12 }), (size) => {
        const text = formatByteSize(bytes(size));
        const [number = '', unit = ''] = text.split(' ');
        const scale = Object.entries(UNITS).find(([name]) => name === unit)?.[1] ?? Number.NaN;
        assert.ok(Math.abs(Number(number) * scale - size) <= size * 0.0051, text);
        assert.ok(text.length <= 7, text);
      }),
    );
  });
});
