import type { DiskUsage } from '../model/inventory.ts';
import type { DiskRule } from '../model/policy.ts';
import type { DaemonStatus } from './daemon-status.ts';
import type { HealthProblem, HealthSubject } from './health.ts';
import type { Ledger, RunMark, SeenImages } from './ledger.ts';

const LAST_SUCCESS = 'When a scheduled collection last came to its end; before the first, when the daemon first saw the engine.';

/** What the metrics are made of. */
export interface MetricFacts {
  /** One at least: a host on which none was found yet has one that was never there. */
  readonly engines: readonly EngineFacts[];
  /** What is wrong on the host, with whatever engine. */
  readonly problems: readonly HealthProblem[];
  readonly rule: DiskRule;
  readonly version: string;
  readonly process: { readonly rssBytes: number; readonly cpuSeconds: number; readonly startedAtSeconds: number };
}

/** What is told of one engine. */
export interface EngineFacts {
  readonly address: string;
  readonly status: DaemonStatus;
  readonly ledger: Ledger;
}

/** The same of one engine, taken apart. */
interface Figures extends EngineFacts, Pick<MetricFacts, 'rule' | 'version' | 'process'> {
  readonly disk: DiskUsage | undefined;
  readonly lastRun: RunMark | undefined;
  readonly seen: SeenImages | null;
  readonly isWell: (subject: HealthSubject) => boolean;
}

/** One family of figures; by labels where there are several, null or undefined where nothing is known. */
export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  /** Whether it is the same for all engines; else each has its own. */
  readonly isOfHost?: boolean;
  readonly read: (figures: Figures) => number | boolean | null | undefined | ReadonlyMap<string, number>;
}

/** Everything that `/metrics` tells, in its order; `docs/metrics.md` has the same table. */
export const METRICS: readonly Metric[] = [
  ofHost(gauge('imagegc_build_info', 'The version that runs.', ({ version }) => label('version', version))),
  gauge('imagegc_engine_up', 'Whether an engine is watched and answers.', (of) => of.status.engine !== null && of.isWell('engine')),
  gauge('imagegc_engine_info', 'The engine that is watched.', ({ status: { engine } }) =>
    engine === null ? null : label('engine', engine),
  ),
  gauge('imagegc_ready', 'Whether everything on the engine was looked at.', ({ status }) => status.isReady),
  ofHost(gauge('imagegc_store_up', 'Whether the store can be read and written.', ({ isWell }) => isWell('store'))),
  ofHost(gauge('imagegc_settings_ok', 'Whether the settings could be read when they were last read.', ({ isWell }) => isWell('settings'))),
  gauge('imagegc_collecting', 'Whether a collection is under way.', ({ status, ledger }) => status.isCollecting || ledger.underWay > 0),
  gauge('imagegc_lock_held_by_others', 'Whether the last collection met another collector.', ({ ledger }) => ledger.isLockHeld),
  counter('imagegc_runs_total', 'Collections tried, by why they began and how they ended.', ({ ledger }) => ledger.runs),
  counter('imagegc_run_seconds_total', 'Time that collections took.', ({ ledger }) => ledger.runSeconds),
  counter('imagegc_run_failures_total', 'Collections that failed or were refused, by reason.', ({ ledger }) => ledger.failures),
  gauge('imagegc_last_run_seconds', 'How long the last collection took.', ({ lastRun }) => secondsOf(lastRun?.durationMs)),
  gauge('imagegc_last_run_target_bytes', 'What the disk rule asked of it; 0 is nothing.', ({ lastRun }) => lastRun?.targetBytes),
  gauge('imagegc_last_run_freed_bytes', 'What its removals freed.', ({ lastRun }) => lastRun?.freedBytes),
  gauge('imagegc_last_success_timestamp_seconds', LAST_SUCCESS, ({ status }) => secondsOf(status.lastRunAt)),
  gauge('imagegc_next_run_timestamp_seconds', 'When the next one is due.', ({ status }) => secondsOf(status.nextRunAt)),
  counter('imagegc_removals_total', 'Removals of images tried, by rule and outcome.', ({ ledger }) => ledger.removals),
  counter('imagegc_container_removals_total', 'Removals of exited containers tried, by outcome.', ({ ledger }) => ledger.containers),
  counter('imagegc_freed_bytes_total', 'Bytes of the images that were removed.', ({ ledger }) => ledger.freedBytes),
  counter('imagegc_build_cache_pruned_bytes_total', 'Bytes pruned from the build cache.', ({ ledger }) => ledger.cachePrunedBytes),
  gauge('imagegc_images', 'Images by verdict and reason, as of the last look.', ({ seen }) => seen?.images),
  gauge('imagegc_image_bytes', 'Their bytes; each layer counts once, for the strongest reason that keeps it.', ({ seen }) => seen?.bytes),
  gauge('imagegc_oldest_idle_seconds', 'How long the longest unused image was not used.', ({ seen }) => secondsOf(seen?.oldestIdleMs)),
  gauge('imagegc_look_timestamp_seconds', 'When the images were last looked at.', ({ seen }) => secondsOf(seen?.at)),
  gauge('imagegc_disk_capacity_bytes', 'Size of the filesystem of the images.', ({ disk }) => disk?.capacityBytes),
  gauge('imagegc_disk_used_bytes', 'What of it is used, by whatever.', ({ disk }) => disk?.usedBytes),
  gauge('imagegc_disk_available_bytes', 'What an ordinary user may still write.', ({ disk }) => disk?.availableBytes),
  gauge('imagegc_disk_used_ratio', 'The share that is used, as df shows it.', ({ disk }) => disk && usedRatio(disk)),
  ofHost(gauge('imagegc_disk_high_ratio', 'rules.disk.high: room is made from here on.', ({ rule }) => rule.highFraction)),
  ofHost(gauge('imagegc_disk_low_ratio', 'rules.disk.low: and down to here.', ({ rule }) => rule.lowFraction)),
  gauge('imagegc_disk_target_unmet', 'Whether the disk rule asks for more than may be removed.', ({ isWell }) => !isWell('disk')),
  counter('imagegc_events_total', 'Events that the engine told.', ({ status, ledger }) => ledger.events + (status.counts?.events ?? 0)),
  counter('imagegc_uses_total', 'Uses of images that they were.', ({ status, ledger }) => ledger.uses + (status.counts?.uses ?? 0)),
  gauge('imagegc_unwritten_uses', 'Uses that wait for the store.', ({ status }) => status.counts?.pending ?? 0),
  counter('imagegc_event_streams_total', 'Streams of events begun, by where they start.', ({ ledger }) => ledger.streams),
  counter('imagegc_event_streams_lost_total', 'Those that ended as the engine hung, went or failed.', ({ ledger }) => ledger.lostStreams),
  ofHost(gauge('process_start_time_seconds', 'When this process was started.', (of) => of.process.startedAtSeconds)),
  ofHost(gauge('process_resident_memory_bytes', 'Memory that it holds.', (of) => of.process.rssBytes)),
  ofHost(counter('process_cpu_seconds_total', 'Processor time that it took.', (of) => of.process.cpuSeconds)),
];

