import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { imageId, wallMs } from '../model/brands.ts';
import { formatImageUse, type ImageUseFile, parseImageUse } from './image-use.ts';

const NOW = wallMs(Date.UTC(2026, 0, 1));
const NOW_SECONDS = NOW / 1_000;
const GOOD = 'sha256:good 1700000000';

function parse(text: string | Uint8Array): ImageUseFile {
  return parseImageUse(typeof text === 'string' ? new TextEncoder().encode(text) : text, NOW);
}

function stampOf(file: ImageUseFile, id: string): number | undefined {
  return file.entries.find((entry) => entry.imageId === id)?.lastUsedSeconds;
}

/** The line is set aside under its number, and its neighbours are read. */
function assertBad(line: string, problem: RegExp): void {
  const file = parse(`sha256:before 1700000001\n${line}\n${GOOD}\n`);
  assert.deepEqual(
    file.entries.map((entry) => entry.imageId),
    ['sha256:before', 'sha256:good'],
  );
  assert.deepEqual(
    file.bad.map(({ lineNumber, text }) => [lineNumber, text]),
    [[2, line]],
  );
  assert.match(file.bad[0]?.problem ?? '', problem);
}

test('parseImageUse() reads back what formatImageUse() writes', () => {
  const id = fc.string({ unit: fc.constantFrom(...'sha256:0f/-_'), minLength: 1 }).map(imageId);
  const entry = fc.record(
    { imageId: id, lastUsedSeconds: fc.integer({ min: Date.UTC(2013) / 1_000, max: NOW_SECONDS }) },
    { noNullPrototype: true },
  );
  const entries = fc.uniqueArray(entry, { selector: (use) => use.imageId });
  fc.assert(fc.property(entries, (uses) => assert.deepEqual(parse(formatImageUse(uses)), { entries: uses, bad: [] })));
});

test('parseImageUse() takes any bytes without failing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const { lastUsedSeconds } of parse(bytes).entries) assert.ok(lastUsedSeconds <= NOW_SECONDS);
    }),
  );
});

test('formatImageUse() writes a line "<image id> <seconds>" per image', () => {
  assert.equal(formatImageUse([{ imageId: imageId('sha256:good'), lastUsedSeconds: 1_700_000_000 }]), `${GOOD}\n`);
  assert.equal(formatImageUse([]), '');
});

test('parseImageUse() reads an empty file as one that knows no image', () => {
  assert.deepEqual(parse(''), { entries: [], bad: [] });
});

test('parseImageUse() passes over empty lines', () => {
  assert.deepEqual(parse(`\n\n${GOOD}\n  \n`), { entries: [{ imageId: 'sha256:good', lastUsedSeconds: 1_700_000_000 }], bad: [] });
});

test('parseImageUse() reads a last line that has no line end', () => {
  assert.equal(stampOf(parse(GOOD), 'sha256:good'), 1_700_000_000);
});

test('parseImageUse() reads lines that end in CRLF', () => {
  assert.deepEqual(parse(`${GOOD}\r\nsha256:more 1700000002\r\n`).bad, []);
  assert.equal(stampOf(parse(`${GOOD}\r\n`), 'sha256:good'), 1_700_000_000);
});

test('parseImageUse() sets a line without a time aside', () => assertBad('sha256:abc', /time is missing/));
test('parseImageUse() sets a time that is no number aside', () => assertBad('sha256:abc yesterday', /not a whole number/));
test('parseImageUse() sets a negative time aside', () => assertBad('sha256:abc -1700000000', /not a whole number/));
test('parseImageUse() sets a fraction aside', () => assertBad('sha256:abc 1700000000.5', /not a whole number/));
test('parseImageUse() sets a line with more fields aside', () => assertBad('sha256:abc 1700000000 x', /more than/));
test('parseImageUse() sets a time that was cut short aside, which would be in the 1970s', () =>
  assertBad('sha256:abc 170000000', /before 2013/));
test('parseImageUse() sets a run of zero bytes aside', () => assertBad('\0\0\0\0 1700000000', /not an image ID/));

test('parseImageUse() sets a line that is not UTF-8 aside, and only that', () => {
  const bytes = Buffer.concat([
    Buffer.from(`${GOOD}\nsha256:`),
    Buffer.from([0xff, 0xfe]),
    Buffer.from(' 1700000000\nsha256:more 1700000002\n'),
  ]);
  const file = parse(bytes);
  assert.deepEqual([file.entries.length, file.bad.length], [2, 1]);
  assert.match(file.bad[0]?.problem ?? '', /UTF-8/);
});

test('parseImageUse() takes a time in the future as now', () => {
  assert.equal(stampOf(parse('sha256:abc 9999999999'), 'sha256:abc'), NOW_SECONDS);
  assert.equal(stampOf(parse('sha256:abc 99999999999999999999999'), 'sha256:abc'), NOW_SECONDS);
});

test('parseImageUse() lets the latest of several lines for one image count, in any order', () => {
  for (const text of ['a 1700000000\na 1700000009\n', 'a 1700000009\na 1700000000\n']) {
    assert.deepEqual(parse(text), { entries: [{ imageId: 'a', lastUsedSeconds: 1_700_000_009 }], bad: [] });
  }
});
