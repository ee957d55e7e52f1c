import { OperatingError } from '../model/error.ts';
import type { SqliteDatabase } from './sqlite-database.ts';
import { BrokenRow } from './store-error.ts';

/** Marks a database as ours in the file's header: "imgc" (sqlite.org/fileformat2.html, offset 68). */
export const APPLICATION_ID = 0x696d6763;

/** The tables that decide about removals: verified row by row at each open. History and layer facts inform, and are verified when read. */
export const DECIDING_TABLES = ['engine_store', 'clock', 'pin', 'intent', 'failure', 'lineage', 'record', 'habit', 'ended'] as const;

// A `body` is one sealed JSON text (sealed-json.ts); columns before it are what queries need. `store` is one image store of one engine.
// No second index anywhere: only the slow `integrity_check` compares an index with its table.
const FIRST = `
  CREATE TABLE engine_store (key TEXT PRIMARY KEY, id INTEGER NOT NULL, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 1), idle_ms NOT NULL, body TEXT NOT NULL);
  CREATE TABLE record (store INTEGER NOT NULL, image_id TEXT NOT NULL, used_idle_ms, body TEXT NOT NULL,
    PRIMARY KEY (store, image_id)) WITHOUT ROWID;
  CREATE TABLE lineage (store INTEGER NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (store, name)) STRICT, WITHOUT ROWID;
  CREATE TABLE failure (store INTEGER NOT NULL, image_id TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (store, image_id)) STRICT, WITHOUT ROWID;
  CREATE TABLE intent (store INTEGER NOT NULL, image_id TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (store, image_id)) STRICT, WITHOUT ROWID;
  CREATE TABLE pin (pattern TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE use (minute INTEGER NOT NULL, store INTEGER NOT NULL, image_id TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (minute, store, image_id)) STRICT, WITHOUT ROWID;
  CREATE TABLE removal (id INTEGER PRIMARY KEY, store INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE TABLE layer_batch (id INTEGER PRIMARY KEY, store INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
`;

/** What the daemon remembers; and from here on a record says whether its image was in use when last known. */
const SECOND = `
  CREATE TABLE watch (store INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
`;

/** Uses of one write in one row. The ID begins with the minute (sqlite-store.ts), so that the newest are found without an index. */
const THIRD = `
  CREATE TABLE use_batch (id INTEGER PRIMARY KEY, store INTEGER NOT NULL, count INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  INSERT INTO use_batch SELECT minute * 1000000 + row_number() OVER (PARTITION BY minute) - 1, store, 1, body FROM use;
  DROP TABLE use;
`;

/** What was learned of how images are used, by lineage; under no name, what was learned of all together. */
const FOURTH = `
  CREATE TABLE habit (store INTEGER NOT NULL, name TEXT NOT NULL, used_idle_ms INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (store, name)) STRICT, WITHOUT ROWID;
`;

/** Which containers have ended, and since when they were seen so. */
const FIFTH = `
  CREATE TABLE ended (store INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
`;

/** From here on the body of a record leaves out its image, which has a column: a quarter of what a record takes. */
const SIXTH = '';

/** One step per schema version, in order; a step that was released never changes. */
const MIGRATIONS: readonly string[] = [FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH];

/** The schema version that this program reads and writes. */
const SCHEMA_VERSION = MIGRATIONS.length;

/**
 * Brings a database to our schema in one transaction.
 *
 * @throws OperatingError `store-damaged` when a newer program wrote it; nothing is changed then
 */
export function migrate(database: SqliteDatabase): void {
  if (readVersion(database) === SCHEMA_VERSION) return;
  database.transaction(() => {
    const version = readVersion(database);
    refuseNewer(database.path, version);
    for (const step of MIGRATIONS.slice(version)) database.execute(step);
    database.execute(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`);
  });
  // Older programs judge the file by its own header, and not by what the log says of it.
  database.read(() => null, 'PRAGMA wal_checkpoint(TRUNCATE)');
}

/** @throws BrokenRow when the tables are not those that our migrations make, or two of them share their pages */
export function verifySchema(database: SqliteDatabase): void {
  const made = MIGRATIONS.join('');
  const rows = database.read((row) => ({ page: row[0], sql: row[1] }), 'SELECT rootpage, sql FROM sqlite_schema');
  const isOurs = rows.every(({ sql }) => sql === null || (typeof sql === 'string' && made.includes(sql)));
  if (!isOurs || new Set(rows.map(({ page }) => page)).size !== rows.length) throw new BrokenRow('the tables are not ours');
}

/** @throws OperatingError `store-damaged` when the version is newer than ours */
export function refuseNewer(path: string, version: number): void {
  if (version <= SCHEMA_VERSION) return;
  const problem = `a newer imagegc wrote it (schema ${version}, this one reads up to ${SCHEMA_VERSION})`;
  const hint = 'use the newer imagegc, or set [store] path to another directory; nothing was changed';
  throw new OperatingError({ kind: 'store-damaged', operation: 'open the store', subject: path, problem, hint });
}

/** @returns the schema version that the database states */
function readVersion(database: SqliteDatabase): number {
  return database.readNumber('PRAGMA user_version') ?? 0;
}
