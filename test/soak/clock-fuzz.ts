/** Random lives of a host whose wall clock jumps by up to fifty years, beside the same lives without a jump (docs/policy.md). */
import { carryOut, prepareCollection } from '../../src/collect/collection.ts';
import { durationMs, imageId } from '../../src/model/brands.ts';
import type { Policy } from '../../src/model/policy.ts';
import { planCollection } from '../../src/plan/plan-collection.ts';
import { randomFrom } from '../../src/simulate/seeded-random.ts';
import { GAP_CREDIT_CAP_MS } from '../../src/usage/idle-clock.ts';
import { DaemonWorld } from '../worlds/daemon-world.ts';
import { MapStore } from '../worlds/map-store.ts';
import { DAY_MS, HOUR_MS, POLICY } from '../worlds/world.ts';
import { boot } from './clock-table.ts';

const JUMP_MOST_MS = 50 * 365.25 * DAY_MS;
const ROUND_MS = 6 * HOUR_MS;
const ROUNDS = 40;
const LIMIT_MS = 3 * DAY_MS;
const IMAGES = Array.from({ length: 12 }, (_, at) => `image${at}`);
const MOST_IMAGES = 8;
/** In any round. */
const [JUMP_CHANCE, CUT_CHANCE] = [0.15, 0.15];
const OFF_MOST_MS = 20 * HOUR_MS;
/** So many sequences of jumps for each life: one run without jumps serves them all. */
const JUMPS_PER_LIFE = 5;

/** A kind of host. */
interface ClockKind {
  readonly title: string;
  readonly hasPowerCuts: boolean;
  /** Whether the clock calls itself synchronised while it is wrong; both: of each jump, chance says. */
  readonly lies: 'never' | 'always' | 'both';
  /** The daemon collects when it is time for it; otherwise a person does in every round. */
  readonly isScheduled: boolean;
  /** How much later than it may an image may go: by schedule a day, and what waits as mass expiry until it is planned again. */
  readonly slackMs: number;
}

/** What ended around a power cut counts as used until it is found unused, at the latest a day later. */
const CUT = { isScheduled: false, hasPowerCuts: true, slackMs: DAY_MS } as const;
const CLOCK_KINDS: readonly ClockKind[] = [
  { title: 'one boot', isScheduled: false, hasPowerCuts: false, lies: 'both', slackMs: 0 },
  { ...CUT, title: 'power cuts, a clock that says when it is wrong', lies: 'never' },
  { ...CUT, title: 'power cuts, a clock that lies', lies: 'always' },
  { title: 'one boot, by schedule', hasPowerCuts: false, lies: 'both', isScheduled: true, slackMs: DAY_MS + 2 * ROUND_MS },
];

/** What happens to a host, whatever its clocks say. */
interface Life {
  readonly policy: Policy;
  readonly rounds: readonly { readonly offMs: number; readonly used: readonly string[] }[];
}

/** How far the wall clock is off in each round, and whether it calls itself right. */
type Jumps = readonly { readonly offsetMs: number; readonly isSynchronised: boolean }[];

const NO_JUMP = { offsetMs: 0, isSynchronised: true } as const;
const NO_JUMPS: Jumps = Array.from({ length: ROUNDS }, () => NO_JUMP);

/** What became of a life. */
interface Lived {
  /** By round: images that are not there. */
  readonly gone: readonly (readonly string[])[];
  readonly removals: number;
  readonly tooEarly: number;
  readonly tooLate: number;
}

/** Of one kind of host: sequences of jumps, and what they did to removals. */
export interface FuzzRow {
  readonly title: string;
  readonly sequences: number;
  readonly removals: number;
  /** Sequences in which the same images were gone in every round as without a jump. */
  readonly same: number;
  /** Sequences in which an image was still there in some round that is gone without a jump, and the other way round. */
  readonly later: number;
  readonly earlier: number;
  /** Removals before the idle clock may allow them, and rounds in which an image was there that had to go whatever was credited. */
  readonly tooEarly: number;
  readonly tooLate: number;
}

/** Lives so many sequences in all. The same seed gives the same. */
export async function fuzzClocks(sequences: number, seed: number): Promise<readonly FuzzRow[]> {
  const random = randomFrom(seed);
  const each = Math.ceil(sequences / CLOCK_KINDS.length);
  const rows: FuzzRow[] = [];
  for (const kind of CLOCK_KINDS) {
    const row = { title: kind.title, sequences: each, removals: 0, same: 0, later: 0, earlier: 0, tooEarly: 0, tooLate: 0 };
    let [life, steady] = [makeLife(kind, random), NOTHING_LIVED];
    for (let done = 0; done < each; done++) {
      if (done % JUMPS_PER_LIFE === 0) {
        life = makeLife(kind, random);
        steady = await live(kind, life, NO_JUMPS);
      }
      addTo(row, steady, await live(kind, life, makeJumps(kind, random)));
    }
    rows.push(row);
  }
  return rows;
}

const NOTHING_LIVED: Lived = { gone: [], removals: 0, tooEarly: 0, tooLate: 0 };

function addTo(row: { -readonly [Key in keyof FuzzRow]: FuzzRow[Key] }, steady: Lived, jumped: Lived): void {
  const isMissedIn = (one: Lived, other: Lived): boolean =>
    one.gone.some((names, round) => names.some((name) => other.gone[round]?.includes(name) !== true));
  const [isLater, isEarlier] = [isMissedIn(steady, jumped), isMissedIn(jumped, steady)];
  row.removals += jumped.removals;
  row.same += isLater || isEarlier ? 0 : 1;
  row.later += isLater ? 1 : 0;
  row.earlier += isEarlier ? 1 : 0;
  row.tooEarly += jumped.tooEarly;
  row.tooLate += jumped.tooLate;
}

