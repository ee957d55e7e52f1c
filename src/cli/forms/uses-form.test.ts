import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idleMs, imageId, wallMs } from '../../model/brands.ts';
import type { UseRecord } from '../../model/use-record.ts';
import { formatUses, parseUses, type UsesForm } from './uses-form.ts';

const AT = wallMs(Date.UTC(2026, 10, 23, 10));
const HOUR_MS = 3_600_000;

function read(form: object): UsesForm {
  return parseUses('uses.json', JSON.stringify({ format: 'imagegc.uses/1', records: [], ...form }), { at: AT });
}

test('parseUses() puts wall times on the idle clock as they are', () => {
  const used = '2026-11-23T09:00:00Z';
  const record = read({ records: [{ imageId: 'a', firstSeenAt: '2026-11-23T08:00:00Z', lastUsedAt: used }] }).records.get(imageId('a'));
  assert.deepEqual(record?.lastUsed, { idleMs: AT - HOUR_MS, wallMs: AT - HOUR_MS });
  assert.deepEqual(record?.firstSeen, { idleMs: AT - 2 * HOUR_MS, wallMs: AT - 2 * HOUR_MS });
});

test('parseUses() takes a record without a use as sighted only, and without any time as seen first at the given instant', () => {
  const record = read({ records: [{ imageId: 'a' }] }).records.get(imageId('a'));
  assert.deepEqual([record?.lastUsed, record?.firstSeen.wallMs], [null, AT]);
});

test('parseUses() takes an image as seen when it was used, where first sight is not told', () => {
  const record = read({ records: [{ imageId: 'a', lastUsedAt: '2026-11-23T09:00:00Z' }] }).records.get(imageId('a'));
  assert.equal(record?.firstSeen.wallMs, AT - HOUR_MS);
});

test('parseUses() reads lineages, takes what is absent as unknown, and counts gaps', () => {
  const { lineages, habits } = read({ lineages: [{ name: 'app:#', headImageId: 'a', gaps: [1, 7_200, 7_200] }] });
  const { gaps, headKey, lastUsedMs } = habits.lineages.get('app:#') ?? assert.fail();
  assert.deepEqual([gaps[0], gaps[13], headKey, lastUsedMs], [1, 2, 'a', AT]);
  assert.deepEqual(
    [...lineages.values()],
    [{ name: 'app:#', headImageId: 'a', previousImageId: null, switchedAt: { idleMs: AT, wallMs: AT }, headConfirmed: null }],
  );
});

for (const [form, expected] of [
  [{ records: undefined }, /the file has no "records"/],
  [{ records: [{ imageId: 'a' }, { imageId: 'a' }] }, /records\[1\] repeats a/],
  [{ records: [{ imageId: 'a', lastUsedAt: 5 }] }, /records\[0\].lastUsedAt must be a text, not 5/],
  [{ records: [{ lastUsedAt: '2026-11-23T09:00:00Z' }] }, /records\[0\] has no "imageId"/],
  [{ lineages: [{ name: 'x', headImageId: 'a', headConfirmed: 1 }] }, /lineages\[0\].headConfirmed must be true, false or null/],
] as const) {
  test(`parseUses() refuses ${JSON.stringify(form)}`, () => {
    assert.throws(() => read(form), expected);
  });
}

test('formatUses() writes now less the idle age, whatever the wall clock said when the image was used', () => {
  const now = { idleMs: idleMs(100 * HOUR_MS), wallMs: AT, isWallTrusted: true };
  const record: UseRecord = {
    imageId: imageId('a'),
    firstSeen: { idleMs: idleMs(10 * HOUR_MS), wallMs: wallMs(0) },
    lastUsed: { idleMs: idleMs(97 * HOUR_MS), wallMs: wallMs(AT + 5 * HOUR_MS) },
    origin: 'pulled',
    references: [],
    digests: [],
    missingSince: null,
    isInUse: false,
  };
  const written = JSON.stringify(formatUses({ records: new Map([[record.imageId, record]]), lineages: new Map() }, now));
  const again = parseUses('uses.json', written, { at: AT }).records.get(record.imageId);
  assert.equal(again?.lastUsed?.idleMs, AT - 3 * HOUR_MS);
  assert.equal(again?.firstSeen.idleMs, AT - 90 * HOUR_MS);
});
