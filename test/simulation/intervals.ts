/** How sure it is what next-use is worth: ratios to lru with their intervals, and over traces (docs/policy.md). */
import { simulate } from '../../src/simulate/simulation.ts';
import { measureTrace } from '../../src/simulate/trace.ts';
import { diskBytes, NAMED_TRACES, type NamedTrace, replayPaired, total } from './paired-replay.ts';
import { bootstrapRatio, geometricMean, type Interval, ratioOf, signedRank } from './statistics.ts';

const PARTS = [0.25, 0.5, 0.75, 1, 1.5, 2] as const;
/** Two weeks: with one, intervals of synthetic histories hold the truth less often (`statistics.test.ts`). */
const BOOTSTRAP = { blockDays: 14, draws: 2_000, seed: 1 } as const;
/** Of fewer weeks an interval would say too much. */
const LEAST_DAYS = 16 * 7;
/** Up to here the ratio is what matters; on larger disks both orders pull next to nothing again. */
const PARTS_JUDGED = 4;
const RANDOM_SEEDS = 10;

/** Both orders on one disk. */
export interface Cell {
  /** 1: neither pulled anything again. */
  readonly ratio: number;
  readonly isNothing: boolean;
  /** Null: the history is too short. */
  readonly interval: Interval | null;
}

/** One trace on all disks. */
export interface TraceRow {
  readonly trace: Pick<NamedTrace, 'name' | 'kind' | 'isReal'>;
  readonly weeks: number;
  readonly cells: readonly Cell[];
}

/** Replays a trace on disks of every size. */
export function judgeTrace(named: NamedTrace): TraceRow {
  const trace = named.make();
  const facts = measureTrace(trace);
  let days = 0;
  const cells = PARTS.map((part): Cell => {
    const paired = replayPaired(trace, facts, diskBytes(facts, part));
    days = paired.ours.length;
    const [ours, plain] = [total(paired.ours), total(paired.plain)];
    const interval = days < LEAST_DAYS ? null : bootstrapRatio(paired, BOOTSTRAP);
    return { ratio: ratioOf(ours, plain), isNothing: ours === 0 && plain === 0, interval };
  });
  return { trace: named, weeks: days / 7, cells };
}

/** A row of the first table. */
export function tellTrace({ trace, weeks, cells }: TraceRow): string {
  const told = cells.map(({ ratio, isNothing, interval }) => {
    if (isNothing) return '–';
    return interval === null ? tellRatio(ratio) : `${tellRatio(ratio)} (${tellRatio(interval.low)}–${tellRatio(interval.high)})`;
  });
  return `| ${trace.name} | ${weeks.toFixed(0)} | ${told.join(' | ')} |`;
}

function tellRatio(ratio: number): string {
  return Number.isFinite(ratio) ? ratio.toFixed(2) : '∞';
}

/** Rows of the second table: the ratios of one disk, or of all up to 1 W, over traces. */
function tellAcross(rows: readonly TraceRow[]): readonly string[] {
  const real = rows.filter(({ trace }) => trace.isReal);
  const byPart = PARTS.map((part, at) => ({ size: `${part} W`, ratioIn: ({ cells }: TraceRow) => cells[at]?.ratio ?? Number.NaN }));
  const judged = (row: TraceRow): number => geometricMean(row.cells.slice(0, PARTS_JUDGED).map(({ ratio }) => ratio));
  return [...byPart, { size: '.25 to 1 W', ratioIn: judged }].map(({ size, ratioIn }) => {
    const ratios = rows.map(ratioIn);
    const worst = rows.reduce((one, other) => (ratioIn(other) > ratioIn(one) ? other : one));
    const kinds = [...new Set(rows.map(({ trace }) => trace.kind))].map((kind) =>
      geometricMean(rows.filter(({ trace }) => trace.kind === kind).map(ratioIn)),
    );
    const tests = [real.map(ratioIn), kinds].map((tested) => signedRank(tested.map(Math.log)));
    const figures = [geometricMean(real.map(ratioIn)), geometricMean(ratios)].map(tellRatio);
    const told = tests.map(({ count, p }) => (count === 0 ? '–' : `${p < 0.01 ? p.toFixed(4) : p.toFixed(2)} (${count})`));
    return `| ${size} | ${[...figures, `${tellRatio(ratioIn(worst))} (${worst.trace.name})`, ...told].join(' | ')} |`;
  });
}

/** Rows of the third table: what a policy that goes by chance pulls again in GB, the mean of ten seeds and their standard deviation. */
function tellRandom({ name, make }: NamedTrace): string {
  const trace = make();
  const facts = measureTrace(trace);
  const told = PARTS.map((part) => {
    const capacities = [{ text: '', bytes: diskBytes(facts, part) }];
    const gigabytes = Array.from({ length: RANDOM_SEEDS }, (_, at) => {
      const [result] = simulate({ trace, facts, capacities, policies: ['random'], seed: at + 1, onProgress: () => undefined });
      return (result?.repulledBytes ?? Number.NaN) / 1e9;
    });
    const mean = gigabytes.reduce((sum, each) => sum + each, 0) / RANDOM_SEEDS;
    const variance = gigabytes.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (RANDOM_SEEDS - 1);
    return `${mean.toFixed(1)} ± ${Math.sqrt(variance).toFixed(1)}`;
  });
  return `| ${name} | ${told.join(' | ')} |`;
}

/** All tables. @param say is given them line by line */
export function tellIntervals(traces: readonly NamedTrace[], say: (line: string) => void): void {
  say(`| next-use / lru | weeks | ${PARTS.map((part) => `${part} W`).join(' | ')} |`);
  say(`|---|--:|${PARTS.map(() => '--:|').join('')}`);
  const rows = traces.map((trace) => {
    const row = judgeTrace(trace);
    say(tellTrace(row));
    return row;
  });
  say('');
  say('| disk | mean of the two real | mean of all | worst | p, two real | p, kinds of host |');
  say('|---|--:|--:|---|--:|--:|');
  for (const line of tellAcross(rows)) say(line);
  say('');
  say(`| random, GB | ${PARTS.map((part) => `${part} W`).join(' | ')} |`);
  say(`|---|${PARTS.map(() => '--:|').join('')}`);
  for (const trace of traces) if (trace.isReal) say(tellRandom(trace));
}

if (import.meta.main) tellIntervals(NAMED_TRACES, console.log);
