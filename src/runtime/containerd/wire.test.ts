import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { blob, flag, many, message, one, text, textMap, texts, whole } from './wire.ts';

const inner = message({ digest: text(2), size: whole(3) });
const outer = message({
  name: text(1),
  labels: textMap(2),
  target: one(3, inner),
  names: texts(4),
  parts: many(5, inner),
  isLast: flag(6),
  data: blob(7),
});

describe('a message', () => {
  test('reads what it wrote', () => {
    const part = fc.record({ digest: fc.string(), size: fc.maxSafeInteger() }, { noNullPrototype: true });
    const fields = {
      name: fc.string(),
      labels: fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }),
      target: fc.option(part),
      names: fc.array(fc.string()),
      parts: fc.array(part),
      isLast: fc.boolean(),
      data: fc.uint8Array(),
    };
    const value = fc.record(fields, { noNullPrototype: true });
    fc.assert(fc.property(value, (each) => assert.deepEqual(outer.decode(outer.encode(each)), each)));
  });

  test('is written as protobuf has it', () => {
    // name = 1: 0x0a; target = 3: 0x1a; size = 3 in it: 0x18, 150 in two bytes
    const data = outer.encode({ name: 'a', target: { digest: '', size: 150 } });
    assert.equal(Buffer.from(data).toString('hex'), '0a01611a0512001896 01'.replaceAll(' ', ''));
  });

  test('passes over fields that it does not know, and has a value for what is absent', () => {
    const wider = message({ name: text(1), extra: text(100), number: whole(101) });
    const narrow = message({ name: text(1), size: whole(2), target: one(3, inner), names: texts(4) });
    const read = narrow.decode(wider.encode({ extra: 'x', number: 7, name: 'a' }));
    assert.deepEqual(read, { name: 'a', size: 0, target: null, names: [] });
  });

  test('has a label whatever it is called', () => {
    const labels = JSON.parse('{ "__proto__": "a", "constructor": "b", "1": "c" }');
    const read = outer.decode(outer.encode({ labels })).labels;
    assert.deepEqual(Object.entries(read), Object.entries(labels));
    assert.equal(Object.getPrototypeOf(read), Object.prototype);
  });

  test('that is cut off is an error, not half a message', () => {
    const data = outer.encode({ name: 'a name', names: ['b'] });
    assert.throws(() => outer.decode(data.subarray(0, 4)));
  });

  test('whose field goes on after its end is an error, although more follows', () => {
    // target = 3, of 3 bytes, in which a field claims 4; then name = 1
    const data = Buffer.from('1a030a04616200'.concat('0a0161'), 'hex');
    assert.throws(() => outer.decode(data), /after the end/);
  });
});

test('the messages are what the .proto files say', () => {
  const root = join(import.meta.dirname, '../../..');
  assert.doesNotThrow(() => execFileSync(process.execPath, [join(root, 'tools/messages.mjs'), '--check']));
});
