/** A thousand hosts that pull from one registry: what their collections cost it (docs/simulate.md). */
import { spreadOffset } from '../../src/daemon/schedule.ts';
import { durationMs } from '../../src/model/brands.ts';
import type { RemovalOrder } from '../../src/model/policy.ts';
import { PlannedOrder } from '../../src/simulate/planned-order.ts';
import { replay, type SimulatedPolicy } from '../../src/simulate/replay.ts';
import type { SimulatedDisk } from '../../src/simulate/simulated-disk.ts';
import { measureTrace, type Trace, type TraceUse } from '../../src/simulate/trace.ts';
import { DAY_MS, HOUR_MS } from '../worlds/world.ts';
import { MADE_UP_TRACES } from './made-up-traces.ts';

const DAYS = 21;
/** Disks fill, and habits are learned; not counted. */
const WARM_UP_DAYS = 7;
const BIN_MS = 5 * 60_000;
/** How much later than others of its kind a host does the same: in step, timers and queues alone part them; out of step, time zones and people. */
const LATE_MS = { 'in step': 2 * 60_000, 'out of step': DAY_MS } as const;
/** Of its live set, the disk of each host; of that, what a scheduled run leaves. */
const [DISK, LOW] = [0.75, 0.5];

/** One fleet: every host by the same settings. */
export interface FleetSettings {
  readonly hosts: number;
  readonly order: RemovalOrder;
  readonly spreadMs: number;
  readonly pace: keyof typeof LATE_MS;
}

/** What the registry of a fleet saw. */
export interface FleetFigures {
  readonly repulledBytes: number;
  readonly coldStarts: number;
  /** The most bytes in any five minutes, and in any of the hour after the scheduled time. */
  readonly peakBytes: number;
  readonly peakAfterBytes: number;
}

/** The planner's order, asked once a day to free the disk down to its low mark, and whenever a pull does not fit. */
class ScheduledOrder implements SimulatedPolicy {
  readonly #order: PlannedOrder;
  readonly #lowBytes: number;
  #nextMs: number;

  constructor(order: PlannedOrder, lowBytes: number, offsetMs: number) {
    this.#order = order;
    this.#lowBytes = lowBytes;
    this.#nextMs = offsetMs;
  }

  note(use: TraceUse): void {
    this.#order.note(use);
  }

  makeRoom(disk: SimulatedDisk, shortBytes: number, use: TraceUse): void {
    this.#order.makeRoom(disk, shortBytes, use);
  }

  tidy(disk: SimulatedDisk, use: TraceUse): void {
    if (use.atMs < this.#nextMs) return;
    const shortBytes = disk.usedBytes - this.#lowBytes;
    if (shortBytes > 0) this.#order.makeRoom(disk, shortBytes, { ...use, atMs: this.#nextMs, image: -1 });
    this.#nextMs += DAY_MS * Math.ceil((use.atMs + 1 - this.#nextMs) / DAY_MS);
  }
}

/** What a host does in the first weeks of a made-up trace, later than others of its kind. */
function traceOf(kind: Trace, host: string, pace: FleetSettings['pace']): Trace {
  const lateMs = spreadOffset(`${host} is late`, durationMs(LATE_MS[pace]));
  const uses = kind.uses.filter(({ atMs }) => atMs < DAYS * DAY_MS).map((use) => ({ ...use, atMs: use.atMs + lateMs }));
  return { ...kind, uses };
}

/** Lives three weeks of every host, and adds up what all of them pull again. */
export function simulateFleet({ hosts, order, spreadMs, pace }: FleetSettings): FleetFigures {
  const kinds = MADE_UP_TRACES.map(([, make]) => make());
  const bins = new Float64Array(Math.ceil(((DAYS + 1) * DAY_MS) / BIN_MS));
  let [repulledBytes, coldStarts] = [0, 0];
  for (let index = 0; index < hosts; index++) {
    const host = `host-${index}`;
    const trace = traceOf(kinds[index % kinds.length] ?? { layers: [], sizes: [], uses: [] }, host, pace);
    const facts = measureTrace(trace);
    const capacityBytes = Math.max(DISK * facts.liveSetBytes, 1.02 * facts.largestImageBytes);
    const offsetMs = spreadMs === 0 ? 0 : spreadOffset(host, durationMs(spreadMs));
    const policy = new ScheduledOrder(new PlannedOrder(order, trace), LOW * capacityBytes, offsetMs);
    const onRepull = ({ atMs }: TraceUse, bytes: number): void => {
      if (atMs < WARM_UP_DAYS * DAY_MS) return;
      repulledBytes += bytes;
      coldStarts += 1;
      const bin = Math.floor(atMs / BIN_MS);
      bins[bin] = (bins[bin] ?? 0) + bytes;
    };
    replay({ trace, facts, capacityBytes, policy, warmUpUses: 0, onRepull });
  }
  const isAfter = (bin: number): boolean => (bin * BIN_MS) % DAY_MS < HOUR_MS;
  return {
    ...{ repulledBytes, coldStarts },
    peakBytes: Math.max(...bins),
    peakAfterBytes: Math.max(...bins.filter((_, bin) => isAfter(bin))),
  };
}

/** A row of the table for each order and spread, with the time it took. @param say is given it line by line */
export function tellFleet(hosts: number, spreadsHours: readonly number[], say: (line: string) => void): void {
  const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);
  say('| hosts | order | spread | pulled again, GB | cold starts | most in 5 min, GB | most in 5 min of 00:00 to 01:00, GB | took, s |');
  say('|---|---|--:|--:|--:|--:|--:|--:|');
  const rows = (['in step', 'out of step'] as const).flatMap((pace) =>
    (['lru', 'next-use'] as const).flatMap((order) => spreadsHours.map((hours) => ({ pace, order, hours }))),
  );
  for (const { pace, order, hours } of rows) {
    const beganMs = performance.now();
    const { repulledBytes, coldStarts, peakBytes, peakAfterBytes } = simulateFleet({ hosts, order, pace, spreadMs: hours * HOUR_MS });
    const seconds = Math.round((performance.now() - beganMs) / 1_000);
    const cells = [gigabytes(repulledBytes), coldStarts.toLocaleString('en'), gigabytes(peakBytes), gigabytes(peakAfterBytes), seconds];
    say(`| ${pace} | ${order} | ${hours === 0 ? 'none' : `${hours} h`} | ${cells.join(' | ')} |`);
  }
}

if (import.meta.main) tellFleet(Number(process.argv[2] ?? 1_000), [0, 6], console.log);
