import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSocketServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { OperatingError, type OperatingErrorKind } from '../../model/error.ts';
import { imagePath } from '../engine-client.ts';
import { openEngineAt } from '../open-engine.ts';
import { openDocker } from './docker-runtime.ts';

const INFO = { ID: 'engine', Driver: 'overlay2', DockerRootDir: '/nowhere', ServerVersion: '28.0.0' };
let directory: string;
let made = 0;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'imagegc-client-'));
  // The test without permission acts as another user, who must reach the socket to be refused at it.
  await chmod(directory, 0o755);
});
after(() => rm(directory, { recursive: true }));

test('imagePath() escapes what a URL could misread and keeps the slashes of a name', () => {
  assert.equal(imagePath('host:5000/a/b:1'), '/images/host%3A5000/a/b%3A1');
  assert.equal(imagePath('a?force=1#'), '/images/a%3Fforce%3D1%23');
});

test('openDocker() speaks the newest version that both sides know', async () => {
  for (const [theirs, spoken] of [
    ['1.41', 'v1.41'],
    ['1.9', null],
    ['1.40', null],
    ['1.51', 'v1.51'],
    ['1.99', 'v1.51'],
    ['2.0', 'v1.51'],
  ] as const) {
    const asked: string[] = [];
    await using server = await serve((incoming, outgoing) => {
      asked.push(incoming.url ?? '');
      outgoing.setHeader('api-version', theirs).end(JSON.stringify(INFO));
    });
    const opening = openDocker({ socketPath: server.socketPath });
    if (spoken === null) await assert.rejects(opening, checkError('engine-refused', /1\.41 is needed/));
    else (await opening).close();
    assert.deepEqual(asked, spoken === null ? ['/_ping'] : ['/_ping', `/${spoken}/info`]);
  }
});

test('openDocker() says that there is no socket, or that nothing listens', async () => {
  const missing = join(directory, 'missing.sock');
  await assert.rejects(openDocker({ socketPath: missing }), checkError('engine-unreachable', /no such socket/));
  await assert.rejects(openDocker({ socketPath: directory }), checkError('engine-unreachable', /nothing listens/));
});

test('openDocker() says that this user may not open the socket', async () => {
  await using server = await serve((_, outgoing) => outgoing.end());
  await chmod(server.socketPath, 0o600);
  await asNobody(server.socketPath, () => assert.rejects(openDocker(server), checkError('permission', /may not open/)));
});

test('openDocker() takes garbage for no engine', async () => {
  const answers: readonly RequestListener[] = [
    (_, outgoing) => outgoing.end('<html>hello</html>'),
    (_, outgoing) => outgoing.setHeader('api-version', 'new').end('{}'),
    (_, outgoing) => outgoing.setHeader('api-version', '1.51').end('<html>hello</html>'),
    (_, outgoing) => outgoing.setHeader('api-version', '1.51').end('{"ID":7}'),
  ];
  for (const answer of answers) {
    await using server = await serve(answer);
    await assert.rejects(openDocker(server), checkError('engine-nonsense', /./));
  }
  await using noise = await listen(createSocketServer((socket) => socket.resume().end('220 smtp.example ESMTP\r\n')));
  await assert.rejects(openDocker(noise), checkError('engine-nonsense', /not HTTP/));
});

test('openDocker() gives up on an engine that is silent, slow, or hangs up in the middle', async () => {
  const ping: RequestListener = (_, outgoing) => outgoing.setHeader('api-version', '1.51').end();
  const begun = (outgoing: Parameters<RequestListener>[1]) => outgoing.writeHead(200, { 'content-length': '1000' }).write('{');
  const answers: readonly (readonly [RequestListener, RegExp])[] = [
    [() => undefined, /no answer within 200 ms/],
    [(_, outgoing) => begun(outgoing), /no answer within 200 ms/],
    [(_, outgoing) => outgoing.destroy(), /closed before the answer was whole/],
    [(_, outgoing) => begun(outgoing) && outgoing.socket?.end(), /closed before the answer was whole/],
  ];
  for (const [answer, problem] of answers) {
    await using server = await serve((incoming, outgoing) => (incoming.url === '/_ping' ? ping : answer)(incoming, outgoing));
    await assert.rejects(openDocker({ ...server, timeoutMs: 200 }), checkError('engine-unreachable', problem));
  }
});

test('openEngineAt() takes what says so for Podman, whatever its socket is called, and all else for Docker', async () => {
  const info = {
    ...INFO,
    host: { security: { rootless: true } },
    store: { graphDriverName: 'overlay', graphRoot: '/home/me/storage' },
    version: { Version: '5.8.6' },
  };
  for (const headers of [{ 'api-version': '1.41', 'libpod-api-version': '5.8.6' }, { 'api-version': '1.41' }]) {
    await using server = await serve((_, outgoing) => outgoing.setHeaders(new Map(Object.entries(headers))).end(JSON.stringify(info)));
    const { identity } = await openEngineAt({ kind: 'unix', socketPath: server.socketPath });
    assert.deepEqual(
      [identity.name, identity.engineId],
      'libpod-api-version' in headers ? ['podman', 'podman/home/me/storage'] : ['docker', 'engine'],
    );
    if (identity.name === 'podman') assert.match(identity.title, /^podman 5\.8\.6 at unix:.*\(overlay, rootless\)$/);
  }
});

test('openDocker() passes on why an engine refuses', async () => {
  await using server = await serve((incoming, outgoing) => {
    outgoing.setHeader('api-version', '1.51');
    if (incoming.url === '/_ping') outgoing.end();
    else outgoing.writeHead(500).end('{"message":"the disk is on fire"}');
  });
  await assert.rejects(openDocker(server), checkError('engine-refused', /status 500: the disk is on fire/));
});

function checkError(kind: OperatingErrorKind, problem: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof OperatingError, String(error));
    assert.equal(error.kind, kind);
    assert.match(error.problem, problem);
    return true;
  };
}

interface Listening extends AsyncDisposable {
  readonly socketPath: string;
}

function serve(answer: RequestListener): Promise<Listening> {
  const server = createServer(answer);
  return listen(server, () => server.closeAllConnections());
}

async function listen(server: Server, hangUp: () => void = () => undefined): Promise<Listening> {
  made += 1;
  const socketPath = join(directory, `${made}.sock`);
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const close = async () => {
    hangUp();
    await new Promise((resolve) => server.close(resolve));
  };
  return { socketPath, [Symbol.asyncDispose]: close };
}

/** Root may open every socket, so it becomes nobody for a moment; an ordinary user takes its own permission away. */
async function asNobody(socketPath: string, action: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) {
    await chmod(socketPath, 0o000);
    return action();
  }
  process.seteuid?.(65_534);
  try {
    await action();
  } finally {
    process.seteuid?.(0);
  }
}
