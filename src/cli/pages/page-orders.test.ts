/** A daemon that is asked over real sockets what it must not do. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { until } from '../../../test/e2e/daemon-process.ts';
import { type ServedDaemon, serveDaemon } from '../../../test/worlds/served-daemon.ts';
import { DAY_MS, MB } from '../../../test/worlds/world.ts';
import { MemoryEngine } from '../../runtime/memory/memory-engine.ts';
import { DashboardKey } from './dashboard-key.ts';

interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const ENGINE = { engineId: `orders-${process.pid}`, capacityBytes: 10_000 * MB };

describe('the page of a daemon', () => {
  let daemon: ServedDaemon;
  let port = 0;
  before(async () => {
    const engine = new MemoryEngine(ENGINE);
    engine.addImage({
      layers: [['app', MB]],
      references: ['docker.io/shop/app:1'],
      digests: [`docker.io/shop/app@sha256:${'0'.repeat(64)}`],
    });
    daemon = await serveDaemon(engine);
    port = Number(new URL(daemon.address).port);
    await until(
      () => fetch(`${daemon.address}/readyz`).catch(() => null),
      (answer) => answer?.status === 200,
    );
  });
  after(() => daemon[Symbol.asyncDispose]());

  async function ask({ method = 'GET', path, headers = {}, body }: Asked): Promise<{ status: number; text: string }> {
    const asked = request({ agent: false, port, host: '127.0.0.1', method, path, headers: { host: `127.0.0.1:${port}`, ...headers } });
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
    asked.on('response', (answer) => readText(answer).then((text) => resolve({ status: answer.statusCode ?? 0, text }), reject));
    asked.on('error', reject).end(body);
    return promise;
  }

  async function readToken(): Promise<string> {
    const { status, out } = await daemon.run(['dashboard', '--json']);
    assert.equal(status, 0);
    const { address, token }: { readonly address: string; readonly token: string } = JSON.parse(out);
    assert.equal(address, `${daemon.address}/`);
    return token;
  }

  const pin = (headers: Asked['headers'] = {}, body = '{"pattern":"shop/app:1"}'): Promise<{ status: number; text: string }> => {
    return ask({ method: 'POST', path: '/api/pin', headers, body });
  };
  const listPins = async (): Promise<string> => (await daemon.run(['pin'])).out;

  it('changes nothing without a token, with a wrong one, or with the right one in the address', async () => {
    assert.equal((await pin()).status, 401);
    assert.equal((await pin({ 'x-imagegc-token': '' })).status, 401);
    const token = await readToken();
    for (const wrong of ['', 'x', token.slice(0, -1), `${token}x`, token.toUpperCase()])
      assert.equal((await pin({ 'x-imagegc-token': wrong })).status, 401, wrong);
    const inAddress = await ask({ method: 'POST', path: `/api/pin?x-imagegc-token=${token}`, body: '{"pattern":"shop/app:1"}' });
    assert.equal(inAddress.status, 401);
    for (const path of ['/api/collect', '/api/unpin']) assert.equal((await ask({ method: 'POST', path, body: '{}' })).status, 401);
    assert.equal(await listPins(), 'There are no pins.\n');
  });

  it('changes nothing for a page of another site or under another name, whatever token it has', async () => {
    const token = { 'x-imagegc-token': await readToken() };
    assert.equal((await pin({ ...token, origin: 'http://evil.example' })).status, 403);
    assert.equal((await pin({ ...token, origin: 'null' })).status, 403);
    assert.equal((await pin({ ...token, 'sec-fetch-site': 'same-site' })).status, 403);
    assert.equal((await pin({ ...token, host: 'evil.example' })).status, 421);
    assert.equal((await pin({ ...token, host: `evil.example:${port}`, origin: `http://evil.example:${port}` })).status, 421);
    for (const method of ['PUT', 'DELETE', 'OPTIONS', 'PATCH'])
      assert.equal((await ask({ method, path: '/api/pin', headers: token })).status, 405);
    assert.equal(await listPins(), 'There are no pins.\n');
  });

  it('refuses what is too long, and what is not what is asked', async () => {
    const token = { 'x-imagegc-token': await readToken() };
    assert.equal((await pin(token, JSON.stringify({ pattern: 'a'.repeat(10_000) }))).status, 413);
    for (const body of ['', '{', '[]', '{"pattern":1}', 'null']) assert.equal((await pin(token, body)).status, 400, body);
    const wrong = await pin(token, '{"pattern":"@@"}');
    assert.deepEqual([wrong.status, /pin/.test(JSON.parse(wrong.text).message)], [400, true]);
    await assert.rejects(ask({ path: '/api/images', headers: { long: 'a'.repeat(20_000) } }), /socket hang up|ECONNRESET|EPIPE/);
    assert.equal(await listPins(), 'There are no pins.\n');
  });

  it('serves no file but its own four', async () => {
    for (const path of ['/../package.json', '/..%2fpackage.json', '//etc/passwd', '/dashboard.js/..', '/main.cjs', '/constructor', '/%00'])
      assert.equal((await ask({ path })).status, 404, path);
  });

  it('pins, unpins and collects with the token, as the commands do', async () => {
    const token = { 'x-imagegc-token': await readToken() };
    const pinned = await pin(token, '{"pattern":"shop/app:1","reason":"audit","until":"30d"}');
    assert.deepEqual([pinned.status, JSON.parse(pinned.text).result.format], [200, 'imagegc.pins/1']);
    assert.match(await listPins(), /shop\/app:1 +dashboard .*audit/);
    assert.equal((await ask({ method: 'POST', path: '/api/unpin', headers: token, body: '{"pattern":"shop/app:1"}' })).status, 200);
    daemon.pass(9 * DAY_MS);
    const collected = await ask({ method: 'POST', path: '/api/collect', headers: token, body: '{}' });
    const { exitStatus, result } = JSON.parse(collected.text);
    assert.deepEqual([collected.status, exitStatus, result.format], [200, 0, 'imagegc.collection/1'], collected.text);
  });

  it('answers beside 200 clients that begin a request and never end it, and goes on watching', async () => {
    const slow = Array.from({ length: 200 }, () => {
      const socket = connect({ port, host: '127.0.0.1' }).on('error', () => undefined);
      socket.write('POST /api/pin HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{');
      return socket;
    });
    await Promise.all(slow.map((socket) => (socket.connecting ? once(socket, 'connect') : null)));
    assert.equal((await ask({ path: '/api/status' })).status, 200);
    daemon.engine.addImage({ layers: [['late', MB]], references: ['docker.io/shop/late:1'] });
    await until(
      async () => (await daemon.run(['history'])).out,
      (out) => out.includes('used (load)'),
    );
    for (const socket of slow) socket.destroy();
  });
});

describe('DashboardKey', () => {
  it('fits nothing before it is handed out, and is another one for each daemon', () => {
    const [key, other] = [new DashboardKey(), new DashboardKey()];
    assert.equal(key.isIn({ headers: { 'x-imagegc-token': '' } }), false);
    const token = key.issue();
    assert.equal(token, key.issue());
    assert.notEqual(token, other.issue());
    assert.match(token, /^[\w-]{43}$/);
    assert.deepEqual(
      [key, other].map((each) => each.isIn({ headers: { 'x-imagegc-token': token } })),
      [true, false],
    );
  });
});
