import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { durationMs, idleMs, imageId, wallMs } from '../src/model/brands.ts';
import type { IdleClockState } from '../src/model/clock.ts';
import type { UsageChanges, UseRecord } from '../src/model/use-record.ts';
import { openSqliteStore } from '../src/store/open-sqlite-store.ts';
import type { Store } from '../src/store/store.ts';
import type { Figure } from './figure.ts';
import { interleave, type Pair, timeOf } from './samples.ts';

const KNOWN_IMAGES = [10, 100_000] as const;
const ROUNDS = 201;
const KEY = 'bench/overlay2';
/** What one line of the original's record takes (docs/background/performance.md §1). */
const LINE = 'x'.repeat(83);

/** Times one durable record of a use, with few and with many images known, against a line appended and synced on the same disk. */
export async function benchStore(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const count of KNOWN_IMAGES) {
    const title = `one durable use, ${count.toLocaleString('en')} images known`;
    figures.push({ title, floorTitle: 'append + fdatasync', pair: await recordUses(count), bars: [] });
  }
  return figures;
}

async function recordUses(count: number): Promise<Pair> {
  const directory = mkdtempSync(join(tmpdir(), 'imagegc-bench-'));
  using store = openSqliteStore({ directory });
  const file = openSync(join(directory, 'lines'), 'a');
  try {
    let now = 0;
    store.writeUsage(KEY, changesOf(Array.from({ length: count }, (_, index) => recordOf(index, now))), clockAt(now));
    const figure = (): Promise<number> => {
      now += 1;
      return timeOf(() => recordUse(store, recordOf((now * 7_919) % count, now)));
    };
    const floor = () => timeOf(() => appendLine(file));
    return await interleave(ROUNDS, figure, floor, ROUNDS / 10);
  } finally {
    closeSync(file);
    rmSync(directory, { recursive: true });
  }
}

function recordUse(store: Store, record: UseRecord): void {
  store.writeUsage(KEY, changesOf([record]), clockAt(record.lastUsed?.idleMs ?? 0));
}

function appendLine(file: number): void {
  writeSync(file, LINE);
  fdatasyncSync(file);
}

function changesOf(records: readonly UseRecord[]): UsageChanges {
  return { records, forgotten: [], lineages: [], uses: [] };
}

function recordOf(index: number, now: number): UseRecord {
  const at = { idleMs: idleMs(now), wallMs: wallMs(now) };
  const references = [`docker.io/bench/app${index}:v1`];
  const id = imageId(`sha256:${index.toString(16).padStart(64, '0')}`);
  return { imageId: id, firstSeen: at, lastUsed: at, origin: 'pulled', references, digests: [], missingSince: null, isInUse: false };
}

function clockAt(now: number): IdleClockState {
  const reading = { bootId: 'bench', bootTimeMs: durationMs(now), suspendedMs: durationMs(0), wallMs: wallMs(now), isSynchronised: true };
  return { idleMs: idleMs(now), reading, gapCreditMs: durationMs(0) };
}
