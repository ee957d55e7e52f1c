import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { saysSame } from './same-answer.ts';
import { blob, many, message, one, text, textMap, whole } from './wire.ts';

const target = message({ digest: text(2), annotations: textMap(5) });
const entry = message({ name: text(1), labels: textMap(2), target: one(3, target), size: whole(4) });
const list = message({ entries: many(1, entry) });

const pairs = fc.uniqueArray(fc.tuple(fc.string(), fc.string({ maxLength: 200 })), { selector: ([key]) => key, maxLength: 6 });
const fields = { name: fc.string(), size: fc.maxSafeInteger(), labels: pairs, digest: fc.string(), annotations: pairs };
const entries = fc.array(fc.record(fields, { noNullPrototype: true }), { maxLength: 5 });
type Entries = typeof entries extends fc.Arbitrary<infer Each> ? Each : never;
type Pairs = Entries[number]['labels'];

/** As Go writes a list: each message whole, its maps in whatever order. */
function write(all: Entries, order: (of: Pairs) => Pairs = (of) => of): Buffer {
  // Pair by pair, since a JavaScript object keeps no order of its own for keys that are numbers.
  const messages = all.map(({ name, size, labels, digest, annotations }) => {
    const noted = order(annotations).map((pair) => target.encode({ annotations: Object.fromEntries([pair]) }));
    const labelled = order(labels).map((pair) => entry.encode({ labels: Object.fromEntries([pair]) }));
    return [entry.encode({ name }), ...labelled, hold(3, [target.encode({ digest }), ...noted]), entry.encode({ size })];
  });
  return Buffer.concat(messages.map((parts) => hold(1, parts)));
}

/** A message that another holds under this number. */
function hold(number: number, parts: readonly Uint8Array[]): Buffer {
  return Buffer.from(message({ held: blob(number) }).encode({ held: Buffer.concat(parts) }));
}

const read = (data: Buffer) => list.decode(data).entries;

describe('saysSame()', () => {
  test('is told by what is listed, in whatever order its maps are written', () => {
    const orders = fc.infiniteStream(fc.nat());
    fc.assert(
      fc.property(entries, orders, (all, numbers) => {
        const shuffle = (of: Pairs) =>
          of
            .map((each) => [numbers.next().value, each] as const)
            .sort(([a], [b]) => a - b)
            .map(([, each]) => each);
        const [before, now] = [write(all), write(all, shuffle)];
        assert.deepEqual(read(now), read(before));
        assert.equal(saysSame(list, before, now), true);
      }),
    );
  });

  test('never of two lists that are decoded to something else', () => {
    fc.assert(
      fc.property(entries, entries, fc.nat(), fc.nat(), (some, others, from, count) => {
        // What they have in common is what could be mistaken.
        const mixed = some.toSpliced(from % (some.length + 1), count % 3, ...others.slice(0, 1));
        const [before, now] = [write(some), write(mixed)];
        if (saysSame(list, before, now)) assert.deepEqual(read(now), read(before));
      }),
    );
  });

  test('not of any one byte that is another', () => {
    fc.assert(
      fc.property(entries, fc.nat(), fc.integer({ min: 1, max: 255 }), (all, place, change) => {
        const before = write(all);
        fc.pre(before.length > 0);
        const now = Buffer.from(before);
        now[place % now.length] = (now[place % now.length] ?? 0) ^ change;
        assert.equal(isSame(before, now), false);
      }),
    );
  });
});

/** `a1 b2`: a is 1, and b is 2. */
const pairsOf = (words: string): Pairs => words.split(' ').map((word) => [word.slice(0, 1), word.slice(1)]);

test('saysSame() is not so of a list in which any one thing is another, is missing, or changed places with another', () => {
  const whole: Entries[number] = { name: 'n', size: 1, digest: 'd', labels: pairsOf('a1 b2'), annotations: pairsOf('x1 y2') };
  const labelled = ['a1', 'a1 b2 c3', 'a2 b2', 'a2 b1', 'c1 b2', 'b1 a2'].map((words) => ({ labels: pairsOf(words) }));
  const noted = ['x1', 'x1 y2 z3', 'x1 y3', 'x2 y1'].map((words) => ({ annotations: pairsOf(words) }));
  const others = [{ size: 2 }, { name: 'm' }, { digest: 'e' }, { name: 'd', digest: 'n' }, { labels: [] }];
  const swapped = { labels: whole.annotations, annotations: whole.labels };
  const altered = [...labelled, ...noted, ...others, swapped].map((change) => write([{ ...whole, ...change }]));
  const before = write([whole]);
  const cut = [Buffer.concat([before, Buffer.from([0])]), before.subarray(1), write([whole, whole]), write([])];
  for (const now of [...altered, ...cut]) {
    assert.equal(isSame(before, now), false);
    assert.equal(isSame(now, before), false);
  }
  const two = [whole, { ...whole, name: 'm' }];
  assert.equal(saysSame(list, write(two), write(two.toReversed())), false);
});

test('saysSame() reads no text as a message, where one has in a text what begins a message in the other', () => {
  const inner = hold(3, [target.encode({ digest: 'd' })]);
  const nothing = hold(9, []);
  // Where the other's message stands this text begins like it, and goes on with a group that never ends.
  const named = hold(1, [inner.subarray(0, 2), Buffer.from([0x0b, 0x0b, 0x0b])]);
  const [before, now] = [hold(1, [named, nothing]), hold(1, [nothing, inner, nothing])];
  assert.equal(before.length, now.length);
  assert.equal(saysSame(list, before, now), false);
});

/** What cannot be read is an error of the engine's, and no more the same. */
function isSame(before: Buffer, now: Buffer): boolean {
  try {
    return saysSame(list, before, now);
  } catch (error) {
    assert.ok(error instanceof Error);
    return false;
  }
}
