import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { isDamage, markSuspect, storeError } from './store-error.ts';

// The only file that imports node:sqlite: the module is a release candidate, and its class names are about to change.

/** The path of a database that lives as long as the process. */
export const MEMORY_PATH = ':memory:';

/** What a column can hold. */
export type Cell = string | number | null;

/** One row, its columns in the order of the query. */
export type Row = Readonly<Record<number, SQLOutputValue>>;

/** How long a writer waits for another process's transaction; ours last milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;
/** A log that grew in one large import is cut back to this, so that it does not stay on a small disk. */
const LOG_BYTES_MAX = 4 * 1024 * 1024;
/** In pages. A log that is written over costs half of what one that grows does, so it is turned round early. */
const CHECKPOINT_PAGES = 128;
const DURABLE = `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${LOG_BYTES_MAX};
  PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`;

/** One SQLite connection. Every failure becomes an `OperatingError`; a failed transaction has changed nothing. */
export class SqliteDatabase implements Disposable {
  /** The file, or `:memory:`; what a person is told. */
  readonly path: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** @param location what SQLite opens: the path itself, `:memory:`, or a `file:` URL with options */
  constructor(path: string, location: string | URL, readOnly: boolean) {
    this.path = path;
    this.#database = this.#guarded('open the store', () => new DatabaseSync(location, { readOnly, timeout: BUSY_TIMEOUT_MS }));
    try {
      if (!readOnly) this.execute(DURABLE);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Runs statements that have no parameters. */
  execute(sql: string): void {
    this.#guarded('write the store', () => this.#database.exec(sql));
  }

  /** @returns what `decode` makes of each row; a `BrokenRow` it throws counts as damage */
  read<Value>(decode: (row: Row) => Value, sql: string, ...cells: readonly Cell[]): Value[] {
    // One by one: rows that are all there at once outlive a small heap's young generation.
    return this.#guarded('read the store', () => Array.from(this.#prepare(sql).iterate(...cells), decode));
  }

  /** @returns the first column of the first row, 0 where it is NULL, as a sum of nothing is; undefined where there is no row */
  readNumber(sql: string, ...cells: readonly Cell[]): number | undefined {
    const row = this.#guarded('read the store', (): Row | undefined => this.#prepare(sql).get(...cells));
    return row === undefined ? undefined : Number(row[0]);
  }

  /** The rows of {@link read}, one by one, for who stops early. */
  *iterate<Value>(decode: (row: Row) => Value, sql: string, ...cells: readonly Cell[]): Generator<Value> {
    const rows = this.#guarded('read the store', () => this.#prepare(sql).iterate(...cells));
    for (;;) {
      const next = this.#guarded('read the store', () => {
        const { done, value } = rows.next();
        return done === true ? null : { value: decode(value) };
      });
      if (next === null) return;
      yield next.value;
    }
  }

  /** @returns how many rows the statement changed */
  run(sql: string, ...cells: readonly Cell[]): number {
    return this.#guarded('write the store', () => Number(this.#prepare(sql).run(...cells).changes));
  }

  /** Does all of it or nothing; within another transaction, as part of it. IMMEDIATE, so that two writers queue up instead of failing half-way. */
  transaction<Value>(work: () => Value): Value {
    if (this.#guarded('write the store', () => this.#database.isTransaction)) return work();
    this.run('BEGIN IMMEDIATE');
    try {
      const value = work();
      this.run('COMMIT');
      return value;
    } finally {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
    }
  }

  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    // A row as an array is read twice as fast as one with names.
    statement.setReturnArrays(true);
    this.#statements.set(sql, statement);
    return statement;
  }

  #guarded<Result>(operation: string, work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      if (isDamage(error)) markSuspect(this.path, error.message);
      throw storeError(operation, this.path, error);
    }
  }
}
