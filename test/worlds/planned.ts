import type { Plan } from '../../src/model/plan.ts';
import { planCollection } from '../../src/plan/plan-collection.ts';
import { planInput, type WorldRows } from './world.ts';

/** Plans a world in rows. */
export function plan(world: WorldRows): Plan {
  return planCollection(planInput(world));
}

/** What goes, in order. */
export function removed({ removals }: Plan): readonly string[] {
  return removals.map(({ imageId: id }) => id);
}

/** One image's verdict and reason. */
export function verdict(made: Plan, name: string): string {
  const found = made.verdicts.find(({ imageId: id }) => id === name);
  return `${found?.verdict} ${found?.reason}`;
}
