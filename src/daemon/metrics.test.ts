import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DaemonWorld, MINUTE_MS } from '../../test/worlds/daemon-world.ts';
import { DAY_MS, HOUR_MS, NOW_MS, POLICY } from '../../test/worlds/world.ts';
import { bytes, wallMs } from '../model/brands.ts';
import { OperatingError } from '../model/error.ts';
import { DiskTrail } from './disk-trail.ts';
import { formatMetrics, METRICS } from './metrics.ts';

const PAGE = join(import.meta.dirname, '../../docs/metrics.md');

function metricsOf({ daemon }: DaemonWorld): string {
  const own = { rssBytes: 1, cpuSeconds: 0.5, startedAtSeconds: 2 };
  const engines = [{ address: 'unix:///memory', status: daemon.status(), ledger: daemon.ledger }];
  return formatMetrics({ engines, problems: [], rule: POLICY.disk, version: '1.2"\\', process: own });
}

describe('formatMetrics()', () => {
  it('counts runs by kind and result, removals by rule, failures by reason, and forgets images that are gone', async () => {
    const world = new DaemonWorld();
    world.pull('kept');
    world.engine.createContainer({ image: 'lab/kept:1', state: 'exited' });
    world.pull('old');
    await world.connect();
    world.pass(MINUTE_MS);
    await world.tick();
    assert.match(metricsOf(world), /imagegc_images\{verdict="keep",reason="in-use"\} 1\n/);
    await world.live(8 * 24);
    const text = metricsOf(world);
    assert.match(text, /imagegc_runs_total\{kind="scheduled",result="removed"\} 1\n/);
    assert.match(text, /imagegc_runs_total\{kind="scheduled",result="nothing"\} 7\n/);
    assert.match(text, /imagegc_runs_total\{kind="room",result="failed"\} 0\n/);
    assert.match(text, /imagegc_removals_total\{rule="unused-for",outcome="removed"\} 1\n/);
    assert.match(text, /imagegc_image_bytes\{verdict="keep",reason="in-use"\} 1010\n/);
    assert.match(text, /imagegc_freed_bytes_total 10\n/);
    assert.doesNotMatch(text, /imagegc_images\{verdict="remove",reason="unused-for"\} [1-9]/);
    assert.ok(text.includes('imagegc_build_info{version="1.2\\"\\\\"} 1\n'), text);
  });

  it('tells of a lock that is held, of a lost engine, and of what it counted before that', async () => {
    const world = new DaemonWorld();
    await world.connect();
    world.pull('app');
    const held = new OperatingError({ kind: 'lock-held', operation: 'collect', subject: 'engine', problem: 'held', hint: null });
    world.engine.onCall = ({ kind }) => {
      if (kind === 'listContainers') throw held;
    };
    world.pass(DAY_MS);
    await world.tick();
    const text = metricsOf(world);
    assert.match(text, /imagegc_lock_held_by_others 1\n/);
    assert.match(text, /imagegc_run_failures_total\{reason="lock-held"\} 1\n/);
    assert.match(text, /imagegc_runs_total\{kind="scheduled",result="refused"\} 1\n/);
    assert.match(text, /imagegc_events_total [1-9]/);
  });

  it('is as docs/metrics.md says', () => {
    const rows = METRICS.map(({ name, type, help }) => `| \`${name}\` | ${type} | ${help} |`);
    const table = ['| figure | type | meaning |', '|---|---|---|', ...rows].join('\n');
    assert.ok(readFileSync(PAGE, 'utf8').includes(table), `docs/metrics.md should hold:\n${table}`);
  });
});

describe('DiskTrail', () => {
  const disk = { capacityBytes: bytes(10), usedBytes: bytes(1), availableBytes: bytes(9), inodes: null, inodesUsed: null };

  it('is bounded for ever, and reaches back ten days with one sample in half an hour', () => {
    const trail = new DiskTrail();
    for (let ms = 0; ms < 60 * DAY_MS; ms += MINUTE_MS) if (trail.isDue(ms)) trail.add(ms, wallMs(NOW_MS + ms), disk);
    const { samples } = trail;
    const reach = (samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0);
    assert.ok(samples.length <= 480 && reach > 9.5 * DAY_MS && reach < 10.5 * DAY_MS, `${samples.length} samples, ${reach / HOUR_MS} h`);
  });

  it('keeps nothing of a disk that nobody knows', () => {
    const trail = new DiskTrail();
    trail.add(0, wallMs(NOW_MS), null);
    assert.deepEqual([trail.samples, trail.isDue(MINUTE_MS - 1), trail.isDue(MINUTE_MS)], [[], false, true]);
  });
});
