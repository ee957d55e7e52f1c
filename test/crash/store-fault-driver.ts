/**
 * `node store-fault-driver.ts FAULT DIRECTORY`: a daemon on a real store that cannot be used for three days. Prints as JSON what the daemon
 * showed meanwhile and afterwards. Mounts what it needs, so whoever runs it gives it mounts of its own.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { imageId } from '../../src/model/brands.ts';
import { SqliteDatabase } from '../../src/store/sqlite-database.ts';
import { type DaemonWorld, MINUTE_MS, worldOnDisk } from '../worlds/daemon-world.ts';

interface Fault {
  readonly prepare: () => void;
  readonly begin: () => void;
  readonly end: () => void;
}

const [name = '', directory = ''] = process.argv.slice(2);
const ballast = join(directory, 'ballast');
const nothing = (): void => undefined;

const FAULTS: Readonly<Record<string, Fault>> = {
  full: { prepare: () => mount('size=8m'), begin: fillDiskToo, end: () => rmSync(ballast) },
  'full-but-for-the-log': { prepare: () => mount('size=8m'), begin: fillDisk, end: () => rmSync(ballast) },
  'read-only': { prepare: nothing, begin: coverReadOnly, end: () => void execFileSync('umount', [directory]) },
  forbidden: { prepare: nothing, begin: () => chmodSync(directory, 0), end: () => chmodSync(directory, 0o700) },
};

const fault = FAULTS[name];
if (fault === undefined) throw new Error(`no such fault: ${name}`);
fault.prepare();
console.log(JSON.stringify(await liveThrough(fault)));

function mount(options: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'none', directory]);
}

/** With a log that has no room of its own yet, as after a start. */
function fillDiskToo(): void {
  const path = join(directory, 'imagegc.db');
  using database = new SqliteDatabase(path, path, false);
  database.execute('PRAGMA wal_checkpoint(TRUNCATE)');
  fillDisk();
}

/** To the last byte, so that not even a page that was begun can grow. */
function fillDisk(): void {
  for (const size of [65_536, 4_096, 512, 1]) {
    try {
      for (;;) writeFileSync(ballast, Buffer.alloc(size), { flag: 'a' });
    } catch {
      // full for this size
    }
  }
}

/** The same files on a file system that cannot be written lie over the store. */
function coverReadOnly(): void {
  const copy = `${directory}.copy`;
  cpSync(directory, copy, { recursive: true });
  mount('size=4m');
  cpSync(copy, directory, { recursive: true });
  rmSync(copy, { recursive: true });
  execFileSync('mount', ['-o', 'remount,ro', directory]);
}

async function liveThrough({ begin, end }: Fault) {
  const world = worldOnDisk(directory);
  const [old, used] = [world.pull('old'), world.pull('used')];
  await world.connect();
  await world.live(5 * 24);
  begin();
  const lines = world.log.length;
  world.engine.removeContainer(world.engine.createContainer({ image: used }));
  world.pass(MINUTE_MS);
  await world.live(3 * 24);
  const during = describe(world, lines, [old, used]);
  end();
  await world.tick();
  const recordedMs = world.ageMs(used);
  await world.live(2 * 24);
  const after = describe(world, lines, [old, used]);
  await world.daemon.run(AbortSignal.abort());
  return { during, after, recordedMs };
}

function describe(world: DaemonWorld, lines: number, images: readonly string[]) {
  const { problems, counts } = world.daemon.status();
  return {
    problems: problems.map(({ subject, problem }) => `${subject}: ${problem}`),
    pending: counts?.pending ?? null,
    errors: world.log.slice(lines).filter((line) => line.startsWith('error:')),
    isThere: images.map((id) => world.engine.images.has(imageId(id))),
  };
}
