import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { acquireEngineLock, type EngineLock, type HeldBy, isHeld, lockPath } from './engine-lock.ts';

const ME: HeldBy = { pid: process.pid, command: 'imagegc collect', startedAt: '2026-01-01T00:00:00Z' };
const SILENT: HeldBy = { pid: null, command: null, startedAt: null };
const MODULE = JSON.stringify(new URL('./engine-lock.ts', import.meta.url).href);

let engines = 0;
/** No two tests, and no two runs at once, meet. */
function newEngine(): string {
  engines += 1;
  return `test ${process.pid} ${engines}`;
}

async function acquire(engineId: string): Promise<EngineLock> {
  const lock = await acquireEngineLock(engineId, ME);
  return isHeld(lock) ? assert.fail('held') : lock;
}

/** Holds the lock's name with a server of its own. */
async function holdWith(engineId: string, answer: (socket: Socket) => void): Promise<Server> {
  const server = createServer(answer).listen({ path: lockPath(engineId) });
  await once(server, 'listening');
  return server;
}

test('acquireEngineLock() tells the second who holds the lock', async () => {
  const engine = newEngine();
  const lock = await acquire(engine);
  assert.deepEqual(await acquireEngineLock(engine, { ...ME, pid: 1 }), ME);
  lock.release();
});

test('acquireEngineLock() gives a lock that was released to the next at once', async () => {
  const engine = newEngine();
  (await acquire(engine)).release();
  (await acquire(engine)).release();
});

test('acquireEngineLock() keeps engines apart', async () => {
  const locks = [await acquire(newEngine()), await acquire(newEngine())];
  for (const lock of locks) lock.release();
});

test('acquireEngineLock() gives one of many that ask at once the lock', async () => {
  const engine = newEngine();
  const answers = await Promise.all(Array.from({ length: 20 }, () => acquireEngineLock(engine, ME)));
  const locks = answers.filter((answer): answer is EngineLock => !isHeld(answer));
  assert.equal(locks.length, 1);
  for (const lock of locks) lock.release();
});

test('acquireEngineLock() sees a holder in another process, and has the lock as soon as that one is killed', async () => {
  const engine = newEngine();
  const script = `const { acquireEngineLock } = await import(${MODULE});
    await acquireEngineLock(${JSON.stringify(engine)}, { pid: process.pid, command: 'other', startedAt: null });
    console.log('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  await once(createInterface(child.stdout), 'line');
  assert.deepEqual(await acquireEngineLock(engine, ME), { pid: child.pid, command: 'other', startedAt: null });
  child.kill('SIGKILL');
  await once(child, 'exit');
  (await acquire(engine)).release();
});

test('a lock does not keep its process alive', async () => {
  const script = `const { acquireEngineLock } = await import(${MODULE});
    await acquireEngineLock(${JSON.stringify(newEngine())}, { pid: 1, command: null, startedAt: null });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

const strangers: Readonly<Record<string, (socket: Socket) => void>> = {
  'is silent': () => {},
  'hangs up': (socket) => socket.end(),
  'answers without end': (socket) => socket.on('error', () => {}).write('x'.repeat(100_000)),
  'answers nonsense': (socket) => socket.end('{{{\n'),
  'answers in another form': (socket) => socket.end('{"pid":"many"}\n'),
};
for (const [name, answer] of Object.entries(strangers)) {
  test(`acquireEngineLock() says "held, by nobody knows whom" when the holder ${name}`, async () => {
    const engine = newEngine();
    const sockets: Socket[] = [];
    const server = await holdWith(engine, (socket) => {
      sockets.push(socket);
      answer(socket);
    });
    assert.deepEqual(await acquireEngineLock(engine, ME), SILENT);
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}
