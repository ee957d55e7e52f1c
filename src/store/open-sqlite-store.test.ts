import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { at, clockAt, recordOf } from '../../test/contract/store-values.ts';
import { imageId, wallMs } from '../model/brands.ts';
import { OperatingError, type OperatingErrorKind } from '../model/error.ts';
import type { UseEntry } from '../model/use-record.ts';
import { openMemoryStore, openSqliteStore } from './open-sqlite-store.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import { REMOVALS_MAX, USES_MAX } from './sqlite-store.ts';
import type { Store } from './store.ts';

const KEY = 'engine/store';
const root = mkdtempSync(join(tmpdir(), 'imagegc-store-'));
chmodSync(root, 0o755);
after(() => rmSync(root, { recursive: true }));

const isRoot = process.getuid?.() === 0;
const needsRoot = isRoot ? {} : { skip: 'needs root, to mount a file system' };

function newDirectory(): string {
  return mkdtempSync(join(root, 'store-'));
}

function fileIn(directory: string): string {
  return join(directory, 'imagegc.db');
}

function write(store: Store, id: string, used: number): void {
  store.writeUsage(KEY, { records: [recordOf(id, used)], forgotten: [], lineages: [], uses: [useOf(id, used)] }, clockAt(used));
}

function useOf(id: string, used: number): UseEntry {
  return { imageId: imageId(id), references: [], evidence: 'sighting', at: at(used) };
}

/** A closed store that holds two records, a pin and a use. */
function filledDirectory(): string {
  const directory = newDirectory();
  using store = openSqliteStore({ directory });
  write(store, 'sha256:aaaa', 5);
  write(store, 'sha256:bbbb', 6);
  store.putPin({ pattern: 'app', owner: 'root', reason: 'mine', until: null, createdAt: wallMs(1) });
  return directory;
}

/** What decides about removals; `set-aside` when the store began anew. */
function readDeciding(directory: string): unknown {
  using store = openSqliteStore({ directory });
  if (store.condition.kind === 'set-aside') return store.condition.kind;
  return { clock: store.readClock(), usage: store.readUsage(KEY), pins: store.listPins(), intents: store.readIntents(KEY) };
}

/** Changes one byte where the text stands last in the file. */
function flipByte(path: string, text: string): void {
  const content = readFileSync(path);
  const offset = content.lastIndexOf(text);
  assert.notEqual(offset, -1);
  content[offset] = (content[offset] ?? 0) ^ 1;
  writeFileSync(path, content);
}

function failsWith(kind: OperatingErrorKind): (error: unknown) => boolean {
  return (error) => error instanceof OperatingError && error.kind === kind && error.hint !== null;
}

/** Opens the store in a process of its own, and tells the kind of the error or the condition. */
function openElsewhere(directory: string, body: string, user?: number): string {
  const script = childScript(directory, body);
  const identity = user === undefined ? {} : { uid: user, gid: user };
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', ...identity });
  return stdout.trim() || stderr;
}

function childScript(directory: string, body: string): string {
  const source = JSON.stringify(new URL('./open-sqlite-store.ts', import.meta.url).href);
  const values = JSON.stringify(new URL('../../test/contract/store-values.ts', import.meta.url).href);
  return `
    import { openMemoryStore, openSqliteStore } from ${source};
    import { clockAt, recordOf } from ${values};
    const directory = ${JSON.stringify(directory)};
    const write = (store, id, used) =>
      store.writeUsage('${KEY}', { records: [recordOf(id, used)], forgotten: [], lineages: [], uses: [] }, clockAt(used));
    try { ${body} } catch (error) { console.log(error.kind ?? error.stack); }`;
}

