import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leastUptimeMs } from './uptime.ts';

const HOUR_MS = 3_600_000;

test('leastUptimeMs() takes the least that the words can mean', () => {
  const cases: [string, number | null][] = [
    ['Up Less than a second', null],
    ['Up 1 second', 0],
    ['Up 59 seconds', 0],
    ['Up About a minute', 60_000],
    ['Up 59 minutes', 59 * 60_000],
    ['Up About an hour', HOUR_MS],
    ['Up 2 hours (healthy)', 1.5 * HOUR_MS],
    ['Up 2 days', 48 * HOUR_MS],
    ['Up 3 weeks (Paused)', 21 * 24 * HOUR_MS],
    ['Exited (0) 3 hours ago', null],
    ['Restarting (1) 2 hours ago', null],
    ['Created', null],
    ['', null],
  ];
  for (const [status, least] of cases) assert.equal(leastUptimeMs(status), least, status);
});
