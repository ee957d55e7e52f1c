import type { DiskRule } from '../model/policy.ts';
import type { DaemonStatus } from './daemon-status.ts';
import type { HealthSubject } from './health.ts';
import type { Ledger } from './ledger.ts';

/** What the metrics are made of. */
export interface MetricFacts {
  readonly status: DaemonStatus;
  readonly ledger: Ledger;
  readonly rule: DiskRule;
  readonly version: string;
  readonly process: { readonly rssBytes: number; readonly cpuSeconds: number; readonly startedAtSeconds: number };
}

/** One family of figures; by labels where there are several, null where nothing is known. */
export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly read: (facts: MetricFacts) => number | boolean | null | ReadonlyMap<string, number>;
}

/** Everything that `/metrics` tells, in its order; `docs/metrics.md` has the same table. */
export const METRICS: readonly Metric[] = [
  gauge('imagegc_build_info', 'The version that runs.', ({ version }) => label('version', version)),
  gauge(
    'imagegc_engine_up',
    'Whether an engine is watched and answers.',
    ({ status }) => status.engine !== null && isWell(status, 'engine'),
  ),
  gauge('imagegc_engine_info', 'The engine that is watched.', ({ status: { engine } }) =>
    engine === null ? null : label('engine', engine),
  ),
  gauge('imagegc_ready', 'Whether everything on the engine was looked at.', ({ status }) => status.isReady),
  gauge('imagegc_store_up', 'Whether the store can be read and written.', ({ status }) => isWell(status, 'store')),
  gauge('imagegc_settings_ok', 'Whether the settings could be read when they were last read.', ({ status }) => isWell(status, 'settings')),
  gauge('imagegc_collecting', 'Whether a collection is under way.', ({ status, ledger }) => status.isCollecting || ledger.underWay > 0),
  gauge('imagegc_lock_held_by_others', 'Whether the last collection met another collector.', ({ ledger }) => ledger.isLockHeld),
  counter('imagegc_runs_total', 'Collections tried, by why they began and how they ended.', ({ ledger }) => ledger.runs),
  counter('imagegc_run_seconds_total', 'Time that collections took.', ({ ledger }) => ledger.runSeconds),
  counter('imagegc_run_failures_total', 'Collections that failed or were refused, by reason.', ({ ledger }) => ledger.failures),
  gauge('imagegc_last_run_seconds', 'How long the last collection took.', ({ ledger }) => secondsOf(ledger.marks.at(-1)?.durationMs)),
  gauge(
    'imagegc_last_run_target_bytes',
    'What the disk rule asked of it; 0 is nothing.',
    ({ ledger }) => ledger.marks.at(-1)?.targetBytes ?? null,
  ),
  gauge('imagegc_last_run_freed_bytes', 'What its removals freed.', ({ ledger }) => ledger.marks.at(-1)?.freedBytes ?? null),
  gauge(
    'imagegc_last_success_timestamp_seconds',
    'When a scheduled collection last came to its end; before the first, when the daemon first saw the engine.',
    (facts) => secondsOf(facts.status.lastRunAt),
  ),
  gauge('imagegc_next_run_timestamp_seconds', 'When the next one is due.', ({ status }) => secondsOf(status.nextRunAt)),
  counter('imagegc_removals_total', 'Removals of images tried, by rule and outcome.', ({ ledger }) => ledger.removals),
  counter('imagegc_container_removals_total', 'Removals of exited containers tried, by outcome.', ({ ledger }) => ledger.containers),
  counter('imagegc_freed_bytes_total', 'Bytes of the images that were removed.', ({ ledger }) => ledger.freedBytes),
  counter(
    'imagegc_build_cache_pruned_bytes_total',
    'Bytes that the engine pruned from its build cache.',
    ({ ledger }) => ledger.cachePrunedBytes,
  ),
  gauge('imagegc_images', 'Images by verdict and reason, as of the last look.', ({ ledger }) => ledger.seen?.images ?? null),
  gauge(
    'imagegc_image_bytes',
    'Their bytes; each layer counts once, for the strongest reason that keeps it.',
    ({ ledger }) => ledger.seen?.bytes ?? null,
  ),
  gauge('imagegc_oldest_idle_seconds', 'How long the image that was not used for the longest was not used.', ({ ledger }) =>
    secondsOf(ledger.seen?.oldestIdleMs),
  ),
  gauge('imagegc_look_timestamp_seconds', 'When the images were last looked at.', ({ ledger }) => secondsOf(ledger.seen?.at)),
  gauge('imagegc_disk_capacity_bytes', 'Size of the filesystem of the images.', ({ ledger }) => diskOf(ledger)?.capacityBytes ?? null),
  gauge('imagegc_disk_used_bytes', 'What of it is used, by whatever.', ({ ledger }) => diskOf(ledger)?.usedBytes ?? null),
  gauge('imagegc_disk_available_bytes', 'What an ordinary user may still write.', ({ ledger }) => diskOf(ledger)?.availableBytes ?? null),
  gauge('imagegc_disk_used_ratio', 'The share that is used, as df shows it.', ({ ledger }) => usedRatio(ledger)),
  gauge('imagegc_disk_high_ratio', 'rules.disk.high: room is made from here on.', ({ rule }) => rule.highFraction),
  gauge('imagegc_disk_low_ratio', 'rules.disk.low: and down to here.', ({ rule }) => rule.lowFraction),
  gauge('imagegc_disk_target_unmet', 'Whether the disk rule asks for more than may be removed.', ({ status }) => !isWell(status, 'disk')),
  counter('imagegc_events_total', 'Events that the engine told.', ({ status, ledger }) => ledger.events + (status.counts?.events ?? 0)),
  counter('imagegc_uses_total', 'Uses of images that they were.', ({ status, ledger }) => ledger.uses + (status.counts?.uses ?? 0)),
  gauge('imagegc_unwritten_uses', 'Uses that wait for the store.', ({ status }) => status.counts?.pending ?? 0),
  counter(
    'imagegc_event_streams_total',
    'Streams of events begun: anew, or resumed where the last one stood, so that what was missed is told.',
    ({ ledger }) => ledger.streams,
  ),
  counter(
    'imagegc_event_streams_lost_total',
    'Streams that ended because the engine hung, went or failed.',
    ({ ledger }) => ledger.lostStreams,
  ),
  gauge('process_start_time_seconds', 'When this process was started.', (facts) => facts.process.startedAtSeconds),
  gauge('process_resident_memory_bytes', 'Memory that it holds.', (facts) => facts.process.rssBytes),
  counter('process_cpu_seconds_total', 'Processor time that it took.', (facts) => facts.process.cpuSeconds),
];

