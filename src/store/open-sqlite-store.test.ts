import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { failsWith, fileIn, filledDirectory, KEY, newDirectory, write } from '../../test/contract/store-directory.ts';
import { at } from '../../test/contract/store-values.ts';
import { makeFirstStore } from '../../test/crash/first-schema.ts';
import { KEY as FIRST_KEY } from '../../test/worlds/daemon-world.ts';
import { imageId } from '../model/brands.ts';
import { openSqliteStore } from './open-sqlite-store.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import type { Store } from './store.ts';

const isRoot = process.getuid?.() === 0;
const needsRoot = isRoot ? {} : { skip: 'needs root, to mount a file system' };

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

  test('reads the uses that the first schemas kept one by one', () => {
    const directory = join(newDirectory(), 'store');
    makeFirstStore(directory);
    using store = openSqliteStore({ directory });
    const uses = store.readUses(FIRST_KEY, 9).map(({ evidence, references, at }) => [evidence, references, at.idleMs]);
    assert.deepEqual(uses, [
      ['sighting', [], 800_000],
      ['container', ['docker.io/lab/a:1'], 1_000],
    ]);
  });

  test('reads the records of the first schemas, which said their image twice, and writes them on', () => {
    const directory = join(newDirectory(), 'store');
    makeFirstStore(directory);
    const [a, b] = [imageId(`sha256:${'a'.repeat(64)}`), imageId(`sha256:${'b'.repeat(64)}`)];
    const readAll = (store: Store) =>
      [...store.readUsage(FIRST_KEY).records].map(([id, { imageId: own, lastUsed }]) => [id, own, lastUsed?.idleMs]);
    {
      using store = openSqliteStore({ directory });
      assert.deepEqual(readAll(store), [
        [a, a, 1_000],
        [b, b, 800_000],
      ]);
      const record = store.readUsage(FIRST_KEY).records.get(a) ?? assert.fail();
      store.writeUsage(FIRST_KEY, { records: [{ ...record, lastUsed: at(900_000) }], forgotten: [], lineages: [], uses: [] }, null);
    }
    using store = openSqliteStore({ directory });
    assert.equal(store.condition.kind, 'sound');
    assert.deepEqual(readAll(store), [
      [a, a, 900_000],
      [b, b, 800_000],
    ]);
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
