import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { formatOwnerMark, type OwnerMark, parseOwnerMark } from '../../model/hold.ts';
import { HOLD_AGE_MAX_SECONDS, judgeOwner, readOwnerMark } from './owner-mark.ts';

const temporary = mkdtempSync(join(tmpdir(), 'imagegc-owner-'));
after(() => rmSync(temporary, { recursive: true }));

const FIRST_NAMESPACE = 0xeffffffc;
const CONTAINER_NAMESPACE = 4_026_532_999;
const ME: OwnerMark = { boot: '0f4b6e1c', sinceSeconds: 5_000, pidNamespace: FIRST_NAMESPACE, pid: 100, startTicks: 40 };
const CONTAINED: OwnerMark = { boot: '0f4b6e1c', sinceSeconds: 4_990, pidNamespace: CONTAINER_NAMESPACE, pid: 7, startTicks: 77 };

/** A /proc with these processes; the second field of `stat` is hostile on purpose. */
function procWith(...processes: readonly { pid: number; ticks: number; namespace?: number | null; state?: string }[]): string {
  const root = mkdtempSync(join(temporary, 'root-'));
  mkdirSync(join(root, 'proc/self'), { recursive: true });
  for (const { pid, ticks, namespace = FIRST_NAMESPACE, state = 'S' } of processes) {
    const directory = join(root, 'proc', String(pid));
    mkdirSync(join(directory, 'ns'), { recursive: true });
    const fields = Array.from({ length: 18 }, () => '0').join(' ');
    writeFileSync(join(directory, 'stat'), `${pid} (a) S 1) ${state} ${fields} ${ticks} 1 2 3\n`);
    if (namespace !== null) symlinkSync(`pid:[${namespace}]`, join(directory, 'ns/pid'));
  }
  return root;
}

test('readOwnerMark() makes a mark that survives being written into a tag', () => {
  const mark = readOwnerMark();
  assert.equal(mark.pid, process.pid);
  assert.ok(mark.startTicks > 0 && mark.pidNamespace > 0);
  assert.deepEqual(parseOwnerMark(formatOwnerMark(mark)), mark);
});

test('judgeOwner() knows this process by a mark that it made earlier', () => {
  const mark = readOwnerMark();
  assert.equal(judgeOwner({ ...mark, sinceSeconds: mark.sinceSeconds - 5 }, mark), 'own');
});

test('judgeOwner() finds a running process alive, and dead once it was killed', async () => {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)']);
  await once(child.stdout, 'data');
  const me = readOwnerMark();
  const theirs = { ...me, pid: child.pid ?? 0, startTicks: startTicksOf(child.pid ?? 0, me) };
  assert.equal(judgeOwner(theirs, me), 'alive');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(judgeOwner(theirs, me), 'dead');
});

/** A process's start is found by trying: only the right one is judged alive. */
function startTicksOf(pid: number, me: OwnerMark): number {
  for (let ticks = me.startTicks; ticks < me.startTicks + 100_000; ticks += 1) {
    if (judgeOwner({ ...me, pid, startTicks: ticks }, me) === 'alive') return ticks;
  }
  return assert.fail('the process is not to be seen');
}

test('judgeOwner() takes an owner from another boot for dead', () => {
  assert.equal(judgeOwner({ ...ME, boot: 'ffffffff' }, ME, procWith({ pid: 100, ticks: 40 })), 'dead');
});

test('judgeOwner() compares the start of the process, for a PID is used again', () => {
  const root = procWith({ pid: 200, ticks: 60 });
  assert.equal(judgeOwner({ ...ME, pid: 200, startTicks: 60 }, ME, root), 'alive');
  assert.equal(judgeOwner({ ...ME, pid: 200, startTicks: 50 }, ME, root), 'dead');
  assert.equal(judgeOwner({ ...ME, pid: 201, startTicks: 60 }, ME, root), 'dead');
});

test('judgeOwner() takes a process that ended and was not reaped for dead', () => {
  assert.equal(judgeOwner({ ...ME, pid: 200, startTicks: 60 }, ME, procWith({ pid: 200, ticks: 60, state: 'Z' })), 'dead');
});

test('judgeOwner() finds the owner in a container from the host, by another PID', () => {
  const root = procWith({ pid: 100, ticks: 40 }, { pid: 3_333, ticks: 77, namespace: CONTAINER_NAMESPACE });
  assert.equal(judgeOwner(CONTAINED, ME, root), 'alive');
  assert.equal(judgeOwner(CONTAINED, ME, procWith({ pid: 100, ticks: 40 })), 'dead');
});

test('judgeOwner() does not know of another namespace from within one, until the hold is too old', () => {
  const inside = { ...ME, pidNamespace: 4_026_533_111 };
  const root = procWith({ pid: 1, ticks: 40, namespace: 4_026_533_111 });
  assert.equal(judgeOwner(CONTAINED, inside, root), 'unknown');
  const old = { ...inside, sinceSeconds: CONTAINED.sinceSeconds + HOLD_AGE_MAX_SECONDS };
  assert.equal(judgeOwner(CONTAINED, { ...old, sinceSeconds: old.sinceSeconds - 1 }, root), 'unknown');
  assert.equal(judgeOwner(CONTAINED, old, root), 'dead');
});

test('judgeOwner() does not know of a process whose namespace it may not read', () => {
  assert.equal(judgeOwner(CONTAINED, ME, procWith({ pid: 3_333, ticks: 77, namespace: null })), 'unknown');
});
