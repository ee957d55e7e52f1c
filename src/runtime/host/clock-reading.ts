import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { durationMs, type WallMs, wallMs } from '../../model/brands.ts';
import type { ClockReading } from '../../model/clock.ts';
import { readOrNull } from '../../model/error.ts';

/** Where a reading comes from; tests put their own in. */
export interface HostClockSource {
  /** What stands before `/proc` and `/run`; empty on a host. */
  readonly root?: string;
  /** CLOCK_MONOTONIC, and the wall clock. */
  readonly monotonicMs?: number;
  readonly wallMs?: number;
}

const NANOSECONDS_PER_MS = 1_000_000n;
/** `/proc/uptime` counts hundredths and the clocks are read one after the other: less than this is no suspend. */
const SUSPEND_JITTER_MS = 1_000;
/** The wall clock is slewed while it runs, so that boot and now are known from it only roughly. */
const WALL_JITTER_MS = 2_000;

/**
 * Reads the host's clocks; about 0.1 ms. `docs/time.md` says what each is used for.
 *
 * @returns `bootId` null when the kernel does not tell it
 */
export function readHostClock(source: HostClockSource = {}): ClockReading {
  const { root = '/', monotonicMs = Number(process.hrtime.bigint() / NANOSECONDS_PER_MS), wallMs: wall = Date.now() } = source;
  // CLOCK_BOOTTIME is never behind CLOCK_MONOTONIC; where it seems so, /proc/uptime is a container's own (lxcfs) or missing.
  const bootTimeMs = Math.max(readUptimeMs(root), monotonicMs);
  const aheadMs = bootTimeMs - monotonicMs;
  return {
    bootId: readBootId(root),
    bootTimeMs: durationMs(bootTimeMs),
    suspendedMs: durationMs(aheadMs < SUSPEND_JITTER_MS ? 0 : aheadMs),
    wallMs: wallMs(wall),
    isSynchronised: isSynchronised(root, wallMs(wall), bootTimeMs),
  };
}

/** @returns the kernel's boot ID; null when it cannot be read */
export function readBootId(root = '/'): string | null {
  const id = readText(join(root, 'proc/sys/kernel/random/boot_id'))?.trim() ?? '';
  return /^[0-9a-f-]{36}$/.test(id) ? id : null;
}

/** `os.uptime()` reads the same file (libuv `uv_uptime`), in hundredths of a second. @returns 0 when it cannot be read */
function readUptimeMs(root: string): number {
  const [seconds] = (readText(join(root, 'proc/uptime')) ?? '').split(' ');
  return Math.round(Number.parseFloat(seconds ?? '') * 1_000) || 0;
}

/**
 * `systemd-timesyncd` touches this file at each successful synchronisation (systemd-timesyncd.service(8), since 239) and never
 * removes it. A stamp outside of boot..now is of another boot, or the wall clock was set by hand since: not known.
 */
function isSynchronised(root: string, wall: WallMs, bootTimeMs: number): boolean {
  const touched = readOrNull(() => statSync(join(root, 'run/systemd/timesync/synchronized')));
  return touched !== null && touched.mtimeMs >= wall - bootTimeMs - WALL_JITTER_MS && touched.mtimeMs <= wall + WALL_JITTER_MS;
}

function readText(path: string): string | null {
  return readOrNull(() => readFileSync(path, 'utf8'));
}
