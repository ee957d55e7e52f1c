import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { OperatingError } from '../model/error.ts';
import { type HttpRoutes, isOwnHost, isOwnOrigin, serveHttp } from './http-server.ts';

const directory = mkdtempSync(join(tmpdir(), 'imagegc-http-'));
after(() => rmSync(directory, { recursive: true }));
const ROUTES: HttpRoutes = {
  '/healthz': () => ({ status: 503, body: { well: false } }),
  '/large': () => ({ status: 200, type: 'text/plain', body: LARGE, etag: '"1"' }),
  '/broken': () => Promise.reject(new Error('not now')),
  'POST /said': async ({ readBody }) => ({ status: 200, body: { said: await readBody() } }),
};
/** More than any socket buffers. */
const LARGE = Buffer.alloc(4_000_000, 'a');
let made = 0;

async function serving(): Promise<{ path: string } & AsyncDisposable> {
  const path = join(directory, `${++made}.sock`);
  const server = await serveHttp(`unix://${path}`, ROUTES);
  return { path, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

interface Asked {
  readonly method?: string;
  readonly url?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function ask(path: string, asking: Asked = {}): Promise<{ status: number; text: string }> {
  const { method = 'GET', url = '/healthz', host = 'localhost', headers = {}, body } = asking;
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const asked = request({ agent: false, socketPath: path, method, path: url, headers: { host, ...headers } }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
  });
  asked.on('error', reject).end(body);
  return promise;
}

describe('serveHttp()', () => {
  it('answers what there is, whatever its status, and says what there is otherwise', async () => {
    await using server = await serving();
    assert.deepEqual(JSON.parse((await ask(server.path)).text), { well: false });
    assert.equal((await ask(server.path, { url: '/healthz?x=1' })).status, 503);
    const missing = await ask(server.path, { url: '/../etc/passwd' });
    assert.deepEqual([missing.status, JSON.parse(missing.text).paths], [404, Object.keys(ROUTES)]);
    assert.equal((await ask(server.path, { url: '/constructor' })).status, 404);
  });

  it('changes nothing: other methods are refused', async () => {
    await using server = await serving();
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) assert.equal((await ask(server.path, { method })).status, 405);
    assert.equal((await ask(server.path, { method: 'HEAD' })).text, '');
  });

  it('refuses names that another site could have made point here', async () => {
    await using server = await serving();
    assert.equal((await ask(server.path, { host: 'evil.example' })).status, 421);
    assert.equal((await ask(server.path, { host: '127.0.0.1:9720' })).status, 503);
    const own = ['localhost', 'localhost:9720', '127.0.0.1', '[::1]:9720', '192.0.2.7:80'];
    assert.deepEqual(own.filter(isOwnHost), own);
    const foreign = ['', undefined, 'localhost.evil.example', 'evil.example:9720', '127.0.0.1.nip.example', '::1:x'];
    assert.deepEqual(
      foreign.filter((host) => isOwnHost(host)),
      [],
    );
  });

  it('lets only its owner open the socket, takes over what a dead process left, and disturbs no living one', async () => {
    const first = await serving();
    assert.equal(statSync(first.path).mode & 0o777, 0o600);
    await assert.rejects(
      serveHttp(`unix://${first.path}`, ROUTES),
      (error) => error instanceof OperatingError && error.kind === 'lock-held',
    );
    assert.equal((await ask(first.path)).status, 503);
    await first[Symbol.asyncDispose]();
    await using again = await serveHttp(`unix://${first.path}`, ROUTES);
    assert.equal((await ask(first.path)).status, 503, String(again));
  });

  it('says that the address is taken', async () => {
    await using _server = await serveHttp('127.0.0.1:19720', ROUTES);
    await assert.rejects(serveHttp('127.0.0.1:19720', ROUTES), /something else listens there/);
  });

  it('answers no page of another site, whatever it asks', async () => {
    const host = '127.0.0.1:9720';
    await using server = await serving();
    for (const method of ['GET', 'POST'])
      assert.equal((await ask(server.path, { method, url: '/said', host, headers: { origin: 'http://evil.example' } })).status, 403);
    assert.equal((await ask(server.path, { host, headers: { 'sec-fetch-site': 'cross-site' } })).status, 403);
    assert.equal(isOwnOrigin({ host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' }), true);
    assert.equal(isOwnOrigin({ host }), true);
    assert.equal(isOwnOrigin({ host, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }), true);
    const posted = { host, origin: 'http://evil.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    assert.equal(isOwnOrigin(posted), false);
    for (const origin of ['null', 'http://127.0.0.1:9721', `https://${host}`, '']) assert.equal(isOwnOrigin({ host, origin }), false);
  });

  it('refuses a request that is too long, in its head or in its body, and goes on', async () => {
    await using server = await serving();
    assert.deepEqual(JSON.parse((await ask(server.path, { method: 'POST', url: '/said', body: 'this' })).text), { said: 'this' });
    assert.equal((await ask(server.path, { method: 'POST', url: '/said', body: 'a'.repeat(5_000) })).status, 413);
    await assert.rejects(ask(server.path, { headers: { long: 'a'.repeat(10_000) } }));
    assert.equal((await ask(server.path)).status, 503);
  });

  it('answers with an error where something goes wrong, and goes on', async () => {
    await using server = await serving();
    const broken = await ask(server.path, { url: '/broken' });
    assert.deepEqual([broken.status, JSON.parse(broken.text).error], [500, 'not now']);
  });

  it('sends nothing to who has it already', async () => {
    await using server = await serving();
    assert.equal((await ask(server.path, { url: '/large' })).text.length, LARGE.length);
    assert.deepEqual(await ask(server.path, { url: '/large', headers: { 'if-none-match': '"1"' } }), { status: 304, text: '' });
  });

  it('answers beside 200 clients that ask for much and read nothing of it, and hangs up on the oldest', async () => {
    await using server = await serving();
    const before = process.memoryUsage.rss();
    const slow = Array.from({ length: 200 }, () => {
      const socket = connect({ path: server.path }).on('error', () => undefined);
      socket.write('GET /large HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
      return socket.pause();
    });
    assert.equal((await ask(server.path)).status, 503);
    const grownMB = (process.memoryUsage.rss() - before) / 1e6;
    assert.ok(grownMB < 100, `${grownMB} MB more`);
    const ends = await Promise.all(
      slow.map(async (socket) => {
        const closed = once(socket, 'close');
        socket.resume();
        await closed;
        return socket.bytesRead >= LARGE.length;
      }),
    );
    assert.ok(ends.filter((isServed) => isServed).length <= 64, ends.join());
  });

  it('goes on while many clients say nothing', async () => {
    await using server = await serving();
    const silent = Array.from({ length: 50 }, () => connect({ path: server.path }).on('error', () => undefined));
    assert.equal((await ask(server.path)).status, 503);
    for (const socket of silent) socket.destroy();
  });
});
