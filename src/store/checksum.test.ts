import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { crc32 } from './checksum.ts';

test('crc32() is that of gzip for any text, lone surrogates and long ones included', () => {
  assert.equal(crc32('123456789'), 0xcbf43926);
  const unit = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constantFrom('\ud800', '\udc00', '\ud83d\ude00', 'é', '\u0000'));
  const anyText = fc.tuple(fc.array(unit), fc.constantFrom(1, 1_000)).map(([parts, times]) => parts.join('').repeat(times));
  fc.assert(
    fc.property(anyText, (text) => {
      assert.equal(crc32(text), zlib.crc32(text));
    }),
  );
  // From 256 KiB on it is Node's, and then of short texts as well.
  for (const characters of [262_143, 262_144, 9]) assert.equal(crc32('é'.repeat(characters)), zlib.crc32('é'.repeat(characters)));
});
