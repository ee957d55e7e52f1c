import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readHostClock } from './clock-reading.ts';

const temporary = mkdtempSync(join(tmpdir(), 'imagegc-clock-'));
after(() => rmSync(temporary, { recursive: true }));

const WALL_MS = Date.UTC(2026, 0, 2);
const BOOT_ID = '0f4b6e1c-0000-4000-8000-0123456789ab';

/** A host that is up for 1,000 s, and where timesyncd last synchronised at that wall time. */
function hostWith(synchronisedMs: number | null, uptime = '1000.00 3.00\n'): string {
  const root = mkdtempSync(join(temporary, 'root-'));
  for (const directory of ['proc/sys/kernel/random', 'run/systemd/timesync']) mkdirSync(join(root, directory), { recursive: true });
  writeFileSync(join(root, 'proc/sys/kernel/random/boot_id'), `${BOOT_ID}\n`);
  writeFileSync(join(root, 'proc/uptime'), uptime);
  if (synchronisedMs !== null) {
    const path = join(root, 'run/systemd/timesync/synchronized');
    writeFileSync(path, '');
    utimesSync(path, synchronisedMs / 1_000, synchronisedMs / 1_000);
  }
  return root;
}

function isSynchronised(synchronisedMs: number | null): boolean {
  return readHostClock({ root: hostWith(synchronisedMs), monotonicMs: 1_000_000, wallMs: WALL_MS }).isSynchronised;
}

test('readHostClock() reads boot ID, boot time and wall clock', () => {
  assert.deepEqual(readHostClock({ root: hostWith(null), monotonicMs: 400_000, wallMs: WALL_MS }), {
    bootId: BOOT_ID,
    bootTimeMs: 1_000_000,
    suspendedMs: 600_000,
    wallMs: WALL_MS,
    isSynchronised: false,
  });
});

test('readHostClock() takes less than a second of difference for rounding, not for a suspend', () => {
  const root = hostWith(null);
  assert.equal(readHostClock({ root, monotonicMs: 999_001 }).suspendedMs, 0);
  assert.equal(readHostClock({ root, monotonicMs: 999_000 }).suspendedMs, 1_000);
});

test('readHostClock() does not let a container with an uptime of its own set the boot clock back', () => {
  const { bootTimeMs, suspendedMs } = readHostClock({ root: hostWith(null, '5.00 1.00\n'), monotonicMs: 700_000 });
  assert.deepEqual([bootTimeMs, suspendedMs], [700_000, 0]);
});

test('readHostClock() says that the boot is unknown where the kernel does not tell', () => {
  const { bootId, bootTimeMs } = readHostClock({ root: join(temporary, 'nothing'), monotonicMs: 5 });
  assert.deepEqual([bootId, bootTimeMs], [null, 5]);
});

test('readHostClock() knows the clock synchronised only by a mark from this boot', () => {
  assert.equal(isSynchronised(WALL_MS - 500_000), true);
  assert.equal(isSynchronised(null), false);
  assert.equal(isSynchronised(WALL_MS - 1_100_000), false);
});

test('readHostClock() does not know the clock synchronised when it was set back behind the mark', () => {
  assert.equal(isSynchronised(WALL_MS + 60_000), false);
});

test('readHostClock() reads this host: time passes, and not backwards', () => {
  const first = readHostClock();
  const second = readHostClock();
  assert.ok(first.bootTimeMs > 0 && second.bootTimeMs >= first.bootTimeMs);
  assert.ok(Number.isInteger(first.bootTimeMs) && Number.isInteger(first.suspendedMs));
  assert.equal(first.bootId, second.bootId);
});
