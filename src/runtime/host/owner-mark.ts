import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { readOrNull } from '../../model/error.ts';
import type { OwnerMark, OwnerState } from '../../model/hold.ts';
import { readBootId, readHostClock } from './clock-reading.ts';

/**
 * Longer than any batch is held: names are off for the settle time, two listings and the deletions of one batch. A mistaken `dead` costs
 * the other run its removal (it finds the names given back and lets the image be), never an image; a mistaken `alive` leaves names off. So
 * doubt ends with time.
 */
export const HOLD_AGE_MAX_SECONDS = 600;

/** Stands for a boot ID that cannot be read; it is nobody's. */
const UNKNOWN_BOOT = '00000000';
/** The kernel's first PID namespace, which sees every process (include/linux/proc_ns.h, PROC_PID_INIT_INO). */
const FIRST_PID_NAMESPACE = 0xeffffffc;

/** The mark of this process as of now; made anew for each batch, as its age counts from here. */
export function readOwnerMark(root = '/'): OwnerMark {
  return {
    boot: readBootId(root)?.slice(0, 8) ?? UNKNOWN_BOOT,
    sinceSeconds: Math.floor(readHostClock({ root }).bootTimeMs / 1_000),
    pidNamespace: readPidNamespace(root, 'self') ?? 0,
    pid: process.pid,
    startTicks: readProcess(root, 'self')?.startTicks ?? 0,
  };
}

/**
 * Whether the owner of a hold still lives.
 *
 * - Another boot: dead. (The engine is reached by a socket of this kernel; a collector in a virtual machine of its own, such as a
 *   Kata container, would be mistaken for dead.)
 * - Our PID namespace: alive while its PID runs and started when the mark says, else dead.
 * - Another namespace: searched among all processes, where we see them all; else unknown until the hold is too old.
 *
 * @param me the mark of this process, made now
 */
export function judgeOwner(mark: OwnerMark, me: OwnerMark, root = '/'): OwnerState {
  const isSameBoot = mark.boot === me.boot;
  if (!isSameBoot && mark.boot !== UNKNOWN_BOOT && me.boot !== UNKNOWN_BOOT) return 'dead';
  const isSameNamespace = mark.pidNamespace === me.pidNamespace && mark.pidNamespace !== 0;
  if (isSameBoot && isSameNamespace && mark.pid === me.pid && mark.startTicks === me.startTicks) return 'own';
  const found = isSameNamespace ? judgeByPid(mark, root) : judgeByNamespace(mark, me, root);
  if (found !== 'unknown') return found;
  const ageSeconds = me.sinceSeconds - mark.sinceSeconds;
  // A mark from the future is none that this boot clock wrote: as old as can be.
  return ageSeconds >= 0 && ageSeconds < HOLD_AGE_MAX_SECONDS ? 'unknown' : 'dead';
}

function judgeByPid(mark: OwnerMark, root: string): OwnerState {
  const found = readProcess(root, String(mark.pid));
  if (found !== null) return found.startTicks === mark.startTicks && !found.isDead ? 'alive' : 'dead';
  // With `hidepid` other users' processes are not to be seen in /proc, but a signal still finds them.
  return root === '/' && hasProcess(mark.pid) ? 'unknown' : 'dead';
}

function judgeByNamespace(mark: OwnerMark, me: OwnerMark, root: string): OwnerState {
  let isComplete = me.pidNamespace === FIRST_PID_NAMESPACE;
  for (const pid of readdirSync(join(root, 'proc')).filter((name) => /^[0-9]+$/.test(name))) {
    const found = readProcess(root, pid);
    if (found?.startTicks !== mark.startTicks || found.isDead) continue;
    const namespace = readPidNamespace(root, pid);
    if (namespace === mark.pidNamespace) return 'alive';
    // Started in the same tick, and we may not look whether it is the owner.
    if (namespace === null) isComplete = false;
  }
  return isComplete ? 'dead' : 'unknown';
}

/** @returns null when there is no such process, or it is hidden. `isDead`: ended, and not yet reaped */
function readProcess(root: string, pid: string): { readonly startTicks: number; readonly isDead: boolean } | null {
  const text = readOrNull(() => readFileSync(join(root, 'proc', pid, 'stat'), 'utf8')) ?? '';
  // The name before the last ")" may hold spaces and brackets (proc_pid_stat(5)); field 3 follows it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const startTicks = Number(fields[22 - 3]);
  return Number.isSafeInteger(startTicks) ? { startTicks, isDead: fields[0] === 'Z' || fields[0] === 'X' } : null;
}

function readPidNamespace(root: string, pid: string): number | null {
  const link = readOrNull(() => readlinkSync(join(root, 'proc', pid, 'ns/pid'))) ?? '';
  return Number(/\[([0-9]+)\]/.exec(link)?.[1] ?? Number.NaN) || null;
}

function hasProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