/**
 * Writes all that is known.
 *
 * @see Prometheus text exposition format 0.0.4
 */
export function formatMetrics(facts: MetricFacts): string {
  return METRICS.map(({ name, type, help, read }) => {
    const value = read(facts);
    const samples = value instanceof Map ? [...value] : value === null ? [] : [['', Number(value)] as const];
    const lines = samples.map(([labels, figure]) => `${name}${labels === '' ? '' : `{${labels}}`} ${figure}\n`);
    return lines.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
  }).join('');
}

function gauge(name: string, help: string, read: Metric['read']): Metric {
  return { name, type: 'gauge', help, read };
}

function counter(name: string, help: string, read: Metric['read']): Metric {
  return { name, type: 'counter', help, read };
}

function isWell({ problems }: DaemonStatus, subject: HealthSubject): boolean {
  return !problems.some((problem) => problem.subject === subject);
}

function label(name: string, value: string): ReadonlyMap<string, number> {
  const escaped = value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return new Map([[`${name}="${escaped}"`, 1]]);
}

function secondsOf(ms: number | null | undefined): number | null {
  return ms == null ? null : ms / 1_000;
}

function diskOf({ trail }: Ledger) {
  return trail.samples.at(-1)?.disk;
}

function usedRatio(ledger: Ledger): number | null {
  const disk = diskOf(ledger);
  return disk === undefined ? null : disk.usedBytes / Math.max(1, disk.usedBytes + disk.availableBytes);
}
