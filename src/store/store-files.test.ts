import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { failsWith, fileIn, filledDirectory, KEY, newDirectory, write } from '../../test/contract/store-directory.ts';
import { clockAt } from '../../test/contract/store-values.ts';
import { idleMs, imageId, wallMs } from '../model/brands.ts';
import { openSqliteStore, type StoreOptions } from './open-sqlite-store.ts';
import { SqliteDatabase } from './sqlite-database.ts';

/** What decides about removals; `set-aside` when the store began anew, at once or because of what was read. */
function readDeciding(directory: string, recordsChecked: StoreOptions['recordsChecked'] = 'at-open'): unknown {
  using store = openSqliteStore({ directory, recordsChecked });
  if (store.condition.kind === 'set-aside') return store.condition.kind;
  try {
    return { clock: store.readClock(), usage: store.readUsage(KEY), pins: store.listPins(), intents: store.readIntents(KEY) };
  } catch (error) {
    assert.ok(recordsChecked === 'when-read' && failsWith('store-damaged')(error));
    store[Symbol.dispose]();
    return readDeciding(directory, recordsChecked);
  }
}

/** Changes one byte where the text stands last in the file. */
function flipByte(path: string, text: string): void {
  const content = readFileSync(path);
  const offset = content.lastIndexOf(text);
  assert.notEqual(offset, -1);
  content[offset] = (content[offset] ?? 0) ^ 1;
  writeFileSync(path, content);
}