describe('openSqliteStore()', () => {
  test('makes directory and files for their owner alone', () => {
    const directory = join(newDirectory(), 'a/b');
    using store = openSqliteStore({ directory });
    write(store, 'a', 1);
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(directory).sort(), ['imagegc.db', 'imagegc.db-shm', 'imagegc.db-wal']);
    for (const name of readdirSync(directory)) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name);
  });

  test('finds a store that was closed sound and complete', () => {
    using store = openSqliteStore({ directory: filledDirectory() });
    assert.equal(store.condition.kind, 'sound');
    assert.deepEqual([...store.readUsage(KEY).records.keys()], ['sha256:aaaa', 'sha256:bbbb']);
  });

  const damages: Readonly<Record<string, (path: string) => void>> = {
    'of random bytes': (path) => writeFileSync(path, Buffer.from(Array.from({ length: 9_000 }, (_, index) => (index * 7919) % 251))),
    'of a few bytes': (path) => writeFileSync(path, 'sha256:abc 1700000000\n'),
    'that is empty': (path) => truncateSync(path, 0),
    'that is cut off': (path) => truncateSync(path, 4_096),
    'cut off within a page': (path) => truncateSync(path, statSync(path).size - 1_000),
    'with one bit flipped in a record': (path) => flipByte(path, '"sha256:bbbb",0'),
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
    const flip = fc.record({ offset: fc.nat(content.length - 1), bit: fc.nat(7) });
    const damage = fc.oneof(
      flip,
      flip.map(({ offset, bit }) => ({ offset: offset - (offset % 4_096), bit, length: 4_096 })),
    );
    fc.assert(
      fc.property(damage, ({ offset, bit, ...more }) => {
        const directory = newDirectory();
        const damaged = Buffer.from(content);
        const end = 'length' in more ? offset + more.length : offset + 1;
        for (let at = offset; at < end; at += 1) damaged[at] = (damaged[at] ?? 0) ^ (1 << bit);
        writeFileSync(fileIn(directory), damaged);
        const found = readDeciding(directory);
        if (found !== 'set-aside') assert.deepEqual(found, expected);
      }),
      { numRuns: 150 },
    );
  });

  test('gives each piece of evidence a name of its own', () => {
    const directory = filledDirectory();
    for (const number of [1, 2, 3]) {
      writeFileSync(fileIn(directory), `damage ${number}`);
      openSqliteStore({ directory })[Symbol.dispose]();
      assert.equal(readFileSync(`${fileIn(directory)}.damaged-${number}`, 'utf8'), `damage ${number}`);
    }
  });

  test('carries the pins that can be read over from a damaged file', () => {
    const directory = filledDirectory();
    flipByte(fileIn(directory), '"sha256:bbbb",0');
    using store = openSqliteStore({ directory });
    assert.deepEqual(
      store.listPins().map(({ pattern }) => pattern),
      ['app'],
    );
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
    flipByte(fileIn(directory), '"evidence":"sighting"');
    using store = openSqliteStore({ directory });
    assert.equal(store.condition.kind, 'sound');
    assert.throws(() => store.readUses(KEY, 9), failsWith('store-damaged'));
    store[Symbol.dispose]();
    using again = openSqliteStore({ directory });
    assert.equal(again.condition.kind, 'set-aside');
    again[Symbol.dispose]();
    using third = openSqliteStore({ directory });
    assert.equal(third.condition.kind, 'sound');
  });

  test('leaves the store of a newer program as it is', () => {
    const directory = filledDirectory();
    {
      using database = new SqliteDatabase(fileIn(directory), fileIn(directory), false);
      database.execute('PRAGMA user_version = 99');
    }
    const before = readFileSync(fileIn(directory));
    assert.throws(() => openSqliteStore({ directory }), failsWith('store-damaged'));
    assert.deepEqual(readFileSync(fileIn(directory)), before);
    assert.deepEqual(readdirSync(directory), ['imagegc.db']);
  });

  test('refuses a directory where the database belongs, and a file where the directory belongs', () => {
    const directory = newDirectory();
    mkdirSync(fileIn(directory));
    assert.throws(() => openSqliteStore({ directory }), failsWith('store-damaged'));
    writeFileSync(join(directory, 'plain'), '');
    assert.throws(() => openSqliteStore({ directory: join(directory, 'plain') }), failsWith('settings'));
    assert.deepEqual(readdirSync(directory).sort(), ['imagegc.db', 'plain']);
  });
});

