import { MINUTE_MS } from '../model/brands.ts';
import { lineageOfUse } from '../model/lineage-name.ts';
import type { UseHabits } from '../model/use-habits.ts';
import type { Now } from '../model/use-record.ts';
import type { Store, StoreKey } from '../store/store.ts';
import { HabitLearner } from '../usage/habit-learner.ts';

/**
 * Learns from the uses that history has got since this was last done, whoever recorded them: looks, or the daemon from events. Only whole
 * minutes are learned from, because a use is known by its minute; so no use is learned from twice, and recording one costs nothing more.
 *
 * @param mayWrite whether what was learned is kept
 */
export function learnHabits(store: Store, key: StoreKey, { idleMs }: Pick<Now, 'idleMs'>, mayWrite: boolean): UseHabits {
  const known = store.readHabits(key);
  const minute = Math.floor(idleMs / MINUTE_MS);
  const uses = store.readUsesBetween(key, known.learnedMinute, minute);
  if (uses.length === 0) return known;
  const learner = new HabitLearner(known);
  for (const use of uses) {
    const lineage = lineageOfUse(use);
    if (lineage !== null) learner.use(lineage, use.imageId, use.at.idleMs);
  }
  const { host, changed } = learner;
  const learnedMinute = minute - 1;
  if (mayWrite) store.writeHabits(key, { fromMinute: known.learnedMinute, host, learnedMinute, lineages: changed });
  return { host, learnedMinute, lineages: new Map([...known.lineages, ...changed.map((habit) => [habit.name, habit] as const)]) };
}
