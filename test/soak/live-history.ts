import type { Plant } from './processes.ts';
import { SoakWorld, type Tally } from './soak-world.ts';
import type { History } from './step.ts';

/** What became of one history. */
export interface Lived {
  readonly tally: Tally;
  /** Empty: nothing that is needed went. */
  readonly violations: readonly string[];
}

/** Lives one history to its end, and a few days more in which nothing goes wrong. */
export async function liveHistory(history: History, plant: Plant = {}): Promise<Lived> {
  const world = new SoakWorld(history, plant);
  for (const step of history.steps) await world.take(step);
  await world.settle();
  const violations = [...world.violations];
  world.release();
  return { tally: world.tally, violations };
}