describe('openSqliteStore() for reading only', () => {
  test('reads, and refuses every write with "permission"', () => {
    const directory = filledDirectory();
    using store = openSqliteStore({ directory, access: 'read-only' });
    assert.equal(store.readUsage(KEY).records.size, 2);
    assert.throws(() => write(store, 'a', 9), failsWith('permission'));
    assert.throws(() => store.removePin('app'), failsWith('permission'));
    assert.deepEqual(readdirSync(directory), ['imagegc.db']);
  });

  test('reads what a process that writes has not yet put into the database file', () => {
    const directory = newDirectory();
    using writer = openSqliteStore({ directory });
    write(writer, 'a', 1);
    using store = openSqliteStore({ directory, access: 'read-only' });
    assert.equal(store.readUsage(KEY).records.size, 1);
  });

  test('reads an empty store where there is none, and makes nothing', () => {
    const directory = join(newDirectory(), 'missing');
    using store = openSqliteStore({ directory, access: 'read-only' });
    assert.equal(store.condition.kind, 'new');
    assert.equal(store.readUsage(KEY).records.size, 0);
    assert.throws(() => write(store, 'a', 1), failsWith('permission'));
    assert.equal(existsSync(directory), false);
  });

  test('says that a file is damaged, and leaves it', () => {
    const directory = filledDirectory();
    writeFileSync(fileIn(directory), 'nonsense');
    assert.throws(() => openSqliteStore({ directory, access: 'read-only' }), failsWith('store-damaged'));
    assert.deepEqual(readdirSync(directory), ['imagegc.db']);
  });
});

describe('a store that cannot be written', () => {
  const nobody = isRoot ? 65_534 : undefined;

  test('of another user is "permission", and reads where it may', () => {
    const directory = filledDirectory();
    chmodSync(directory, 0o555);
    chmodSync(fileIn(directory), 0o444);
    assert.equal(openElsewhere(directory, 'openSqliteStore({ directory })', nobody), 'permission');
    const read = `console.log(openSqliteStore({ directory, access: 'read-only' }).readUsage('${KEY}').records.size)`;
    assert.equal(openElsewhere(directory, read, nobody), '2');
    assert.equal(openElsewhere(join(directory, 'below'), 'openSqliteStore({ directory })', nobody), 'permission');
    chmodSync(directory, 0o755);
  });

  /** Runs a script with a file system of 400 kB of its own mounted at the directory; the mount ends with the process. */
  function onSmallDisk(directory: string, body: string, then = ''): string {
    const command = `mount -t tmpfs -o size=400k none '${directory}' && cp -r '${directory}.before/.' '${directory}' && ${then || 'true'} && exec "$0" --input-type=module -e "$1"`;
    const script = childScript(directory, body);
    const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', command, process.execPath, script], { encoding: 'utf8' });
    return stdout.trim() || stderr;
  }

  function beforeSmallDisk(): string {
    const directory = filledDirectory();
    cpSync(directory, `${directory}.before`, { recursive: true });
    return directory;
  }

  test('on a full disk is "disk-full", and what was there stays readable', needsRoot, () => {
    const body = `
      const store = openSqliteStore({ directory });
      const kinds = [];
      for (let used = 10; kinds.length === 0 && used < 9_000; used += 1) {
        try { write(store, 'sha256:' + used + 'x'.repeat(900), used); } catch (error) { kinds.push(error.kind, used, store.readUsage('${KEY}').records.size, store.readClock().idleMs); }
      }
      console.log(kinds.join(' '));`;
    const [kind, failedAt, records, clock] = onSmallDisk(beforeSmallDisk(), body).split(' ');
    assert.equal(kind, 'disk-full');
    assert.equal(Number(records), Number(failedAt) - 10 + 2);
    assert.equal(Number(clock), Number(failedAt) - 1);
  });

  test('on a disk without room for a new store is "disk-full" and leaves nothing half-written', needsRoot, () => {
    const directory = newDirectory();
    mkdirSync(`${directory}.before`);
    const fill = `(head -c 500k /dev/zero > '${directory}/ballast' 2>&- || true)`;
    const body = `
      const { readdirSync } = await import('node:fs');
      try { openSqliteStore({ directory }); } catch (error) { console.log(error.kind, readdirSync(directory).join(' ')); }`;
    assert.equal(onSmallDisk(directory, body, fill), 'disk-full ballast');
  });

  test('on a read-only disk is "disk-read-only", and reads', needsRoot, () => {
    const directory = beforeSmallDisk();
    const body = `
      try { openSqliteStore({ directory }); } catch (error) { console.log(error.kind); }
      console.log(openSqliteStore({ directory, access: 'read-only' }).readUsage('${KEY}').records.size);`;
    assert.equal(onSmallDisk(directory, body, `mount -o remount,ro '${directory}'`), 'disk-read-only\n2');
  });
});

