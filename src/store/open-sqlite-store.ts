import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readOrNull } from '../model/error.ts';
import type { StoredPin } from '../model/use-record.ts';
import { DECIDING_TABLES, migrate, verifySchema } from './schema.ts';
import { PIN_FORM, verifyRow } from './sealed-json.ts';
import { MEMORY_PATH, SqliteDatabase } from './sqlite-database.ts';
import { SqliteStore } from './sqlite-store.ts';
import type { Store, StoreCondition } from './store.ts';
import { BrokenRow, isDamage, storeError, suspectPath } from './store-error.ts';
import { createStoreFile, findEvidence, inspectStoreFile, makeStoreDirectory, setAside, sizeOf } from './store-files.ts';

/** Where the store is, and whether this process may write it. */
export interface StoreOptions {
  /** Made when it is missing, unless only read. */
  readonly directory: string;
  /** `read-only`: nothing on disk is touched, and every write throws `permission`. A store that does not exist reads as an empty one. */
  readonly access?: 'read-write' | 'read-only';
  /**
   * `when-read`: a use record that is damaged is found when it is read, throws `store-damaged`, and the next open sets the store aside. For a
   * daemon, which opens the store again by itself: to check 10,000 records, most of images long gone, would be a fifth of its start.
   */
  readonly recordsChecked?: 'at-open' | 'when-read';
}

type Checked = NonNullable<StoreOptions['recordsChecked']>;

const FILE_NAME = 'imagegc.db';
const SOUND: StoreCondition = { kind: 'sound' };
const NEW: StoreCondition = { kind: 'new' };

/**
 * Opens the store, and makes it when there is none. What is damaged or another program's is set aside as evidence, pins that can
 * still be read are carried over, and a new database is begun; `condition` tells.
 *
 * Every open checks the structure of the tables that decide about removals and the seal of each of their rows, but for `recordsChecked`.
 *
 * @throws OperatingError `permission`, `disk-full`, `disk-read-only`; `store-damaged` where a directory lies in its place, a newer
 * program wrote it, or (read-only) it cannot be set aside; `settings` when the directory is a file; `lock-held` after 5 s of waiting
 */
export function openSqliteStore({ directory, access = 'read-write', recordsChecked = 'at-open' }: StoreOptions): Store {
  const path = join(directory, FILE_NAME);
  if (access === 'read-only') return openReadOnly(path);
  makeStoreDirectory(directory);
  const finding = inspectStoreFile(path, true);
  if (finding.kind === 'damaged') return beginAnew(path, finding.problem);
  if (finding.kind === 'absent') createStoreFile(path, (temporary) => fillNew(path, temporary));
  try {
    return openFound(path, finding.kind === 'absent' ? NEW : SOUND, recordsChecked);
  } catch (error) {
    const cause = error instanceof Error ? error.cause : null;
    if (!isDamage(cause)) throw error;
    return beginAnew(path, cause.message);
  }
}

/** A store that was set aside stays so until a look has recorded what counts as used now: `pin` alone must not make it sound. */
function openFound(path: string, found: StoreCondition, recordsChecked: Checked, problem = 'as an earlier command found'): Store {
  const database = openVerified(path, { recordsChecked });
  const store = new SqliteStore(database, found);
  const evidencePath = findEvidence(path);
  if (evidencePath === null || store.readClock() !== null) return store;
  return new SqliteStore(database, { kind: 'set-aside', evidencePath, problem });
}

/** A store that lives as long as the process: for tests, demonstrations and decisions without a host. The same SQL. */
export function openMemoryStore(): Store {
  return new SqliteStore(openMemory(), NEW);
}

function openMemory(): SqliteDatabase {
  const database = new SqliteDatabase(MEMORY_PATH, MEMORY_PATH, false);
  migrate(database);
  return database;
}

/** With the pins of the evidence from the first moment on: a crash after setting aside must not lose them. */
function fillNew(path: string, temporary: string): void {
  using database = new SqliteDatabase(path, temporary, false);
  migrate(database);
  const evidencePath = findEvidence(path);
  if (evidencePath === null) return;
  const store = new SqliteStore(database, NEW);
  for (const pin of salvagePins(evidencePath)) store.putPin(pin);
}

function beginAnew(path: string, problem: string): Store {
  setAside(path);
  createStoreFile(path, (temporary) => fillNew(path, temporary));
  return openFound(path, SOUND, 'at-open', problem);
}

/** A pin is a person's wish and cannot be observed again, unlike uses. @returns those whose seal is whole */
function salvagePins(evidencePath: string): readonly StoredPin[] {
  try {
    using database = new SqliteDatabase(evidencePath, readOnlyLocation(evidencePath), true);
    return database.read((row) => readOrNull(() => PIN_FORM.unseal(row[0])), 'SELECT body FROM pin').filter((pin) => pin !== null);
  } catch {
    return [];
  } finally {
    // That the evidence is damaged needs no note beside it.
    rmSync(suspectPath(evidencePath), { force: true });
  }
}

/** How a database that is there is opened. */
interface Opening {
  readonly location?: string | URL;
  readonly readOnly?: boolean;
  readonly recordsChecked?: Checked;
}

function openVerified(path: string, { location = path, readOnly = false, recordsChecked = 'at-open' }: Opening): SqliteDatabase {
  const database = new SqliteDatabase(path, location, readOnly);
  try {
    if (!readOnly) migrate(database);
    verify(database, recordsChecked);
    return database;
  } catch (error) {
    database[Symbol.dispose]();
    throw error;
  }
}

/** Near 3 us per image: 3 ms for 1,000, 0.35 s for 100,000. The whole file would cost a read of all history, slow on flash. */
function verify(database: SqliteDatabase, recordsChecked: Checked): void {
  try {
    verifySchema(database);
    for (const table of DECIDING_TABLES) {
      const answers = database.read((row) => String(row[0]), `PRAGMA quick_check(${table})`);
      if (answers.length !== 1 || answers[0] !== 'ok') throw new BrokenRow(answers.join('; '));
      if (table === 'record' && recordsChecked === 'when-read') continue;
      const last = database.readNumber(`SELECT count(*) - 1 FROM pragma_table_info('${table}')`) ?? 0;
      database.read((row) => verifyRow(row, last), `SELECT * FROM ${table}`);
    }
  } catch (error) {
    throw storeError('check the store', database.path, error);
  }
}

function openReadOnly(path: string): Store {
  const finding = inspectStoreFile(path, false);
  if (finding.kind === 'damaged') throw storeError('open the store', path, new BrokenRow(finding.problem));
  if (finding.kind === 'ours') return new SqliteStore(openVerified(path, { location: readOnlyLocation(path), readOnly: true }), SOUND);
  const database = openMemory();
  database.execute('PRAGMA query_only = 1');
  return new SqliteStore(database, NEW);
}

/** Without a log there is nothing but the file, and SQLite need not make an index beside it, which a reader may not be allowed to. */
function readOnlyLocation(path: string): string | URL {
  const url = pathToFileURL(path);
  url.searchParams.set('immutable', '1');
  return sizeOf(`${path}-wal`) > 0 ? path : url;
}
