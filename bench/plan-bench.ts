import { Bench } from 'tinybench';
import { bytes, idleMs } from '../src/model/brands.ts';
import { lineageName } from '../src/model/lineage-name.ts';
import { NO_HABITS } from '../src/model/use-habits.ts';
import { type PlanInput, planCollection } from '../src/plan/plan-collection.ts';
import { HabitLearner } from '../src/usage/habit-learner.ts';
import { DAY_MS, planInput, type Row } from '../test/worlds/world.ts';
import type { Figure } from './figure.ts';
import { planPlainly } from './reference-plan.ts';
import { type Pair, sumUp } from './samples.ts';

/** By count of images, what kubelet's own planner takes (docs/background/performance.md §5): the figure to be no slower than. */
const SIZES = [
  { images: 1_000, mostMs: 2.9, nextUseMs: 50, rounds: 2_000 },
  { images: 10_000, mostMs: 30, nextUseMs: 60, rounds: 40 },
  { images: 100_000, mostMs: 460, nextUseMs: 900, rounds: 9 },
] as const;
/** Of both sides, before any round counts: code that runs once is not what is compared. */
const WARM_UP_SHARE = 0.25;
const CONTAINERS = 100;
const VERSIONS = 4;

/** Times the planner on hosts of three sizes, asked for half of all bytes, as kubelet was. */
export function benchPlan(): readonly Figure[] {
  return [...SIZES.map(benchOldest), ...SIZES.map(benchNextUse)];
}

function benchOldest({ images, mostMs, rounds }: (typeof SIZES)[number]): Figure {
  const title = `plan, ${images.toLocaleString('en')} images`;
  const bars = [{ kind: 'ms', most: mostMs } as const, { kind: 'ratio', most: 2 } as const];
  return { title, floorTitle: 'plain planner', pair: takeTurns(hostOf(images), rounds), bars };
}

/** The same hosts by next-use, of whose every lineage the habit is known, against the same by lru. */
function benchNextUse({ images, nextUseMs, rounds }: (typeof SIZES)[number]): Figure {
  const input = hostOf(images);
  const nextUse = { ...input, habits: habitsOf(input), policy: { ...input.policy, order: 'next-use' as const } };
  const pair = compare(
    rounds,
    () => planCollection(nextUse),
    () => planCollection(input),
  );
  const title = `plan by next-use, ${images.toLocaleString('en')} images`;
  return { title, floorTitle: 'by lru', pair, bars: [{ kind: 'ms', most: nextUseMs }] };
}

/** Each image was used daily, and then three times more; the versions of an application are one lineage. */
function habitsOf({ inventory, records }: PlanInput): PlanInput['habits'] {
  const learner = new HabitLearner(NO_HABITS);
  const used = inventory.images.flatMap(({ id, references: [reference] }) => {
    const lastMs = records.get(id)?.lastUsed?.idleMs;
    return reference === undefined || lastMs === undefined ? [] : [{ id, lineage: lineageName(reference), lastMs }];
  });
  const uses = used.flatMap((use) => [3, 2, 1, 0].map((days) => ({ ...use, atMs: use.lastMs - days * DAY_MS })));
  for (const { id, lineage, atMs } of uses.sort((one, other) => one.atMs - other.atMs)) learner.use(lineage, id, idleMs(atMs));
  // A store gives texts of their own, and what was learned here has pieces of image IDs.
  const lineages = new Map(structuredClone(learner.changed).map((habit) => [habit.name, habit]));
  return { ...NO_HABITS, host: learner.host, lineages };
}

function takeTurns(input: PlanInput, rounds: number): Pair {
  const { inventory, records } = input;
  const need = input.freeBytes ?? bytes(0);
  return compare(
    rounds,
    () => planCollection(input),
    () => planPlainly(inventory, records, need),
  );
}

function compare(rounds: number, figureOf: () => unknown, floorOf: () => unknown): Pair {
  const bench = new Bench({ iterations: 1, time: 0, warmup: false, retainSamples: true });
  bench.add('figure', () => figureOf()).add('floor', () => floorOf());
  const figure: number[] = [];
  const floor: number[] = [];
  for (let round = -Math.ceil(rounds * WARM_UP_SHARE); round < rounds; round += 1) {
    bench.reset();
    const [one, other] = bench.runSync().map(readTime);
    if (round < 0 || one === undefined || other === undefined) continue;
    figure.push(one);
    floor.push(other);
  }
  return { figure: sumUp(figure), floor: sumUp(floor) };
}

function readTime({ result }: Bench['tasks'][number]): number {
  if (result.state !== 'completed') throw new Error(`a plan could not be timed: ${result.state}`);
  return result.latency.mean;
}

/**
 * A host with six layers per image: three of one of 10 bases, one runtime, two of its own. Repositories have four versions each, and a
 * quarter of them got one within two weeks. A third of the images is old enough to go by age; the rest of the half goes for the target.
 */
function hostOf(count: number): PlanInput {
  const rows = Array.from({ length: count }, (_, index): Row => {
    const base = `base${index % 10}`;
    const app = Math.floor(index / VERSIONS);
    const repository = `registry.example:5000/team${app % 50}/app${app}`;
    const usedDaysAgo = 1 + (10 * ((index * 7_919) % count)) / count;
    return {
      name: `sha256:${index.toString(16).padStart(64, '0')}`,
      references: [`${repository}:v1.${index % VERSIONS}.${index}`],
      digests: [`${repository}@sha256:${index.toString(16).padStart(64, '1')}`],
      layers: [...[0, 1, 2].map((at) => `${base}-${at}`), `${base}-runtime${index % 3}`, `own${index}-0`, `own${index}-1`],
      usedDaysAgo,
      seenDaysAgo: Math.max(usedDaysAgo, 6 + (app % 30)),
    };
  });
  const containers = rows.slice(0, CONTAINERS).map(({ name }) => ({ of: name }));
  const input = planInput({ images: rows, containers, policy: { protect: { local: 'last' } } });
  const total = [...input.inventory.layers.values()].reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
  return { ...input, freeBytes: bytes(Math.floor(total / 2)) };
}
