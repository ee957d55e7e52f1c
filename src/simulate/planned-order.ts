import { idleMs } from '../model/brands.ts';
import type { RemovalOrder } from '../model/policy.ts';
import { type HostHabit, NO_HABITS, versionKey } from '../model/use-habits.ts';
import { compareTied, NO_FAMILY } from '../plan/order.ts';
import { type ReuseRate, reuseRateOn } from '../plan/reuse-rate.ts';
import { selectForNeed } from '../plan/select.ts';
import { sortByNumber } from '../plan/sort-by-number.ts';
import { HabitLearner } from '../usage/habit-learner.ts';
import type { SimulatedPolicy } from './replay.ts';
import { type SimulatedDisk, simulatedId } from './simulated-disk.ts';
import type { Trace, TraceUse } from './trace.ts';

/**
 * The planner's own orders on a simulated disk: its scores, its order among ties, its selection, on its counts. Only what has no meaning here
 * is left out (protections, age rules), because a plan for each of a hundred thousand pulls would take an hour. `replay.test.ts` sees to it
 * that `planCollection()` chooses the same.
 */
export class PlannedOrder implements SimulatedPolicy {
  readonly #order: RemovalOrder;
  readonly #learner = new HabitLearner(NO_HABITS);
  readonly #ids: readonly string[];
  readonly #keys: readonly string[];
  readonly #scores: Float64Array;
  readonly #rateOn: (host: HostHabit) => ReuseRate;

  /** @param rateOn what is reckoned of habits; another than the planner's own is for trying out */
  constructor(order: RemovalOrder, { layers }: Trace, rateOn: (host: HostHabit) => ReuseRate = reuseRateOn) {
    this.#order = order;
    this.#rateOn = rateOn;
    this.#ids = layers.map((_, image) => simulatedId(image));
    this.#keys = layers.map((_, image) => versionKey(simulatedId(image)));
    this.#scores = new Float64Array(layers.length);
  }

  note({ image, lineage, atMs }: TraceUse): void {
    if (this.#order === 'next-use') this.#learner.use(lineage, simulatedId(image), idleMs(atMs));
  }

  makeRoom(disk: SimulatedDisk, shortBytes: number, use: TraceUse): void {
    const removable = disk.removable(use.atMs).filter((image) => image !== use.image);
    const rateOf = this.#order === 'lru' ? null : this.#rateOn(this.#learner.host);
    for (const image of removable) this.#scores[image] = this.#scoreOf(image, disk, rateOf, use.atMs);
    const idOf = (image: number): string => this.#ids[image] ?? '';
    const compare = compareTied(disk.counts, (image) => disk.firstSeenMs[image] ?? 0, idOf);
    const candidates = sortByNumber(removable, this.#scores, compare);
    const need = { bytes: shortBytes, images: 0 };
    const { images: chosen } = selectForNeed({ byAge: [], candidates, need }, disk.counts, NO_FAMILY);
    // Selecting took their needs away; from here on the disk keeps the books.
    for (const image of chosen) disk.counts.restore(image);
    for (const image of chosen) disk.remove(image);
  }

  #scoreOf(image: number, { lastUsedMs }: SimulatedDisk, rateOf: ReuseRate | null, nowMs: number): number {
    const usedMs = lastUsedMs[image] ?? 0;
    return rateOf === null ? usedMs : rateOf(this.#learner.standings.get(this.#keys[image] ?? ''), nowMs - usedMs);
  }
}
