/** What is left of next-use where what it learns from is poor, wrong or lost (docs/policy.md). */
import { isWorse } from '../../src/simulate/judge-order.ts';
import { measureTrace, type Trace } from '../../src/simulate/trace.ts';
import { DISTURBANCES, type Disturbance, Shrinking } from './disturbances.ts';
import { diskBytes, type MakePolicy, NAMED_TRACES, type NamedTrace, type PairedReplay, replayPaired, total } from './paired-replay.ts';
import { geometricMean, ratioOf } from './statistics.ts';

const PARTS = [0.25, 0.5, 0.75, 1] as const;
/** What the daemon's check goes by (judge-order.ts). */
const CHECKED_DAYS = 42;
/** Above this it is called worse. */
const WORSE_RATIO = 1.02;

/** A trace on all disks, under one disturbance. */
export interface DisturbedRow {
  readonly name: string;
  readonly isReal: boolean;
  /** Of bytes pulled again, next-use to lru, by part of the live set. */
  readonly ratios: readonly number[];
  /** The same where the daemon goes by lru when next-use was worse in the last six weeks. */
  readonly checked: readonly number[];
}

/** Replays a trace on disks of every size as the disturbance has it. @param trace what `named` makes, which takes a while */
export function disturb({ name, isReal }: NamedTrace, trace: Trace, { hostsOf, make, isHalved }: Disturbance): DisturbedRow {
  const hosts = hostsOf(trace).map((host) => ({ host, facts: measureTrace(host) }));
  const cells = PARTS.map((part) => {
    let [ours, plain, checked] = [0, 0, 0];
    for (const { host, facts } of hosts) {
      const bytes = diskBytes(facts, part);
      const makeHalved: MakePolicy = (order, of) => new Shrinking(make(order, of, bytes), bytes, of.uses.length / 2);
      const paired = isHalved ? replayPaired(host, facts, diskBytes(facts, part / 2), makeHalved) : replayPaired(host, facts, bytes, make);
      [ours, plain, checked] = [ours + total(paired.ours), plain + total(paired.plain), checked + total(goByCheck(paired, bytes))];
    }
    return { ratio: ratioOf(ours, plain), checked: ratioOf(checked, plain) };
  });
  return { name, isReal, ratios: cells.map(({ ratio }) => ratio), checked: cells.map(({ checked }) => checked) };
}

/** What is pulled again on a day by the order that the daemon's check would have chosen that day, as if that order had always been gone by. */
function goByCheck({ ours, plain }: PairedReplay, diskBytes: number): Float64Array {
  const before = (days: Float64Array, day: number): number => total(days.subarray(day - CHECKED_DAYS, day));
  return ours.map((bytes, day) =>
    day >= CHECKED_DAYS && isWorse(before(ours, day), before(plain, day), diskBytes) ? (plain[day] ?? 0) : bytes,
  );
}

/** A row of the table. */
export function tellDisturbance(title: string, rows: readonly DisturbedRow[]): string {
  const meansOf = (some: readonly DisturbedRow[]): string => {
    const [plain, checked] = [some.flatMap(({ ratios }) => ratios), some.flatMap((row) => row.checked)];
    return `${geometricMean(plain).toFixed(2)} (${geometricMean(checked).toFixed(2)})`;
  };
  const real = rows.filter(({ isReal }) => isReal).map((row) => meansOf([row]));
  const cells = rows.flatMap(({ name, ratios }) => ratios.map((ratio, at) => ({ ratio, name: `${name}, ${PARTS[at]} W` })));
  const worst = cells.reduce((one, other) => (other.ratio > one.ratio ? other : one));
  const worse = cells.filter(({ ratio }) => ratio > WORSE_RATIO).length;
  const told = Number.isFinite(worst.ratio) ? worst.ratio.toFixed(2) : '∞';
  return `| ${[title, ...real, meansOf(rows), `${told} (${worst.name})`, worse].join(' | ')} |`;
}

/** The table. @param say is given it line by line */
function tellSweep(traces: readonly NamedTrace[], say: (line: string) => void): void {
  const made = traces.map((named) => ({ named, trace: named.make() }));
  const real = traces.filter(({ isReal }) => isReal);
  say(`| disturbed by | ${[...real.map(({ name }) => name), `all ${traces.length}`, 'worst', 'worse'].join(' | ')} |`);
  say(`|---|${real.map(() => '--:|').join('')}--:|---|--:|`);
  for (const disturbance of DISTURBANCES) {
    const rows = made.map(({ named, trace }) => disturb(named, trace, disturbance));
    say(tellDisturbance(disturbance.title, rows));
  }
}

if (import.meta.main) tellSweep(NAMED_TRACES, console.log);
