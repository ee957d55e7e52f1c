import { type ContainerId, type ImageId, imageId, MINUTE_MS } from '../model/brands.ts';
import type { IdleClockState } from '../model/clock.ts';
import type { EndedContainer } from '../model/ended-container.ts';
import type { LayerFacts } from '../model/inventory.ts';
import type { RemovalEntry, RemovalIntent } from '../model/removal-record.ts';
import { NO_HABITS, type UseHabits } from '../model/use-habits.ts';
import type { RemovalFailure, StoredPin, UsageChanges, UsageState, UseEntry, UseRecord } from '../model/use-record.ts';
import type { WatchState } from '../model/watch-state.ts';
import { HABIT_FORM, HOST_HABIT_FORM } from './habit-forms.ts';
import { LAYER_BATCH_FORM, mergeLayerBatches, toLayerBatch } from './layer-batch.ts';
import type { SealedForm } from './sealed-json.ts';
import * as forms from './sealed-json.ts';
import { type Cell, MEMORY_PATH, type Row, type SqliteDatabase } from './sqlite-database.ts';
import { FORGET_HABIT_MS, type LearnedHabits, type LookScope, type Store, type StoreCondition, type StoreKey } from './store.ts';
import { BrokenRow } from './store-error.ts';
import { identifyStoreFile } from './store-files.ts';
import { compareNewestFirst, type FoundUses, minuteOf, putEarlier } from './use-minutes.ts';

/** History keeps this many uses (near 30 MB), then drops the oldest tenth at once: counting at each write would cost more. */
export const USES_MAX = 100_000;
/** History keeps this many removals (near 5 MB), the newest. */
export const REMOVALS_MAX = 10_000;

/** The ID of a batch of uses is its minute times this, and a count: batches then lie in the order of time. */
const BATCHES_PER_MINUTE = 1_000_000;
const MINE = 'store IN (SELECT id FROM engine_store WHERE key = ?)';

/** Columns of a record before its body. */
const RECORD_COLUMNS = 3;
const BODY = `substr(body, ${forms.SEAL_LENGTH + 1})`;
/** By {@link LookScope}; a body that cannot be read is needed, so that it is found damaged. */
const IS_NEEDED = `(image_id IN (SELECT value FROM json_each(?)) OR
  CASE WHEN json_valid(${BODY}) THEN coalesce(json_extract(${BODY}, '$[${forms.MISSING_SINCE}]') <= ?, 1) ELSE 1 END)`;

const REPLACE = 'ON CONFLICT DO UPDATE SET body = excluded.body';
/** Adds a row, or replaces the one with the same key. */
const PUT = {
  pin: `INSERT INTO pin VALUES (?, ?) ${REPLACE}`,
  watch: `INSERT INTO watch VALUES (?, ?) ${REPLACE}`,
  ended: `INSERT INTO ended VALUES (?, ?) ${REPLACE}`,
  lineage: `INSERT INTO lineage VALUES (?, ?, ?) ${REPLACE}`,
  failure: `INSERT INTO failure VALUES (?, ?, ?) ${REPLACE}`,
  intent: `INSERT INTO intent VALUES (?, ?, ?) ${REPLACE}`,
  habit: `INSERT INTO habit VALUES (?, ?, ?, ?) ${REPLACE}, used_idle_ms = excluded.used_idle_ms`,
  /** The idle clock never goes back, even when another process wrote a later one meanwhile. */
  clock: `INSERT INTO clock VALUES (?, ?, ?) ${REPLACE}, idle_ms = excluded.idle_ms WHERE excluded.idle_ms >= clock.idle_ms`,
} as const;

/** A burst brings as many at least; a statement of its own for each record is a third of what its write costs. */
const RECORDS_AT_ONCE = 16;
/** A stamp never moves back: of two processes, the one that read earlier may write later. */
const putRecords = (count: number): string => `INSERT INTO record VALUES ${new Array(count).fill('(?, ?, ?, ?)').join(', ')}
  ${REPLACE}, used_idle_ms = excluded.used_idle_ms WHERE record.used_idle_ms IS NULL OR excluded.used_idle_ms >= record.used_idle_ms`;
const [PUT_RECORD, PUT_MANY_RECORDS] = [putRecords(1), putRecords(RECORDS_AT_ONCE)];

const ADD_BATCH = `INSERT INTO use_batch VALUES
  ((SELECT coalesce(max(id) + 1, ?1) FROM use_batch WHERE id >= ?1 AND id < ?2), ?3, ?4, ?5)`;
const DROP_OLDEST_TENTH = `DELETE FROM use_batch WHERE id <=
  (SELECT id FROM (SELECT id, sum(count) OVER (ORDER BY id) AS upto FROM use_batch) WHERE upto >= ${USES_MAX / 10} LIMIT 1)`;