describe('a store in several processes', () => {
  test('that are killed while they write keeps every write that was acknowledged', async () => {
    const directory = newDirectory();
    for (let round = 0; round < 3; round += 1) {
      const body = `const store = openSqliteStore({ directory });
        for (let used = 1; ; used += 1) { write(store, 'sha256:${round}-' + used, used); process.stdout.write(used + '\\n'); }`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', childScript(directory, body)]);
      let acknowledged = 0;
      for await (const line of createInterface(child.stdout)) {
        acknowledged = Number(line);
        if (acknowledged >= 20) child.kill('SIGKILL');
      }
      using store = openSqliteStore({ directory });
      assert.equal(store.condition.kind, 'sound');
      const { records } = store.readUsage(KEY);
      const lost = Array.from({ length: acknowledged }, (_, index) => `sha256:${round}-${index + 1}`).filter(
        (id) => !records.has(imageId(id)),
      );
      assert.ok(acknowledged >= 20);
      assert.deepEqual(lost, []);
    }
  });

  test('that begin it and write at once loses nothing', async () => {
    const directory = newDirectory();
    const writers = ['a', 'b', 'c'].map((name) => {
      const body = `const store = openSqliteStore({ directory });
        for (let used = 0; used < 40; used += 1) write(store, '${name}' + used, used);`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', childScript(directory, body)], { stdio: 'inherit' });
      return new Promise((resolve) => child.on('exit', resolve));
    });
    assert.deepEqual(await Promise.all(writers), [0, 0, 0]);
    using store = openSqliteStore({ directory });
    assert.equal(store.condition.kind, 'sound');
    assert.equal(store.readUsage(KEY).records.size, 120);
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.includes('.new-')),
      [],
    );
  });
});

describe('history', () => {
  test('keeps a bounded number of uses, the newest', () => {
    using store = openMemoryStore();
    const uses = Array.from({ length: USES_MAX + 1 }, (_, index) => useOf('a', index * 60_000));
    store.writeUsage(KEY, { records: [], forgotten: [], lineages: [], uses }, clockAt(1));
    const kept = store.readUses(KEY, USES_MAX * 2);
    assert.equal(kept.length, USES_MAX * 0.9 + 1);
    assert.equal(kept[0]?.at.idleMs, USES_MAX * 60_000);
  });

  test('keeps a bounded number of removals, the newest', () => {
    using store = openMemoryStore();
    const entries = Array.from({ length: REMOVALS_MAX + 3 }, (_, index) => {
      const intent = {
        imageId: imageId(`${index}`),
        references: [],
        digests: [],
        rule: 'disk',
        freesBytes: null,
        mark: '',
        at: at(index),
      } as const;
      return { ...intent, outcome: 'removed', message: '' } as const;
    });
    store.finishRemovals(KEY, entries, []);
    const kept = store.readRemovals(KEY, REMOVALS_MAX * 2);
    assert.equal(kept.length, REMOVALS_MAX);
    assert.equal(kept[0]?.imageId, `${REMOVALS_MAX + 2}`);
  });
});
