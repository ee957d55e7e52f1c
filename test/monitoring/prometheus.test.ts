/** What is shipped for Prometheus and Grafana, tried on a Prometheus of its own that scrapes a daemon. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { acquireEngineLock, isHeld } from '../../src/runtime/engine-lock.ts';
import { MemoryEngine } from '../../src/runtime/memory/memory-engine.ts';
import { PROJECT_ROOT } from '../code/project-files.ts';
import { until } from '../e2e/daemon-process.ts';
import { type ServedDaemon, serveDaemon } from '../worlds/served-daemon.ts';
import { DAY_MS, HOUR_MS, MB } from '../worlds/world.ts';
import { ALERT_RULES, askPrometheus, type Prometheus, PROMETHEUS_MISSING as skip, startPrometheus } from './prometheus-server.ts';

const RULE_TESTS = join(PROJECT_ROOT, 'test/fixtures/monitoring/imagegc-alerts.test.yml');
const DASHBOARD = join(PROJECT_ROOT, 'packaging/grafana/imagegc.json');
const ENGINE_ID = `monitored-${process.pid}`;
const READY_LIMIT_MS = 60_000;

const run = promisify(execFile);

test('every alert rule has a test of its own', () => {
  const names = (path: string, key: RegExp) => new Set([...readFileSync(path, 'utf8').matchAll(key)].map(([, name]) => name));
  assert.deepEqual(names(RULE_TESTS, /alertname: (Imagegc\w+)/g), names(ALERT_RULES, /- alert: (\w+)/g));
});

test('promtool finds nothing wrong with the alert rules, and each fires when it shall and not before', { skip }, async () => {
  assert.match((await run('promtool', ['check', 'rules', ALERT_RULES])).stdout, /SUCCESS: 10 rules found/);
  assert.match((await run('promtool', ['test', 'rules', RULE_TESTS])).stdout, /SUCCESS/);
});

test('promtool finds nothing wrong with the metrics, and every panel of the dashboard has data', { skip }, async (t) => {
  await using daemon = await serveDaemon(engineWithImages(), ['--rules-disk-high', '85%', '--rules-disk-low', '80%']);
  await using prometheus = await startPrometheus([daemon.address]);
  await until(() => queryCount(prometheus, 'imagegc_ready == 1'), Boolean, READY_LIMIT_MS);
  await liveThrough(daemon);
  const metrics = await (await fetch(`${daemon.address}/metrics`)).text();
  assert.equal(checkMetrics(metrics), '');
  assert.match(metrics, /imagegc_runs_total\{kind="scheduled",result="removed"\} 1\n/);
  assert.match(metrics, /imagegc_run_failures_total\{reason="lock-held"\} [1-9]/);
  assert.match(metrics, /imagegc_removals_total\{rule="unused-for",outcome="removed"\} 19\n/);
  const queries = readQueries();
  for (const { title, expr } of queries) {
    const series = await until(() => queryCount(prometheus, expr), Boolean, READY_LIMIT_MS).catch(() => 0);
    assert.ok(series > 0, `no data for the panel "${title}": ${expr}`);
  }
  const { groups } = v.parse(ruleAnswer, await askPrometheus(prometheus, '/api/v1/rules')).data;
  const health = groups.flatMap(({ rules }) => rules).map((rule) => rule.health);
  assert.ok(health.length === 10 && health.every((word) => word === 'ok' || word === 'unknown'), health.join());
  t.diagnostic(`${queries.length} queries, ${metrics.split('\n').length} lines of metrics`);
});

/** Twenty images of 300 MB, the first of which a container needs, on a disk of 10 GB. */
function engineWithImages(): MemoryEngine {
  const engine = new MemoryEngine({ engineId: ENGINE_ID, capacityBytes: 10_000 * MB });
  for (let index = 0; index < 20; index += 1) {
    const repository = `docker.io/shop/app${index}`;
    const digests = [`${repository}@sha256:${String(index).padStart(64, '0')}`];
    engine.addImage({ layers: [[`app${index}`, 300 * MB]], references: [`${repository}:1`], digests });
  }
  engine.createContainer({ image: 'shop/app0:1', name: 'web' });
  return engine;
}

/** A run that meets another collector, one that removes what is old, and a stream that broke. */
async function liveThrough(daemon: ServedDaemon): Promise<void> {
  const other = await acquireEngineLock(ENGINE_ID, { pid: process.pid, command: 'another collector', startedAt: null });
  assert.ok(!isHeld(other));
  daemon.pass(8 * DAY_MS);
  await until(
    async () => daemon.log(),
    (log) => log.includes('another collector'),
  );
  other.release();
  daemon.pass(DAY_MS);
  const says = (line: RegExp) =>
    until(
      async () => daemon.log(),
      (log) => line.test(log),
    );
  await says(/scheduled runs wait for 1h/);
  daemon.pass(2 * HOUR_MS);
  await says(/19 removed/);
  daemon.engine.events.breakStreams({ isForgotten: false });
  daemon.engine.createContainer({ image: 'shop/app0:1' });
}

function checkMetrics(metrics: string): string {
  const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], { input: metrics, encoding: 'utf8' });
  return status === 0 ? `${stdout}${stderr}` : `status ${status}: ${stdout}${stderr}`;
}

const queryAnswer = v.object({ status: v.literal('success'), data: v.object({ result: v.array(v.unknown()) }) });
const ruleAnswer = v.object({ data: v.object({ groups: v.array(v.object({ rules: v.array(v.object({ health: v.string() })) })) }) });

/** How many series it has; 0 while it is not ready. */
async function queryCount(prometheus: Prometheus, expr: string): Promise<number> {
  const answer = v.safeParse(
    queryAnswer,
    await askPrometheus(prometheus, `/api/v1/query?query=${encodeURIComponent(expr)}`).catch(() => null),
  );
  return answer.success ? answer.output.data.result.length : 0;
}

const dashboard = v.object({ panels: v.array(v.object({ title: v.string(), targets: v.array(v.object({ expr: v.string() })) })) });

/** As Grafana asks them, with its variables in. */
function readQueries(): readonly { readonly title: string; readonly expr: string }[] {
  const { panels } = v.parse(dashboard, JSON.parse(readFileSync(DASHBOARD, 'utf8')));
  const fill = (expr: string): string => expr.replaceAll('$instance', '.+').replaceAll('$__rate_interval', '1m');
  return panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ title, expr: fill(expr) })));
}
