import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Ending, SimulatedDisk } from './simulated-disk.ts';
import type { Chance } from './simulated-file.ts';
import { parseSystemCalls, type SystemCall, stringsOf, TRACED } from './system-calls.ts';

const DRIVER = join(import.meta.dirname, 'power-cut-driver.ts');
const STDOUT = 1;

/** Why no process can be traced here; null when one can. */
export function findObstacle(): string | null {
  const { error, status, stderr } = spawnSync('strace', ['-f', '-o', '/dev/null', 'true'], { encoding: 'utf8' });
  if (error !== undefined) return 'needs strace (package strace)';
  return status === 0 ? null : `needs the right to trace a process: ${stderr.trim()}`;
}

/** Runs a scene of the driver in a directory, and tells every system call it made. @param root of all that it may change */
export function recordRun(scene: string, directory: string, root: string): readonly SystemCall[] {
  const log = `${root}.strace`;
  const options = ['-f', '-xx', '-s', '10000000', '-e', `trace=${TRACED}`, '-e', 'signal=none', '-o', log];
  const { status, stderr } = spawnSync('strace', [...options, process.execPath, DRIVER, scene, directory], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the driver ended with status ${status}: ${stderr}`);
  const calls = parseSystemCalls(readFileSync(log, 'latin1'));
  rmSync(log);
  return calls;
}

/** What the driver had said by some moment. */
export interface Acknowledged {
  /** The digest of the last write that had returned; null: none had. */
  readonly last: string | null;
  /** The digest of the next one, which may have been under way; null: there was none. */
  readonly next: string | null;
  readonly count: number;
}

/** A moment at which the power is cut. */
export interface Cut {
  readonly acknowledged: Acknowledged;
  /** How many calls were made before it. */
  readonly index: number;
  /** Writes what an ending leaves into an empty folder. */
  readonly restore: (ending: Ending, chance: Chance, folder: string) => void;
  /** The call's. */
  readonly name: string;
  /** Whether the next call is a sync. */
  readonly isBeforeSync: boolean;
  /** What is not durable, so that chance has a say. */
  readonly unsynced: SimulatedDisk['unsynced'];
}

/** Goes through a run and stops behind every call that concerns a file below the root, or acknowledges. @param disk as it was before */
export function* cutsOf(calls: readonly SystemCall[], disk: SimulatedDisk): Generator<Cut> {
  const said = calls.map(readAcknowledgement);
  const digests = said.filter((digest) => digest !== null);
  let count = 0;
  for (const [index, call] of calls.entries()) {
    const isAcknowledgement = said[index] !== null;
    if (!disk.follow(call) && !isAcknowledgement) continue;
    if (isAcknowledgement) count += 1;
    const acknowledged = { last: digests[count - 1] ?? null, next: digests[count] ?? null, count };
    const isBeforeSync = ['fsync', 'fdatasync'].includes(calls[index + 1]?.name ?? '');
    const restore: Cut['restore'] = (...given) => disk.restore(...given);
    yield { acknowledged, index, name: call.name, isBeforeSync, unsynced: disk.unsynced, restore };
  }
}

function readAcknowledgement(call: SystemCall): string | null {
  if (call.name !== 'write' || !call.args.startsWith(`${STDOUT}, `)) return null;
  return /^ack (\S+) /.exec(String(stringsOf(call)[0] ?? ''))?.[1] ?? null;
}
