import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { imageId, wallMs } from '../../src/model/brands.ts';
import { openMemoryStore, openSqliteStore } from '../../src/store/open-sqlite-store.ts';
import { clockAt, recordOf } from '../contract/store-values.ts';
import { KEY } from '../worlds/daemon-world.ts';
import { makeFirstStore } from './first-schema.ts';
import type { Acknowledged } from './recorded-run.ts';
import { digestStore } from './store-state.ts';

/** What happens while the power is cut, and what has to be found afterwards. */
export interface CutScene {
  readonly title: string;
  /** Of the driver. */
  readonly scene: string;
  /** Where the driver works, below the root. */
  readonly place: string;
  /** Fills the root; all of it counts as synced. */
  readonly prepare: (root: string) => void;
  /** Fails when what a cut left is not what it has to be. */
  readonly check: (root: string, acknowledged: Acknowledged) => void;
}

/** Everything that the daemon writes into a store, from nothing, from an old one and from a damaged one; and whole files. */
export const CUT_SCENES: readonly CutScene[] = [
  {
    title: 'a store that begins, lives, is closed and is opened again',
    scene: 'life',
    place: 'var/lib/imagegc',
    prepare: (root) => mkdirSync(join(root, 'var')),
    check: (root, acknowledged) => expectWhole(join(root, 'var/lib/imagegc'), acknowledged, emptyDigest()),
  },
  {
    title: 'a store whose log begins anew again and again',
    scene: 'volume',
    place: 'imagegc',
    prepare: () => undefined,
    check: (root, acknowledged) => expectWhole(join(root, 'imagegc'), acknowledged, emptyDigest()),
  },
  {
    title: 'a store of the first release',
    scene: 'days',
    place: 'imagegc',
    prepare: (root) => makeFirstStore(join(root, 'imagegc')),
    check: (root, acknowledged) => expectWhole(join(root, 'imagegc'), acknowledged, firstDigest(root)),
  },
  {
    title: 'a damaged store that is set aside',
    scene: 'days',
    place: 'imagegc',
    prepare: (root) => makeDamagedStore(join(root, 'imagegc')),
    check: (root, acknowledged) => expectSetAside(join(root, 'imagegc'), acknowledged),
  },
  {
    title: 'a file that is replaced',
    scene: 'file',
    place: '',
    prepare: () => undefined,
    check: expectOneVersion,
  },
];

/** The store opens, and holds what was acknowledged; the write that was under way is there whole or not at all. */
function expectWhole(directory: string, { last, next }: Acknowledged, initial: string): void {
  using store = openSqliteStore({ directory });
  assert.notEqual(store.condition.kind, 'set-aside');
  const digest = digestStore(store);
  assert.ok([last ?? initial, next].includes(digest), 'what was acknowledged is not there');
  if (next === null || last === next) return;
  // it is good for more than reading
  store.writeUsage(KEY, { records: [recordOf('after', 1)], forgotten: [], lineages: [], uses: [] }, clockAt(1));
  assert.ok(store.readRecords(KEY, [imageId('after')]).size === 1);
}

function emptyDigest(): string {
  using store = openMemoryStore();
  return digestStore(store);
}

const firstDigests = new Map<string, string>();

/** Of the first release's store after its migration. */
function firstDigest(root: string): string {
  const known = firstDigests.get('first');
  if (known !== undefined) return known;
  const directory = `${root}.first`;
  makeFirstStore(directory);
  using store = openSqliteStore({ directory });
  const digest = digestStore(store);
  firstDigests.set('first', digest);
  return digest;
}

const DAMAGED = 'imagegc.db';
/** sqlite.org/fileformat2.html, the application's own ID: the rest of the file stays readable. */
const APPLICATION_ID_OFFSET = 68;

/** A store that was killed with a log, of which a pin and a log have to be carried over; then a byte of the database fell over. */
function makeDamagedStore(directory: string): void {
  const living = `${directory}.living`;
  {
    using store = openSqliteStore({ directory: living });
    store.putPin({ pattern: 'docker.io/lab/wished', owner: 'root', reason: 'mine', until: null, createdAt: wallMs(1) });
    mkdirSync(directory);
    store.writeUsage(KEY, { records: [recordOf('old', 1)], forgotten: [], lineages: [], uses: [] }, clockAt(5_000));
    for (const suffix of ['', '-wal']) cpSync(join(living, DAMAGED + suffix), join(directory, DAMAGED + suffix));
  }
  const content = readFileSync(join(directory, DAMAGED));
  content[APPLICATION_ID_OFFSET] = 0;
  writeFileSync(join(directory, DAMAGED), content);
}

/**
 * Until a look has recorded what counts as used now, the store says that it was set aside, and removes nothing; and the evidence and the pin
 * are there from first to last.
 */
function expectSetAside(directory: string, { last, next, count }: Acknowledged): void {
  const before = readdirSync(directory).includes(DAMAGED);
  using store = openSqliteStore({ directory });
  const isRecorded = store.readClock() !== null;
  assert.equal(store.condition.kind, isRecorded ? 'sound' : 'set-aside', `the database was ${before ? '' : 'not '}there`);
  assert.ok(
    store.listPins().some(({ pattern }) => pattern === 'docker.io/lab/wished'),
    'the pin is lost',
  );
  assert.equal(existsSync(join(directory, `${DAMAGED}.damaged-1`)), true, 'the evidence is lost');
  if (count > 0) assert.ok([last, next].includes(digestStore(store)), 'what was acknowledged is not there');
}

function expectOneVersion(root: string, { last, next }: Acknowledged): void {
  const path = join(root, 'image_use');
  const found = existsSync(path) ? readFileSync(path, 'utf8') : null;
  const version = found === null ? null : (found.split(' ')[0] ?? '');
  assert.ok([last, next].includes(version), `version ${version} is there, ${last} was acknowledged`);
  const isWhole = found === null || found === `${version} `.repeat(Number(version) % 3 === 0 ? 5_000 : Number(version));
  assert.ok(isWhole, `version ${version} is not whole`);
}
