import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type ControlPeer, type Frame, peerOf, serveControl } from './control-socket.ts';

const directory = mkdtempSync(join(tmpdir(), 'imagegc-control-'));
after(() => rmSync(directory, { recursive: true }));
let made = 0;

async function served(serve: (peer: ControlPeer) => Promise<void>): Promise<{ path: string } & AsyncDisposable> {
  const path = join(directory, `${++made}.sock`);
  const server = await serveControl(path, serve);
  return { path, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function dial(path: string): Promise<ControlPeer & { hangUp: () => void; write: (text: string) => void }> {
  const socket = connect({ path });
  await once(socket, 'connect');
  return { ...peerOf(socket), hangUp: () => socket.destroy(), write: (text) => void socket.write(text) };
}

describe('serveControl()', () => {
  it('takes orders from its owner alone, and speaks in turns', async () => {
    await using server = await served(async (peer) => {
      const order = await peer.receive();
      peer.send({ ask: `really ${order?.['do']}?` });
      peer.send({ status: (await peer.receive())?.['answer'] === 'yes' ? 0 : 1 });
    });
    assert.equal(statSync(server.path).mode & 0o777, 0o600);
    const peer = await dial(server.path);
    peer.send({ do: 'collect' });
    assert.deepEqual(await peer.receive(), { ask: 'really collect?' });
    peer.send({ answer: 'yes' });
    assert.deepEqual([await peer.receive(), await peer.receive()], [{ status: 0 }, null]);
  });

  it('tells when the other side hangs up', async () => {
    const { promise, resolve } = Promise.withResolvers<Frame | null>();
    await using server = await served(async (peer) => resolve(await peer.receive()));
    (await dial(server.path)).hangUp();
    assert.equal(await promise, null);
  });

  for (const [what, text] of [
    ['not JSON', 'collect\n'],
    ['not an object', '[1]\n'],
    ['endless', 'x'.repeat(70_000)],
  ] as const) {
    it(`hangs up on a message that is ${what}`, async () => {
      const { promise, resolve } = Promise.withResolvers<Frame | null>();
      await using server = await served(async (peer) => resolve(await peer.receive()));
      const peer = await dial(server.path);
      peer.write(text);
      assert.deepEqual([await promise, await peer.receive()], [null, null]);
    });
  }
});
