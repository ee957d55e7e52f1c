import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageId, wallMs } from '../../src/model/brands.ts';
import { OperatingError, type OperatingErrorKind } from '../../src/model/error.ts';
import type { UseEntry } from '../../src/model/use-record.ts';
import { openSqliteStore } from '../../src/store/open-sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { at, clockAt, recordOf } from './store-values.ts';

/** The engine store that these tests write of. */
export const KEY = 'engine/store';

const root = mkdtempSync(join(tmpdir(), 'imagegc-store-'));
// Some tests look in as another user.
chmodSync(root, 0o755);
process.on('exit', () => rmSync(root, { recursive: true }));

/** An empty directory that goes with this process. */
export function newDirectory(): string {
  return mkdtempSync(join(root, 'store-'));
}

/** Where the database lies in a store directory. */
export function fileIn(directory: string): string {
  return join(directory, 'imagegc.db');
}

/** Writes one image's record and use, and the clock. */
export function write(store: Store, id: string, used: number): void {
  store.writeUsage(KEY, { records: [recordOf(id, used)], forgotten: [], lineages: [], uses: [useOf(id, used)] }, clockAt(used));
}

/** One use as history shows it. */
export function useOf(id: string, used: number): UseEntry {
  return { imageId: imageId(id), references: [], evidence: 'sighting', at: at(used) };
}

/** A closed store that holds two records, a pin and a use. */
export function filledDirectory(): string {
  const directory = newDirectory();
  using store = openSqliteStore({ directory });
  write(store, 'sha256:aaaa', 5);
  write(store, 'sha256:bbbb', 6);
  store.putPin({ pattern: 'app', owner: 'root', reason: 'mine', until: null, createdAt: wallMs(1) });
  return directory;
}

/** Whether an error is an operating error of that kind that says what to do; for `assert.throws`. */
export function failsWith(kind: OperatingErrorKind): (error: unknown) => boolean {
  return (error) => error instanceof OperatingError && error.kind === kind && error.hint !== null;
}
