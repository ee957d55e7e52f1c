import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { anyReference, anyTag } from '../../test/worlds/names.ts';
import { formatOwnerMark, holdReference, type OwnerMark, parseHold, parseOwnerMark } from './hold.ts';
import { formatReference, parseReference } from './reference.ts';

const MARK: OwnerMark = { boot: '0a1b2c3d', sinceSeconds: 86_400, pidNamespace: 4_026_531_836, pid: 4_194_304, startTicks: 123_456_789 };
const TEXT = formatOwnerMark(MARK);

const anyMark = (): fc.Arbitrary<OwnerMark> =>
  fc.record({
    boot: fc.stringMatching(/^[0-9a-f]{8}$/),
    sinceSeconds: fc.nat(),
    pidNamespace: fc.nat(4_294_967_295),
    pid: fc.nat(4_194_304),
    startTicks: fc.nat(2 ** 40),
  });

describe('a hold', () => {
  it('says the original tag and the owner, for every valid tag that leaves room, in both phases', () => {
    fc.assert(
      fc.property(anyReference(), anyTag(), anyMark(), fc.constantFrom('held', 'releasing'), ({ repository }, tag, mark, phase) => {
        const original = `${repository}:${tag}`;
        const text = formatOwnerMark(mark);
        const hold = holdReference(original, text, phase);
        if (hold === null) return assert.ok(`imagegc.hold.${text}.${tag}`.length > 128);
        assert.deepEqual(parseHold(hold), { original, mark: text, isReleasing: phase === 'releasing' });
        assert.deepEqual(parseOwnerMark(text), { ...mark });
        const read = parseReference(hold);
        assert.equal(read.ok && read.value.repository, repository);
      }),
    );
  });

  it('is null when mark and tag exceed 128 characters by one, and stands when they fill them', () => {
    const room = 128 - `imagegc.hold.${TEXT}.`.length;
    assert.equal(holdReference(`r/a:${'t'.repeat(room + 1)}`, TEXT), null);
    assert.equal(parseHold(holdReference(`r/a:${'t'.repeat(room)}`, TEXT) ?? '')?.original, `r/a:${'t'.repeat(room)}`);
  });

  it('is null for a name without a tag', () => {
    assert.equal(holdReference(`r/a@sha256:${'a'.repeat(64)}`, TEXT), null);
    assert.equal(holdReference('host:5000/a', TEXT), null);
  });

  it('of a host with a port stands in the same repository', () => {
    assert.equal(holdReference('host:5000/a/b:1', 'x-1-1-1-1'), 'host:5000/a/b:imagegc.hold.x-1-1-1-1.1');
  });
});

describe('parseHold()', () => {
  it('takes no ordinary name for a hold', () => {
    fc.assert(
      fc.property(anyReference(), (reference) => {
        fc.pre(!(reference.tag ?? '').startsWith('imagegc.'));
        assert.equal(parseHold(formatReference(reference)), null);
      }),
    );
  });

  it('takes none of these for a hold', () => {
    const almost = [
      'hold',
      'imagegc.hold',
      'imagegc.hold.',
      'imagegc.hold.1',
      `imagegc.hold.${TEXT}`,
      `imagegc.hold.${TEXT}.`,
      `ximagegc.hold.${TEXT}.1`,
    ];
    const wrong = [
      'imagegc.hold.a-1-1-1.1',
      'imagegc.hold.a-1-1-1-1-1.1',
      'imagegc.hold.A-1-1-1-1.1',
      `imagegc.keep.${TEXT}.1`,
      `imagegc-hold.${TEXT}.1`,
    ];
    for (const tag of [...almost, ...wrong]) assert.equal(parseHold(`r/a:${tag}`), null, tag);
    assert.equal(parseHold(`imagegc.hold.${TEXT}.1/a:1`), null);
  });
});

describe('parseOwnerMark()', () => {
  it('refuses what is not five words of lower-case letters and digits', () => {
    for (const text of ['', 'a', 'a-1-1-1', 'a-1-1-1-1-1', 'a-1-1-1-', 'a-1-!-1-1', 'A-1-1-1-1', 'a--1-1-1', 'a-1-1-1-1 ']) {
      assert.equal(parseOwnerMark(text), null, text);
    }
  });
});