/**
 * Writes all that is known. Where there are several engines, what is told of one carries its address.
 *
 * @see Prometheus text exposition format 0.0.4
 */
export function formatMetrics(facts: MetricFacts): string {
  const figures = facts.engines.map((engine) => figuresOf(engine, facts));
  return METRICS.map(({ name, type, help, isOfHost = false, read }) => {
    const lines = (isOfHost ? figures.slice(0, 1) : figures).flatMap((of) => {
      const value = read(of);
      const samples = value instanceof Map ? [...value] : value == null ? [] : [['', Number(value)] as const];
      const address = isOfHost || figures.length === 1 ? [] : [labelOf('address', of.address)];
      return samples.map(([labels, figure]) => {
        const all = [...address, labels].filter((each) => each !== '').join(',');
        return `${name}${all === '' ? '' : `{${all}}`} ${figure}\n`;
      });
    });
    return lines.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
  }).join('');
}

function figuresOf(engine: EngineFacts, { problems, rule, version, process }: MetricFacts): Figures {
  const { trail, marks, seen } = engine.ledger;
  const isWell = (subject: HealthSubject): boolean =>
    ![...engine.status.problems, ...problems.filter(isOfAll)].some((problem) => problem.subject === subject);
  return { ...engine, rule, version, process, disk: trail.samples.at(-1)?.disk, lastRun: marks.at(-1), seen, isWell };
}

/** There is one store for all, and one set of settings. */
function isOfAll({ subject }: HealthProblem): boolean {
  return subject === 'store' || subject === 'settings';
}

function ofHost(metric: Metric): Metric {
  return { ...metric, isOfHost: true };
}

function gauge(name: string, help: string, read: Metric['read']): Metric {
  return { name, type: 'gauge', help, read };
}

function counter(name: string, help: string, read: Metric['read']): Metric {
  return { name, type: 'counter', help, read };
}

function label(name: string, value: string): ReadonlyMap<string, number> {
  return new Map([[labelOf(name, value), 1]]);
}

function labelOf(name: string, value: string): string {
  return `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

function secondsOf(ms: number | null | undefined): number | null {
  return ms == null ? null : ms / 1_000;
}

function usedRatio({ usedBytes, availableBytes }: DiskUsage): number {
  return usedBytes / Math.max(1, usedBytes + availableBytes);
}
