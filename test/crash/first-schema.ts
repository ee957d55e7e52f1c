import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { sealedForm } from '../../src/store/sealed-json.ts';
import { SqliteDatabase } from '../../src/store/sqlite-database.ts';
import { KEY } from '../worlds/daemon-world.ts';

/** What the first release made, word for word: a step that was released never changes. */
const SQL = `
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
  PRAGMA application_id = 1768777571; PRAGMA user_version = 1;
`;

const FORM = sealedForm<unknown>(
  (content) => content,
  (content) => content,
);

const USED = `sha256:${'a'.repeat(64)}`;

/** Makes a store as the first release left it, with some records, uses and a pin. */
export function makeFirstStore(directory: string): void {
  mkdirSync(directory, { mode: 0o700 });
  const path = join(directory, 'imagegc.db');
  using database = new SqliteDatabase(path, path, false);
  database.execute(SQL);
  const reading = { bootId: 'boot-1', bootTimeMs: 5_000, suspendedMs: 0, wallMs: 1_700_000_000_000, isSynchronised: true };
  const insert =
    (table: string, ...columns: readonly (string | number)[]) =>
    (content: unknown) => {
      const marks = [...columns, ''].map(() => '?').join(', ');
      database.run(`INSERT INTO ${table} VALUES (${marks})`, ...columns, FORM.seal(content, ...columns));
    };
  insert('engine_store', KEY, 1)(KEY);
  insert('clock', 1, 900_000)({ idleMs: 900_000, reading, gapCreditMs: 0 });
  for (const [image, used] of [
    ['a', 1_000],
    ['b', 800_000],
  ] as const) {
    const id = `sha256:${image.repeat(64)}`;
    insert('record', 1, id, used)([id, 500, 1_700_000_000_500, used, 1_700_000_000_000 + used, 'pulled', [], [], null, null]);
  }
  // The first kept a use as an object, the second as a list; neither sealed its columns.
  for (const [minute, use] of [
    [0, { imageId: USED, references: ['docker.io/lab/a:1'], evidence: 'container', at: { idleMs: 1_000, wallMs: 1_700_000_001_000 } }],
    [13, [USED, 'sighting', 800_000, 1_700_000_800_000, []]],
  ] as const) {
    database.run('INSERT INTO use VALUES (?, 1, ?, ?)', minute, USED, FORM.seal(use));
  }
  insert('pin', 'app')({ pattern: 'app', owner: 'root', reason: 'mine', until: null, createdAt: 1 });
}
