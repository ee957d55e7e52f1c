import { durationMs, imageId } from '../../src/model/brands.ts';
import { DaemonWorld, MINUTE_MS } from '../worlds/daemon-world.ts';
import { DAY_MS, HOUR_MS, POLICY } from '../worlds/world.ts';

/** What became of an image that nobody used after its pull, under one behaviour of the clocks. */
export interface ClockRow {
  readonly title: string;
  /** When it was removed, in true days since its last use, and in days with the host on; null: never. */
  readonly trueDays: number | null;
  readonly onDays: number | null;
  /** The same without a jump. */
  readonly steadyDays: number | null;
  /** An image that was used once a day is still there. */
  readonly isUsedKept: boolean;
  /** Removed before the run without jumps; under a clock that lies, before the theorem of eviction.md §5 allows. */
  readonly isEarlier: boolean;
}

interface Scenario {
  readonly title: string;
  readonly hasPowerCuts: boolean;
  /** What the wall clock says, of itself too, before each round. @param isBoot the first round of a boot */
  readonly disturb: (world: DaemonWorld, round: { readonly hour: number; readonly isBoot: boolean; readonly trueWall: number }) => void;
  readonly isLying?: boolean;
  /** A boot with no time off in between. */
  readonly bootsAt?: number;
}

const YEAR_MS = 365.25 * DAY_MS;
const LIMIT_MS = 7 * DAY_MS;
const MONTH_HOURS = 31 * 24;
const OFF_MS = 5 * MINUTE_MS;
const ROUNDS_PER_HOUR = 3;
const BOUND_MS = (LIMIT_MS - DAY_MS) / 2;

function jumpAt(when: number, ms: number): Scenario['disturb'] {
  return (world, { hour, trueWall }) => {
    world.isSynchronised = hour < when;
    world.wall = trueWall + (hour < when ? 0 : ms);
  };
}

function jumpAtBoot(hour: number): number {
  return (hour % 2 === 1 ? 50 : -50) * YEAR_MS;
}

const SCENARIOS: readonly Scenario[] = [
  { title: 'steady', hasPowerCuts: false, disturb: () => undefined },
  {
    title: '1970 at a boot on day 3, then a jump to now',
    hasPowerCuts: false,
    bootsAt: 72,
    disturb: (world, { hour, trueWall }) => {
      world.isSynchronised = hour < 72 || hour > 73;
      world.wall = world.isSynchronised ? trueWall : (hour - 72) * HOUR_MS;
    },
  },
  { title: 'a jump of +50 years on day 2', hasPowerCuts: false, disturb: jumpAt(48, 50 * YEAR_MS) },
  { title: 'back 10 years on day 2', hasPowerCuts: false, disturb: jumpAt(48, -10 * YEAR_MS) },
  { title: 'power cuts every hour for a month, steady', hasPowerCuts: true, disturb: () => undefined },
  {
    title: 'the same without a clock chip: 1970 at every boot',
    hasPowerCuts: true,
    disturb: (world, { isBoot }) => {
      world.isSynchronised = false;
      if (isBoot) world.wall = 0;
    },
  },
  {
    title: 'the same, the clock 50 years on at every other boot and back at the next',
    hasPowerCuts: true,
    disturb: (world, { hour, isBoot }) => {
      world.isSynchronised = false;
      if (isBoot) world.wall += jumpAtBoot(hour);
    },
  },
  {
    title: 'the same, and the clock says that it is right',
    hasPowerCuts: true,
    isLying: true,
    disturb: (world, { hour, isBoot }) => {
      if (isBoot) world.wall += jumpAtBoot(hour);
    },
  },
];

/** Lives a month under every behaviour of the clocks. */
export async function runClockTable(): Promise<readonly ClockRow[]> {
  const lived: Lived[] = [];
  for (const scenario of SCENARIOS) lived.push(await liveMonth(scenario));
  return lived.map((row) => {
    const steady = lived.find(({ scenario }) => scenario.hasPowerCuts === row.scenario.hasPowerCuts)?.removed ?? null;
    return rowOf(row, steady);
  });
}

/** The rows as a person reads them. */
export function formatClockTable(rows: readonly ClockRow[]): string {
  const days = (count: number | null): string => (count === null ? 'never' : `${count.toFixed(2)} d`).padStart(8);
  const head = 'removed after  host on  steady  used daily  clocks';
  const lines = rows.map(({ title, trueDays, onDays, steadyDays, isUsedKept, isEarlier }) => {
    return `${days(trueDays)} ${days(onDays)} ${days(steadyDays)}  ${isUsedKept ? 'kept' : 'GONE'}  ${title}${isEarlier ? ': TOO EARLY' : ''}`;
  });
  return ['unused_for = 7d; an image that nobody used after its pull, and one that was used once a day', head, ...lines].join('\n');
}

interface When {
  readonly trueMs: number;
  readonly onMs: number;
}

interface Lived {
  readonly scenario: Scenario;
  readonly removed: When | null;
  readonly isUsedKept: boolean;
}

async function liveMonth(scenario: Scenario): Promise<Lived> {
  const world = new DaemonWorld();
  world.settings = {
    ...world.settings,
    schedule: { kind: 'cron', pattern: '*/5 * * * *' },
    policy: { ...POLICY, unusedForMs: durationMs(LIMIT_MS) },
  };
  const [unused, used] = [imageId(world.pull('unused')), imageId(world.pull('used'))];
  // So that one image is no mass expiry, which would wait for an hour of uptime that power cuts never give.
  world.engine.createContainer({ image: world.pull('running') });
  await world.connect();
  const began = world.wall;
  let [trueMs, onMs] = [0, 0];
  let removed: When | null = null;
  for (let hour = 0; hour < MONTH_HOURS; hour++) {
    for (let round = 0; round < ROUNDS_PER_HOUR; round++) {
      const isCut = scenario.hasPowerCuts && round === 0 && hour > 0;
      const isBoot = isCut || (scenario.bootsAt === hour && round === 0);
      if (isBoot) boot(world, isCut ? OFF_MS : 0);
      if (isCut) trueMs += OFF_MS;
      scenario.disturb(world, { hour, isBoot, trueWall: began + trueMs });
      if (isBoot) await world.restart();
      const passMs = (HOUR_MS - (scenario.hasPowerCuts ? OFF_MS : 0)) / ROUNDS_PER_HOUR;
      world.pass(passMs);
      [trueMs, onMs] = [trueMs + passMs, onMs + passMs];
      if (hour % 24 === 0 && round === 0) world.engine.removeContainer(world.engine.createContainer({ image: 'lab/used:1' }));
      await world.tick();
      if (removed === null && !world.engine.images.has(unused)) removed = { trueMs, onMs };
    }
  }
  return { scenario, removed, isUsedKept: world.engine.images.has(used) };
}

/** The power goes, and comes again; nothing is written on the way. */
export function boot(world: DaemonWorld, offMs: number): void {
  world.engine.events.breakStreams({ isForgotten: true });
  world.boot += 1;
  world.uptimeMs = 0;
  world.wall += offMs;
}

function rowOf({ scenario, removed, isUsedKept }: Lived, steady: When | null): ClockRow {
  const days = (ms: number | undefined): number | null => (ms === undefined ? null : ms / DAY_MS);
  const isEarlier =
    removed !== null && (scenario.isLying === true ? removed.onMs < BOUND_MS : steady === null || removed.trueMs < steady.trueMs);
  return {
    ...{ title: scenario.title, trueDays: days(removed?.trueMs), onDays: days(removed?.onMs), steadyDays: days(steady?.trueMs) },
    ...{ isUsedKept, isEarlier },
  };
}
