import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { GrpcClient } from './grpc-client.ts';
import { byId, Lists, listOf } from './lists.ts';
import { many, message, method, text, textMap } from './wire.ts';

const thing = message({ id: text(1), labels: textMap(2) });
const answer = message({ things: many(1, thing) });
const asked = message({ filter: text(1) });
type Thing = { readonly id: string; readonly labels: Readonly<Record<string, string>> };

/** An engine that answers with these pieces, and one list of it. */
function engineOf(pieces: readonly (readonly Thing[])[], isStreamed = true) {
  const told = { pieces, decoded: 0, isRefusing: false };
  const decode = (data: Uint8Array) => {
    told.decoded += 1;
    return answer.decode(data);
  };
  const send: GrpcClient['collect'] = async ({ answered }) => {
    if (told.isRefusing) throw new Error('refused');
    return told.pieces.map((things) => answered.decode(Buffer.from(answer.encode({ things: [...things] }))));
  };
  const client: GrpcClient = {
    socketPath: '',
    collect: send,
    async call(call, what) {
      const [first] = await send(call, what, '');
      return first ?? assert.fail();
    },
    follow: () => assert.fail(),
    close: () => undefined,
  };
  const list = listOf(
    { ...method('/lab.Things/List', asked, answer), answered: { ...answer, decode } },
    (answers) => answers.flatMap(({ things }) => things).sort(byId),
    isStreamed,
  );
  return { client, list, told };
}

const A = { id: 'a', labels: { one: '1', two: '2' } };
const B = { id: 'b', labels: {} };

test('a list that cannot be decoded is the failure of its call, while the engine still sends', async () => {
  const { client, list } = engineOf([[A]]);
  const broken: GrpcClient = {
    ...client,
    async collect({ answered }) {
      assert.throws(() => answered.decode(Buffer.from([0x0a, 0x7f])), RangeError);
      throw new Error('told as the call fails');
    },
  };
  await assert.rejects(new Lists(broken, null).ask(list), /told as the call fails/);
});

describe('lists that say the same at the next look', () => {
  for (const isStreamed of [true, false]) {
    test(`are the same object, and are not decoded again (${isStreamed ? 'in pieces' : 'in one'})`, async () => {
      const { client, list, told } = engineOf(isStreamed ? [[A], [B]] : [[A, B]], isStreamed);
      const first = new Lists(client, null);
      const before = await first.ask(list);
      assert.equal(first.isUnchanged, false);
      const { decoded } = told;
      const second = new Lists(client, first);
      assert.equal(await second.ask(list), before);
      assert.equal(second.isUnchanged, true);
      assert.equal(told.decoded, decoded);
      assert.equal(await new Lists(client, second).ask(list), before);
    });
  }

  test('may come in another order', async () => {
    const { client, list, told } = engineOf([[A, B]]);
    const first = new Lists(client, null);
    const before = await first.ask(list);
    told.pieces = [[B, { id: 'a', labels: { two: '2', one: '1' } }]];
    const second = new Lists(client, first);
    assert.equal(await second.ask(list), before);
    assert.equal(second.isUnchanged, true);
  });

  test('may be empty', async () => {
    const { client, list } = engineOf([]);
    const first = new Lists(client, null);
    await first.ask(list);
    const second = new Lists(client, first);
    assert.deepEqual(await second.ask(list), []);
    assert.equal(second.isUnchanged, true);
  });
});

describe('lists are changed', () => {
  const CHANGES: readonly (readonly [what: string, pieces: readonly (readonly Thing[])[]])[] = [
    ['with one more', [[A], [B], [{ id: 'c', labels: {} }]]],
    ['with one more in a piece', [[A], [B, { id: 'c', labels: {} }]]],
    ['without the last', [[A]]],
    ['without the first', [[B]]],
    ['without any', []],
    ['with one twice', [[A, A], [B]]],
    ['with another ID', [[{ ...A, id: 'x' }], [B]]],
    ['with another label', [[{ ...A, labels: { one: '1', two: '3' } }], [B]]],
    ['with a label more', [[A], [{ ...B, labels: { one: '1' } }]]],
    ['with a label less', [[{ ...A, labels: { one: '1' } }], [B]]],
    ['with labels that changed places', [[{ ...A, labels: { one: '2', two: '1' } }], [B]]],
  ];
  for (const [what, pieces] of CHANGES) {
    test(what, async () => {
      const { client, list, told } = engineOf([[A], [B]]);
      const first = new Lists(client, null);
      await first.ask(list);
      told.pieces = pieces;
      const second = new Lists(client, first);
      assert.deepEqual(await second.ask(list), pieces.flat().toSorted(byId));
      assert.equal(second.isUnchanged, false);
      told.pieces = [[A], [B]];
      const third = new Lists(client, second);
      assert.deepEqual(await third.ask(list), [A, B]);
      assert.equal(third.isUnchanged, false);
    });
  }

  test('for good where one was asked for twice and said two things, of which the look holds the first', async () => {
    const { client, list, told } = engineOf([[A], [B]]);
    const first = new Lists(client, null);
    await first.ask(list);
    told.pieces = [[A]];
    await first.ask(list);
    const second = new Lists(client, first);
    assert.deepEqual(await second.ask(list), [A]);
    assert.equal(second.isUnchanged, false);
  });

  test('where one was not asked for, one more was, one was twice, or one was refused', async () => {
    const { client, list, told } = engineOf([[A], [B]]);
    const first = new Lists(client, null);
    await first.ask(list, 'here');
    await first.ask(list, 'there');
    const ask = async (...namespaces: readonly string[]): Promise<boolean> => {
      const lists = new Lists(client, first);
      for (const namespace of namespaces) await lists.ask(list, namespace);
      return lists.isUnchanged;
    };
    assert.equal(await ask('here', 'there'), true);
    assert.equal(await ask('here'), false);
    assert.equal(await ask('here', 'there', 'elsewhere'), false);
    assert.equal(await ask('here', 'elsewhere'), false);
    assert.equal(await ask('here', 'there', 'here'), false);
    const refused = new Lists(client, first);
    await refused.ask(list, 'here');
    told.isRefusing = true;
    await assert.rejects(refused.ask(list, 'there'), /refused/);
    assert.equal(refused.isUnchanged, false);
  });
});