describe('openSqliteStore()', () => {
  const damages: Readonly<Record<string, (path: string) => void>> = {
    'of random bytes': (path) => writeFileSync(path, Buffer.from(Array.from({ length: 9_000 }, (_, index) => (index * 7919) % 251))),
    'of a few bytes': (path) => writeFileSync(path, 'sha256:abc 1700000000\n'),
    'that is empty': (path) => truncateSync(path, 0),
    'that is cut off': (path) => truncateSync(path, 4_096),
    'cut off within a page': (path) => truncateSync(path, statSync(path).size - 1_000),
    'with one bit flipped in a record': (path) => flipByte(path, '[0,0,'),
    'with one bit flipped in a pin': (path) => flipByte(path, '"reason":"mine"'),
    'with one bit flipped in the idle clock': (path) => flipByte(path, '{"idleMs":6,"reading"'),
    'that another program made': (path) => {
      rmSync(path);
      using other = new SqliteDatabase(path, path, false);
      other.execute('CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)');
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    test(`sets a file ${name} aside, unchanged, and begins anew`, () => {
      const directory = filledDirectory();
      const path = fileIn(directory);
      damage(path);
      const evidence = readFileSync(path);
      using store = openSqliteStore({ directory });
      assert.ok(store.condition.kind === 'set-aside' && store.condition.problem !== '');
      assert.equal(store.condition.evidencePath, `${path}.damaged-1`);
      assert.deepEqual(readFileSync(store.condition.evidencePath), evidence);
      assert.equal(store.readUsage(KEY).records.size, 0);
      write(store, 'new', 1);
      store[Symbol.dispose]();
      using again = openSqliteStore({ directory });
      assert.equal(again.condition.kind, 'sound');
      assert.equal(again.readUsage(KEY).records.size, 1);
    });
  }

  test('sets any damaged page or bit aside, or it changed nothing that decides', () => {
    const sound = filledDirectory();
    const content = readFileSync(fileIn(sound));
    const expected = readDeciding(sound);
    // The version stands in bytes 60 to 63 of the header: changed alone, it is that of a newer program, which is refused instead.
    const offset = fc.nat(content.length - 1).filter((position) => position < 60 || position > 63);
    const flip = fc.record({ offset, bit: fc.nat(7) });
    const damage = fc.oneof(
      flip,
      flip.map((one) => ({ ...one, offset: one.offset - (one.offset % 4_096), length: 4_096 })),
    );
    fc.assert(
      fc.property(damage, ({ offset: start, bit, ...more }) => {
        const directory = newDirectory();
        const damaged = Buffer.from(content);
        const end = 'length' in more ? start + more.length : start + 1;
        for (let at = start; at < end; at += 1) damaged[at] = (damaged[at] ?? 0) ^ (1 << bit);
        writeFileSync(fileIn(directory), damaged);
        const read = newDirectory();
        cpSync(directory, read, { recursive: true });
        for (const found of [readDeciding(directory), readDeciding(read, 'when-read')]) {
          if (found !== 'set-aside') assert.deepEqual(found, expected);
        }
      }),
      { numRuns: 150 },
    );
  });

  const inRecord: Readonly<Record<string, (body: string) => string>> = {
    'what it says': (body) => body.replace('[0,0', '[0,1'),
    'since when its image is missing': (body) => body.replace('null,null,false', '1,1,false'),
    'its form': (body) => body.replace('[', '('),
    'its seal': (body) => body.replace(/^./, 'x'),
  };
  for (const [name, damage] of Object.entries(inRecord)) {
    test(`leaves a record to whoever reads it, finds ${name} damaged then, and the next open sets the store aside`, () => {
      const directory = filledDirectory();
      const path = fileIn(directory);
      {
        using file = new SqliteDatabase(path, path, false);
        const [body] = file.read((row) => String(row[0]), "SELECT body FROM record WHERE image_id = 'sha256:bbbb'");
        const damaged = damage(body ?? assert.fail());
        assert.equal(file.run("UPDATE record SET body = ? WHERE image_id = 'sha256:bbbb' AND body <> ?", damaged, damaged), 1);
      }
      using store = openSqliteStore({ directory, recordsChecked: 'when-read' });
      assert.equal(store.condition.kind, 'sound');
      const listed = { images: [imageId('sha256:bbbb')], missingBefore: idleMs(0) };
      assert.throws(() => store.readUsage(KEY, listed), failsWith('store-damaged'));
      store[Symbol.dispose]();
      using again = openSqliteStore({ directory, recordsChecked: 'when-read' });
      assert.equal(again.condition.kind, 'set-aside');
    });
  }

  for (const recordsChecked of ['at-open', 'when-read'] as const) {
    test(`finds a record damaged that was whole when it was opened (${recordsChecked}), though another process has written since`, () => {
      const directory = filledDirectory();
      using store = openSqliteStore({ directory, recordsChecked });
      flipByte(fileIn(directory), '[0,0,');
      {
        // From here on nothing that SQLite has in memory is worth anything.
        using other = openSqliteStore({ directory, recordsChecked: 'when-read' });
        other.putPin({ pattern: 'team/app', owner: 'ann', reason: 'demo', until: null, createdAt: wallMs(0) });
      }
      assert.throws(() => store.readUsage(KEY), failsWith('store-damaged'));
    });
  }

  for (const change of ["image_id = 'sha256:cccc'", 'used_idle_ms = used_idle_ms - 1']) {
    test(`takes a record for damaged of which ${change} was set: its columns say whose it is`, () => {
      const directory = filledDirectory();
      {
        using file = new SqliteDatabase(fileIn(directory), fileIn(directory), false);
        assert.equal(file.run(`UPDATE record SET ${change} WHERE image_id = 'sha256:bbbb'`), 1);
      }
      {
        using store = openSqliteStore({ directory, recordsChecked: 'when-read' });
        assert.throws(() => store.readUsage(KEY), failsWith('store-damaged'));
      }
      using again = openSqliteStore({ directory });
      assert.equal(again.condition.kind, 'set-aside');
    });
  }

  test('refuses what a newer program wrote, and a note that it is damaged beside it makes no difference', () => {
    const directory = filledDirectory();
    {
      using database = new SqliteDatabase(fileIn(directory), fileIn(directory), false);
      database.execute('PRAGMA user_version = 99');
    }
    writeFileSync(`${fileIn(directory)}.suspect`, 'a row is not what was written');
    assert.throws(() => openSqliteStore({ directory }), failsWith('store-damaged'));
    assert.deepEqual(readdirSync(directory).sort(), ['imagegc.db', 'imagegc.db.suspect']);
  });

  test('gives each piece of evidence a name of its own', () => {
    const directory = filledDirectory();
    for (const number of [1, 2, 3]) {
      writeFileSync(fileIn(directory), `damage ${number}`);
      openSqliteStore({ directory })[Symbol.dispose]();
      assert.equal(readFileSync(`${fileIn(directory)}.damaged-${number}`, 'utf8'), `damage ${number}`);
    }
  });

  test('stays set aside until a look has recorded what counts as used now', () => {
    const directory = filledDirectory();
    writeFileSync(fileIn(directory), 'damage');
    const openKind = (): string => {
      using store = openSqliteStore({ directory });
      return store.condition.kind;
    };
    assert.deepEqual([openKind(), openKind()], ['set-aside', 'set-aside']);
    const looked = openSqliteStore({ directory });
    looked.writeClock(clockAt(1));
    looked[Symbol.dispose]();
    assert.equal(openKind(), 'sound');
  });

  test('carries the pins that can be read over from a damaged file', () => {
    const directory = filledDirectory();
    flipByte(fileIn(directory), '[0,0,');
    using store = openSqliteStore({ directory });
    assert.deepEqual(
      store.listPins().map(({ pattern }) => pattern),
      ['app'],
    );
  });

  test('ends a setting aside that was cut short, behind the database or behind its log: evidence and pins are there', () => {
    for (const isLogMoved of [false, true]) {
      const directory = newDirectory();
      const path = fileIn(directory);
      {
        using living = openSqliteStore({ directory: filledDirectory() });
        write(living, 'sha256:cccc', 7);
        cpSync(living.path, `${path}.damaged-1`);
        cpSync(`${living.path}-wal`, `${path}${isLogMoved ? '.damaged-1' : ''}-wal`);
      }
      using store = openSqliteStore({ directory });
      assert.ok(store.condition.kind === 'set-aside');
      assert.equal(store.condition.evidencePath, `${path}.damaged-1`);
      assert.ok(statSync(`${path}.damaged-1-wal`).size > 0);
      assert.equal(store.listPins().length, 1);
    }
  });

  test('takes a log without its database for damage', () => {
    const directory = filledDirectory();
    rmSync(fileIn(directory));
    writeFileSync(`${fileIn(directory)}-wal`, 'frames');
    using store = openSqliteStore({ directory });
    assert.ok(store.condition.kind === 'set-aside');
    assert.equal(readFileSync(`${store.condition.evidencePath}-wal`, 'utf8'), 'frames');
  });

  describe('looks at the log that a killed process left:', () => {
    /** A copy of a store while it is open: what kill -9 leaves. */
    function abandonedDirectory(): string {
      const directory = newDirectory();
      const copy = newDirectory();
      using store = openSqliteStore({ directory });
      for (let used = 1; used <= 5; used += 1) write(store, `sha256:${used}`, used * 60_000);
      cpSync(directory, copy, { recursive: true });
      return copy;
    }

    test('whole, nothing is lost', () => {
      using store = openSqliteStore({ directory: abandonedDirectory() });
      assert.equal(store.condition.kind, 'sound');
      assert.equal(store.readUsage(KEY).records.size, 5);
    });

    test('with its tail cut off, the rest is kept', () => {
      const directory = abandonedDirectory();
      const log = `${fileIn(directory)}-wal`;
      truncateSync(log, statSync(log).size - 100);
      using store = openSqliteStore({ directory });
      assert.equal(store.condition.kind, 'sound');
      assert.equal(store.readUsage(KEY).records.size, 4);
    });

    for (const [name, offset] of [
      ['in its header', 5],
      ['in its first transaction', 200],
    ] as const) {
      test(`damaged ${name}, the store is set aside with it`, () => {
        const directory = abandonedDirectory();
        const log = readFileSync(`${fileIn(directory)}-wal`);
        log[offset] = (log[offset] ?? 0) ^ 4;
        writeFileSync(`${fileIn(directory)}-wal`, log);
        using store = openSqliteStore({ directory });
        assert.ok(store.condition.kind === 'set-aside');
        assert.deepEqual(readFileSync(`${store.condition.evidencePath}-wal`), log);
      });
    }
  });

  test('sets aside at the next open what turned out to be damaged while reading', () => {
    const directory = filledDirectory();
    flipByte(fileIn(directory), '"sighting"');
    using store = openSqliteStore({ directory });
    assert.equal(store.condition.kind, 'sound');
    assert.throws(() => store.readUses(KEY, 9), failsWith('store-damaged'));
    store[Symbol.dispose]();
    using again = openSqliteStore({ directory });
    assert.equal(again.condition.kind, 'set-aside');
    again.writeClock(clockAt(1));
    again[Symbol.dispose]();
    using third = openSqliteStore({ directory });
    assert.equal(third.condition.kind, 'sound');
  });
});