/** Images are used often or seldom, for a while or to the end. In one boot, where nothing but the jumps differs, every other host asks for room too. */
function makeLife({ hasPowerCuts }: ClockKind, random: () => number): Life {
  const habits = IMAGES.map((name) => ({ name, until: Math.floor(ROUNDS * random()), chance: 0.05 + 0.5 * random() }));
  const rounds = Array.from({ length: ROUNDS }, (_, round) => ({
    offMs: hasPowerCuts && random() < CUT_CHANCE ? Math.floor(random() * OFF_MOST_MS) : 0,
    used: habits.filter(({ until, chance }) => round < until && random() < chance).map(({ name }) => name),
  }));
  const maxImages = !hasPowerCuts && random() < 0.5 ? MOST_IMAGES : null;
  return { policy: { ...POLICY, order: 'next-use', unusedForMs: durationMs(LIMIT_MS), disk: { ...POLICY.disk, maxImages } }, rounds };
}

function makeJumps({ lies }: ClockKind, random: () => number): Jumps {
  let now: Jumps[number] = NO_JUMP;
  return Array.from({ length: ROUNDS }, () => {
    if (random() < JUMP_CHANCE) {
      const isLying = lies === 'always' || (lies === 'both' && random() < 0.5);
      const jump = { offsetMs: Math.floor((2 * random() - 1) * JUMP_MOST_MS), isSynchronised: isLying };
      now = random() < 0.3 ? NO_JUMP : jump;
    }
    return now;
  });
}

async function live(kind: ClockKind, { policy, rounds }: Life, jumps: Jumps): Promise<Lived> {
  const world = new DaemonWorld();
  world.store = new MapStore();
  world.settings = { ...world.settings, enabled: kind.isScheduled, policy };
  const ids = new Map(IMAGES.map((name) => [name, imageId(world.pull(name))]));
  const isHere = (name: string): boolean => world.engine.images.has(ids.get(name) ?? imageId(''));
  world.engine.createContainer({ image: world.pull('running') });
  await world.connect();
  const began = world.wall;
  const gone: (readonly string[])[] = [];
  const lived = { gone, removals: 0, tooEarly: 0, tooLate: 0 };
  const lastUsed = new Map(IMAGES.map((name) => [name, { trueMs: 0, onMs: 0 }]));
  let now = { trueMs: 0, onMs: 0 };
  for (const [round, { offMs, used }] of rounds.entries()) {
    if (offMs > 0) boot(world, offMs);
    const { offsetMs, isSynchronised } = jumps[round] ?? NO_JUMP;
    world.isSynchronised = isSynchronised;
    world.wall = began + now.trueMs + offMs + offsetMs;
    if (offMs > 0) await world.restart();
    world.pass(ROUND_MS);
    now = { trueMs: now.trueMs + offMs + ROUND_MS, onMs: now.onMs + ROUND_MS };
    for (const name of used) {
      if (!isHere(name)) world.pull(name);
      world.engine.removeContainer(world.engine.createContainer({ image: `lab/${name}:1` }));
      lastUsed.set(name, now);
    }
    const before = IMAGES.filter(isHere);
    await world.tick();
    if (!kind.isScheduled) await collect(world, policy);
    for (const name of before) {
      const since = lastUsed.get(name) ?? now;
      const unused = { trueMs: now.trueMs - since.trueMs, onMs: now.onMs - since.onMs };
      if (isHere(name)) lived.tooLate += unused.onMs > LIMIT_MS + kind.slackMs ? 1 : 0;
      else lived.tooEarly += policy.disk.maxImages === null && isTooEarly(kind, unused) ? 1 : 0;
    }
    gone.push(IMAGES.filter((name) => !isHere(name)));
    lived.removals += before.filter((name) => !isHere(name)).length;
  }
  return lived;
}

/** A person runs `imagegc collect`. */
async function collect(world: DaemonWorld, policy: Policy): Promise<void> {
  const tools = world.tools();
  const context = {
    ...tools,
    ...{ runtime: await tools.openRuntime(), store: tools.openStore(), policy, mayWrite: true, freeBytes: null, decide: planCollection },
    ...{ paceMs: durationMs(0), signal: new AbortController().signal, onBatch: () => undefined },
  };
  const { look } = await prepareCollection(context);
  await carryOut(look, context);
}

/** An honest clock credits no time that did not pass; one that lies credits a day, and then as much as the host was on (eviction.md §5). */
function isTooEarly({ hasPowerCuts, lies }: ClockKind, unused: { readonly trueMs: number; readonly onMs: number }): boolean {
  return hasPowerCuts && lies === 'always' ? unused.onMs < (LIMIT_MS - GAP_CREDIT_CAP_MS) / 2 : unused.trueMs < LIMIT_MS;
}

/** The rows as a table. */
export function formatFuzz(rows: readonly FuzzRow[]): string {
  const lines = rows.map(({ title, sequences, removals, same, later, earlier, tooEarly, tooLate }) => {
    const counts = [sequences, removals, same, later, earlier, tooEarly, tooLate].map((count) => count.toLocaleString('en'));
    return `| ${[title, ...counts].join(' | ')} |`;
  });
  const head = '| clocks that jump | sequences | removals | the same | later | earlier | too early | too late |';
  return [head, `|---|${'--:|'.repeat(7)}`, ...lines].join('\n');
}

if (import.meta.main) console.log(formatFuzz(await fuzzClocks(Number(process.argv[2] ?? 1_000), 1)));
