import type { Bytes, ChainId, ContainerId, ImageId } from '../../src/model/brands.ts';
import type { IdleClockState } from '../../src/model/clock.ts';
import type { EndedContainer } from '../../src/model/ended-container.ts';
import type { LayerFacts } from '../../src/model/inventory.ts';
import type { RemovalEntry, RemovalIntent } from '../../src/model/removal-record.ts';
import { NO_HABITS, type UseHabits } from '../../src/model/use-habits.ts';
import type { Lineage, RemovalFailure, StoredPin, UsageChanges, UsageState, UseEntry, UseRecord } from '../../src/model/use-record.ts';
import type { WatchState } from '../../src/model/watch-state.ts';
import {
  FORGET_HABIT_MS,
  type LearnedHabits,
  type LookScope,
  type Store,
  type StoreCondition,
  type StoreKey,
} from '../../src/store/store.ts';

/** What a store file holds of one engine store. */
class Shelf {
  readonly records = new Map<ImageId, UseRecord>();
  readonly lineages = new Map<string, Lineage>();
  readonly failures = new Map<ImageId, RemovalFailure>();
  readonly intents = new Map<ImageId, RemovalIntent>();
  readonly layersByImage = new Map<ImageId, readonly ChainId[]>();
  readonly sizeByLayer = new Map<ChainId, Bytes>();
  readonly uses = new Map<string, UseEntry>();
  readonly removals: RemovalEntry[] = [];
  ended: ReadonlyMap<ContainerId, EndedContainer> = new Map();
  watch: WatchState | null = null;
  habits: UseHabits = NO_HABITS;
}

/** What several stores may have open at once, as processes have a file. */
export class MapFile {
  clock: IdleClockState | null = null;
  readonly pins = new Map<string, StoredPin>();
  readonly shelves = new Map<StoreKey, Shelf>();

  shelf(key: StoreKey): Shelf {
    const known = this.shelves.get(key);
    if (known !== undefined) return known;
    const made = new Shelf();
    this.shelves.set(key, made);
    return made;
  }
}

/** A store in maps, for tests that need thousands of them: it opens and writes in no time. Keeps the contract of Store. */
export class MapStore implements Store {
  readonly path: string = 'map store';
  readonly condition: StoreCondition;
  readonly file: MapFile;
  /** Writes of a step that is under way. */
  #step: (() => void)[] | null = null;

  constructor(file: MapFile = new MapFile(), condition: StoreCondition = { kind: 'new' }) {
    this.file = file;
    this.condition = condition;
  }

  isInPlace(): boolean {
    return true;
  }

