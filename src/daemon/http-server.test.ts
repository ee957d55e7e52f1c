import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { OperatingError } from '../model/error.ts';
import { isOwnHost, serveHttp } from './http-server.ts';

const directory = mkdtempSync(join(tmpdir(), 'imagegc-http-'));
after(() => rmSync(directory, { recursive: true }));
const ROUTES = { '/healthz': () => ({ status: 503, body: { well: false } }) };
let made = 0;

async function serving(): Promise<{ path: string } & AsyncDisposable> {
  const path = join(directory, `${++made}.sock`);
  const server = await serveHttp(`unix://${path}`, ROUTES);
  return { path, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

function ask(path: string, { method = 'GET', url = '/healthz', host = 'localhost' } = {}): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const asked = request({ agent: false, socketPath: path, method, path: url, headers: { host } }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
  });
  asked.on('error', reject).end();
  return promise;
}

describe('serveHttp()', () => {
  it('answers what there is, whatever its status, and says what there is otherwise', async () => {
    await using server = await serving();
    assert.deepEqual(JSON.parse((await ask(server.path)).text), { well: false });
    assert.equal((await ask(server.path, { url: '/healthz?x=1' })).status, 503);
    const missing = await ask(server.path, { url: '/../etc/passwd' });
    assert.deepEqual([missing.status, JSON.parse(missing.text).paths], [404, ['/healthz']]);
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

  it('goes on while many clients say nothing', async () => {
    await using server = await serving();
    const silent = Array.from({ length: 50 }, () => connect({ path: server.path }).on('error', () => undefined));
    assert.equal((await ask(server.path)).status, 503);
    for (const socket of silent) socket.destroy();
  });
});