/** The store over one open database; {@link openSqliteStore} and {@link openMemoryStore} make it. */
export class SqliteStore implements Store {
  readonly path: string;
  readonly condition: StoreCondition;
  readonly #database: SqliteDatabase;
  /** Which file was opened; null in memory. */
  readonly #file: string | null;
  /** How many uses there are; null until this process has counted them once. */
  #useCount: number | null = null;

  constructor(database: SqliteDatabase, condition: StoreCondition) {
    this.path = database.path;
    this.condition = condition;
    this.#database = database;
    this.#file = database.path === MEMORY_PATH ? null : identifyStoreFile(database.path);
  }

  isInPlace(): boolean {
    return this.path === MEMORY_PATH || (this.#file !== null && identifyStoreFile(this.path) === this.#file);
  }

  atomically<Value>(work: () => Value): Value {
    return this.#database.transaction(work);
  }

  readClock(): IdleClockState | null {
    return this.#read(forms.CLOCK_FORM, 'SELECT body FROM clock')[0] ?? null;
  }

  writeClock(clock: IdleClockState): void {
    this.#database.transaction(() => this.#putClock(clock));
  }

  readUsage(key: StoreKey, scope?: LookScope): UsageState {
    const records =
      scope === undefined
        ? this.#readRecords(MINE, key)
        : this.#readRecords(`${MINE} AND ${IS_NEEDED}`, key, JSON.stringify([...scope.images]), scope.missingBefore);
    return { records, ...this.#readLineages(MINE, key) };
  }

  hasRecords(key: StoreKey): boolean {
    return this.#database.readNumber(`SELECT 1 FROM record WHERE ${MINE} LIMIT 1`, key) !== undefined;
  }

  readOtherUsage(key: StoreKey): UsageState {
    const engine = key.slice(0, key.lastIndexOf('/') + 1);
    const others = "store IN (SELECT id FROM engine_store WHERE substr(key, 1, ?) = ? AND instr(substr(key, ?), '/') = 0 AND key <> ?)";
    // One image may stand under several stores: the latest use comes last and wins.
    const cells = [engine.length, engine, engine.length + 1, key];
    return { records: this.#readRecords(`${others} ORDER BY used_idle_ms`, ...cells), ...this.#readLineages(others, ...cells) };
  }

  readRecords(key: StoreKey, images: Iterable<ImageId>): ReadonlyMap<ImageId, UseRecord> {
    return new Map([...images].flatMap((image) => [...this.#readRecords(`${MINE} AND image_id = ?`, key, image)]));
  }

  writeUsage(key: StoreKey, changes: UsageChanges, clock: IdleClockState | null): void {
    this.#write(key, (store) => {
      if (clock !== null) this.#putClock(clock);
      for (const id of changes.forgotten) this.#forget('record', store, id);
      this.#putRecords(store, changes.records);
      for (const lineage of changes.lineages) this.#put('lineage', forms.LINEAGE_FORM, lineage, store, lineage.name);
      this.#addUses(store, changes.uses);
    });
  }

  readWatchState(key: StoreKey): WatchState | null {
    return this.#read(forms.WATCH_FORM, `SELECT body FROM watch WHERE ${MINE}`, key)[0] ?? null;
  }

  writeWatchState(key: StoreKey, state: WatchState, clock: IdleClockState): void {
    this.#write(key, (store) => {
      this.#putClock(clock);
      this.#put('watch', forms.WATCH_FORM, state, store);
    });
  }

  readEnded(key: StoreKey): ReadonlyMap<ContainerId, EndedContainer> {
    return this.#read(forms.ENDED_FORM, `SELECT body FROM ended WHERE ${MINE}`, key)[0] ?? new Map();
  }

  writeEnded(key: StoreKey, ended: ReadonlyMap<ContainerId, EndedContainer>): void {
    this.#write(key, (store) => this.#put('ended', forms.ENDED_FORM, ended, store));
  }

  readLayerFacts(key: StoreKey): LayerFacts {
    return mergeLayerBatches(this.#read(LAYER_BATCH_FORM, `SELECT body FROM layer_batch WHERE ${MINE} ORDER BY id`, key));
  }

  addLayerFacts(key: StoreKey, learned: LayerFacts): void {
    if (learned.layersByImage.size === 0 && learned.sizeByLayer.size === 0) return;
    const sealed = LAYER_BATCH_FORM.seal(toLayerBatch(learned));
    this.#write(key, (store) => this.#database.run('INSERT INTO layer_batch (store, body) VALUES (?, ?)', store, sealed));
  }

  listPins(): readonly StoredPin[] {
    return this.#read(forms.PIN_FORM, 'SELECT body FROM pin ORDER BY pattern');
  }

  putPin(pin: StoredPin): void {
    this.#put('pin', forms.PIN_FORM, pin, pin.pattern);
  }

  removePin(pattern: string): boolean {
    return this.#database.run('DELETE FROM pin WHERE pattern = ?', pattern) > 0;
  }

  readIntents(key: StoreKey): readonly RemovalIntent[] {
    return this.#read(forms.INTENT_FORM, `SELECT body FROM intent WHERE ${MINE}`, key);
  }

  addIntents(key: StoreKey, intents: readonly RemovalIntent[]): void {
    this.#write(key, (store) => {
      for (const intent of intents) this.#put('intent', forms.INTENT_FORM, intent, store, intent.imageId);
    });
  }

  finishRemovals(key: StoreKey, entries: readonly RemovalEntry[], failures: readonly RemovalFailure[]): void {
    this.#write(key, (store) => {
      for (const entry of entries) this.#finish(store, entry);
      for (const failure of failures) this.#put('failure', forms.FAILURE_FORM, failure, store, failure.imageId);
      this.#database.run(`DELETE FROM removal WHERE id <= (SELECT max(id) FROM removal) - ${REMOVALS_MAX}`);
    });
  }

  dropIntents(key: StoreKey, images: readonly ImageId[]): void {
    this.#write(key, (store) => {
      for (const id of images) this.#forget('intent', store, id);
    });
  }

  readRemovals(key: StoreKey, limit: number): readonly RemovalEntry[] {
    return this.#read(forms.REMOVAL_FORM, `SELECT body FROM removal WHERE ${MINE} ORDER BY id DESC LIMIT ?`, key, limit);
  }

  readUses(key: StoreKey, limit: number): readonly UseEntry[] {
    const found: FoundUses = new Map();
    let minute = Number.POSITIVE_INFINITY;
    const sql = `SELECT body FROM use_batch WHERE ${MINE} ORDER BY id DESC`;
    for (const batch of this.#database.iterate((row) => forms.USE_BATCH_FORM.unseal(row[0]), sql, key)) {
      const [first] = batch;
      if (first !== undefined && minuteOf(first) < minute) {
        if (found.size >= limit) break;
        minute = minuteOf(first);
      }
      putEarlier(found, batch);
    }
    return [...found.values()].sort(compareNewestFirst).slice(0, limit);
  }

  readUsesBetween(key: StoreKey, afterMinute: number, beforeMinute: number): readonly UseEntry[] {
    const sql = `SELECT body FROM use_batch WHERE id >= ? AND id < ? AND ${MINE} ORDER BY id DESC`;
    const [first, end] = [(afterMinute + 1) * BATCHES_PER_MINUTE, beforeMinute * BATCHES_PER_MINUTE];
    const batches = this.#database.read((row) => unsealOrNothing(forms.USE_BATCH_FORM, row[0]), sql, first, end, key).flat();
    const found: FoundUses = new Map();
    for (const batch of batches) putEarlier(found, batch);
    return [...found.values()].sort((one, other) => one.at.idleMs - other.at.idleMs || (one.imageId < other.imageId ? -1 : 1));
  }

  readHabits(key: StoreKey): UseHabits {
    const [host] = this.#read(HOST_HABIT_FORM, `SELECT body FROM habit WHERE ${MINE} AND name = ''`, key);
    if (host === undefined) return NO_HABITS;
    const lineages = this.#read(HABIT_FORM, `SELECT body FROM habit WHERE ${MINE} AND name <> ''`, key);
    return { host, learnedMinute: host.learnedMinute, lineages: new Map(lineages.map((habit) => [habit.name, habit])) };
  }

  writeHabits(key: StoreKey, { fromMinute, host, learnedMinute, lineages }: LearnedHabits): void {
    const learnedMs = learnedMinute * MINUTE_MS;
    this.#write(key, (store) => {
      const [known] = this.#read(HOST_HABIT_FORM, "SELECT body FROM habit WHERE store = ? AND name = ''", store);
      if ((known ?? NO_HABITS).learnedMinute !== fromMinute) return;
      this.#put('habit', HOST_HABIT_FORM, { ...host, learnedMinute }, store, '', learnedMs);
      for (const habit of lineages) this.#put('habit', HABIT_FORM, habit, store, habit.name, habit.lastUsedMs);
      this.#database.run("DELETE FROM habit WHERE store = ? AND name <> '' AND used_idle_ms < ?", store, learnedMs - FORGET_HABIT_MS);
    });
  }

  [Symbol.dispose](): void {
    this.#database[Symbol.dispose]();
  }

  /** Checks both seals, whatever the open has checked: a page may be read from the disk once more long after. */
  #readRecords(where: string, ...cells: readonly Cell[]): ReadonlyMap<ImageId, UseRecord> {
    const open = (row: Row): UseRecord => {
      return { imageId: imageId(String(row[1])), ...forms.RECORD_FORM.open(forms.verifyRow(row, RECORD_COLUMNS)) };
    };
    const records = this.#database.read(open, `SELECT * FROM record WHERE ${where}`, ...cells);
    return new Map(records.map((record) => [record.imageId, record]));
  }

  #readLineages(where: string, ...cells: readonly Cell[]): Omit<UsageState, 'records'> {
    const lineages = this.#read(forms.LINEAGE_FORM, `SELECT body FROM lineage WHERE ${where}`, ...cells);
    const failures = this.#read(forms.FAILURE_FORM, `SELECT body FROM failure WHERE ${where}`, ...cells);
    return {
      lineages: new Map(lineages.map((lineage) => [lineage.name, lineage])),
      failures: new Map(failures.map((failure) => [failure.imageId, failure])),
    };
  }

  #read<Value>(form: SealedForm<Value>, sql: string, ...cells: readonly Cell[]): readonly Value[] {
    return this.#database.read((row) => form.unseal(row[0]), sql, ...cells);
  }

  /** Does all of it or nothing. */
  #write(key: StoreKey, work: (store: number) => void): void {
    this.#database.transaction(() => work(this.#storeId(key)));
  }

  /** Adds a row, or replaces the one with the same key. @param columns all but the body, in their order */
  #put<Value>(table: keyof typeof PUT, form: SealedForm<Value>, value: Value, ...columns: readonly Cell[]): void {
    this.#database.run(PUT[table], ...columns, form.seal(value, ...columns));
  }

  #putRecords(store: number, records: readonly UseRecord[]): void {
    let cells: Cell[] = [];
    for (const [at, record] of records.entries()) {
      const columns = [store, record.imageId, record.lastUsed?.idleMs ?? null];
      cells.push(...columns, forms.RECORD_FORM.seal(record, ...columns));
      // Those beyond a multiple go first, so that nothing is left over in the end.
      const isSingle = at < records.length % RECORDS_AT_ONCE;
      if (!isSingle && cells.length < (RECORD_COLUMNS + 1) * RECORDS_AT_ONCE) continue;
      this.#database.run(isSingle ? PUT_RECORD : PUT_MANY_RECORDS, ...cells);
      cells = [];
    }
  }

  #forget(table: 'record' | 'failure' | 'intent', store: number, id: ImageId): void {
    this.#database.run(`DELETE FROM ${table} WHERE store = ? AND image_id = ?`, store, id);
  }

  #putClock(clock: IdleClockState): void {
    this.#put('clock', forms.CLOCK_FORM, clock, 1, clock.idleMs);
  }

  #addUses(store: number, uses: readonly UseEntry[]): void {
    if (uses.length === 0) return;
    this.#useCount ??= this.#database.readNumber('SELECT sum(count) FROM use_batch') ?? 0;
    for (const [minute, batch] of Map.groupBy(uses, minuteOf)) {
      const first = minute * BATCHES_PER_MINUTE;
      this.#database.run(ADD_BATCH, first, first + BATCHES_PER_MINUTE, store, batch.length, forms.USE_BATCH_FORM.seal(batch));
    }
    this.#useCount += uses.length;
    if (this.#useCount <= USES_MAX) return;
    this.#database.run(DROP_OLDEST_TENTH);
    this.#useCount = null;
  }

  #finish(store: number, entry: RemovalEntry): void {
    this.#forget('intent', store, entry.imageId);
    this.#database.run('INSERT INTO removal (store, body) VALUES (?, ?)', store, forms.REMOVAL_FORM.seal(entry));
    if (entry.outcome !== 'removed' && entry.outcome !== 'already-gone') return;
    this.#forget('record', store, entry.imageId);
    this.#forget('failure', store, entry.imageId);
  }

  #storeId(key: StoreKey): number {
    const known = this.#database.readNumber('SELECT id FROM engine_store WHERE key = ?', key);
    if (known !== undefined) return known;
    const id = (this.#database.readNumber('SELECT max(id) FROM engine_store') ?? 0) + 1;
    this.#database.run('INSERT INTO engine_store VALUES (?, ?, ?)', key, id, forms.KEY_FORM.seal(key, key, id));
    return id;
  }
}

function unsealOrNothing<Value>(form: SealedForm<Value>, text: unknown): readonly Value[] {
  try {
    return [form.unseal(text)];
  } catch (error) {
    if (error instanceof BrokenRow) return [];
    throw error;
  }
}