  atomically<Value>(work: () => Value): Value {
    if (this.#step !== null) return work();
    const step: (() => void)[] = [];
    this.#step = step;
    let value: Value;
    try {
      value = work();
    } finally {
      this.#step = null;
    }
    if (step.length > 0) {
      this.write(() => {
        for (const change of step) change();
      });
    }
    return value;
  }

  readClock(): IdleClockState | null {
    return this.file.clock;
  }

  writeClock(clock: IdleClockState): void {
    this.#change(() => this.#putClock(clock));
  }

  readUsage(key: StoreKey, scope?: LookScope): UsageState {
    const { records, lineages, failures } = this.file.shelf(key);
    const listed = new Set(scope?.images);
    const isNeeded = ({ imageId, missingSince }: UseRecord): boolean =>
      scope === undefined || listed.has(imageId) || missingSince === null || missingSince.idleMs <= scope.missingBefore;
    const needed = [...records].filter(([, record]) => isNeeded(record));
    return { records: new Map(needed), lineages: new Map(lineages), failures: new Map(failures) };
  }

  hasRecords(key: StoreKey): boolean {
    return this.file.shelf(key).records.size > 0;
  }

  readRecords(key: StoreKey, images: Iterable<ImageId>): ReadonlyMap<ImageId, UseRecord> {
    const { records } = this.file.shelf(key);
    return new Map([...images].flatMap((image) => records.get(image) ?? []).map((record) => [record.imageId, record]));
  }

  readOtherUsage(key: StoreKey): UsageState {
    const engine = key.slice(0, key.lastIndexOf('/') + 1);
    const isOther = (other: StoreKey) => other !== key && other.startsWith(engine) && !other.slice(engine.length).includes('/');
    const shelves = [...this.file.shelves].flatMap(([other, shelf]) => (isOther(other) ? [shelf] : []));
    if (shelves.length === 0) return { records: new Map(), lineages: new Map(), failures: new Map() };
    const records = shelves.flatMap((shelf) => [...shelf.records.values()]).toSorted((one, other) => usedAt(one) - usedAt(other));
    return {
      records: new Map(records.map((record) => [record.imageId, record])),
      lineages: new Map(shelves.flatMap(({ lineages }) => [...lineages])),
      failures: new Map(shelves.flatMap(({ failures }) => [...failures])),
    };
  }

  writeUsage(key: StoreKey, changes: UsageChanges, clock: IdleClockState | null): void {
    this.#change(() => {
      for (const record of changes.records) checkRecord(record);
      const shelf = this.file.shelf(key);
      if (clock !== null) this.#putClock(clock);
      for (const id of changes.forgotten) shelf.records.delete(id);
      for (const record of changes.records) putRecord(shelf, record);
      for (const lineage of changes.lineages) shelf.lineages.set(lineage.name, lineage);
      for (const use of changes.uses) {
        const minute = `${minuteOf(use)} ${use.imageId}`;
        if (!shelf.uses.has(minute)) shelf.uses.set(minute, use);
      }
    });
  }

  readWatchState(key: StoreKey): WatchState | null {
    return this.file.shelf(key).watch;
  }

  writeWatchState(key: StoreKey, state: WatchState, clock: IdleClockState): void {
    this.#change(() => {
      this.#putClock(clock);
      this.file.shelf(key).watch = state;
    });
  }

  readEnded(key: StoreKey): ReadonlyMap<ContainerId, EndedContainer> {
    return new Map(this.file.shelf(key).ended);
  }

  writeEnded(key: StoreKey, ended: ReadonlyMap<ContainerId, EndedContainer>): void {
    this.#change(() => {
      this.file.shelf(key).ended = new Map(ended);
    });
  }

  readLayerFacts(key: StoreKey): LayerFacts {
    const { layersByImage, sizeByLayer } = this.file.shelf(key);
    return { layersByImage: new Map(layersByImage), sizeByLayer: new Map(sizeByLayer) };
  }

  addLayerFacts(key: StoreKey, learned: LayerFacts): void {
    if (learned.layersByImage.size === 0 && learned.sizeByLayer.size === 0) return;
    this.#change(() => {
      const shelf = this.file.shelf(key);
      for (const [image, layers] of learned.layersByImage) shelf.layersByImage.set(image, layers);
      for (const [layer, size] of learned.sizeByLayer) shelf.sizeByLayer.set(layer, size);
    });
  }

  listPins(): readonly StoredPin[] {
    return [...this.file.pins.values()].toSorted((one, other) => (one.pattern < other.pattern ? -1 : 1));
  }

  putPin(pin: StoredPin): void {
    this.#change(() => void this.file.pins.set(pin.pattern, pin));
  }

  removePin(pattern: string): boolean {
    const had = this.file.pins.has(pattern);
    this.#change(() => void this.file.pins.delete(pattern));
    return had;
  }

  readIntents(key: StoreKey): readonly RemovalIntent[] {
    return [...this.file.shelf(key).intents.values()];
  }

  addIntents(key: StoreKey, intents: readonly RemovalIntent[]): void {
    this.#change(() => {
      for (const intent of intents) this.file.shelf(key).intents.set(intent.imageId, intent);
    });
  }

  finishRemovals(key: StoreKey, entries: readonly RemovalEntry[], failures: readonly RemovalFailure[]): void {
    this.#change(() => {
      const shelf = this.file.shelf(key);
      for (const entry of entries) finish(shelf, entry);
      for (const failure of failures) shelf.failures.set(failure.imageId, failure);
    });
  }

  dropIntents(key: StoreKey, images: readonly ImageId[]): void {
    this.#change(() => {
      for (const id of images) this.file.shelf(key).intents.delete(id);
    });
  }

  readRemovals(key: StoreKey, limit: number): readonly RemovalEntry[] {
    return this.file.shelf(key).removals.slice(-limit).reverse();
  }

  readUses(key: StoreKey, limit: number): readonly UseEntry[] {
    const uses = [...this.file.shelf(key).uses.values()];
    return uses.sort((one, other) => minuteOf(other) - minuteOf(one) || (one.imageId < other.imageId ? -1 : 1)).slice(0, limit);
  }

  readUsesBetween(key: StoreKey, afterMinute: number, beforeMinute: number): readonly UseEntry[] {
    const uses = [...this.file.shelf(key).uses.values()].filter((use) => minuteOf(use) > afterMinute && minuteOf(use) < beforeMinute);
    return uses.sort((one, other) => one.at.idleMs - other.at.idleMs || (one.imageId < other.imageId ? -1 : 1));
  }

  readHabits(key: StoreKey): UseHabits {
    return this.file.shelf(key).habits;
  }

  writeHabits(key: StoreKey, { fromMinute, host, learnedMinute, lineages }: LearnedHabits): void {
    this.#change(() => {
      const shelf = this.file.shelf(key);
      if (shelf.habits.learnedMinute !== fromMinute) return;
      const all = [...shelf.habits.lineages.values(), ...lineages].filter(
        ({ lastUsedMs }) => lastUsedMs >= learnedMinute * 60_000 - FORGET_HABIT_MS,
      );
      const known = new Map(all.map((habit) => [habit.name, { ...habit, gaps: [...habit.gaps], pastVersions: [...habit.pastVersions] }]));
      shelf.habits = { host: { ...host, gaps: [...host.gaps] }, learnedMinute, lineages: known };
    });
  }

  [Symbol.dispose](): void {}

  #change(work: () => void): void {
    if (this.#step === null) this.write(work);
    else this.#step.push(work);
  }

  /** Every change passes here, all of it or nothing. */
  protected write(work: () => void): void {
    work();
  }

  #putClock(clock: IdleClockState): void {
    if (this.file.clock === null || clock.idleMs >= this.file.clock.idleMs) this.file.clock = clock;
  }
}

function putRecord({ records }: Shelf, record: UseRecord): void {
  const known = records.get(record.imageId)?.lastUsed ?? null;
  if (known === null || (record.lastUsed !== null && record.lastUsed.idleMs >= known.idleMs)) records.set(record.imageId, record);
}

function finish(shelf: Shelf, entry: RemovalEntry): void {
  shelf.intents.delete(entry.imageId);
  shelf.removals.push(entry);
  if (entry.outcome !== 'removed' && entry.outcome !== 'already-gone') return;
  shelf.records.delete(entry.imageId);
  shelf.failures.delete(entry.imageId);
}

function checkRecord({ imageId, firstSeen, lastUsed }: UseRecord): void {
  const isWhole = Number.isFinite(firstSeen.idleMs) && (lastUsed === null || Number.isFinite(lastUsed.idleMs));
  if (!isWhole) throw new Error(`the record of ${imageId} is not to be stored`);
}

function usedAt({ lastUsed }: UseRecord): number {
  return lastUsed?.idleMs ?? Number.NEGATIVE_INFINITY;
}

function minuteOf({ at }: UseEntry): number {
  return Math.floor(at.idleMs / 60_000);
}
