import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { durationMs, idleMs, imageId, wallMs } from '../src/model/brands.ts';
import type { IdleClockState } from '../src/model/clock.ts';
import type { UsageChanges, UseEntry, UseRecord } from '../src/model/use-record.ts';
import { openSqliteStore } from '../src/store/open-sqlite-store.ts';
import type { Figure } from './figure.ts';
import { interleave, type Pair, timeOf } from './samples.ts';

const FEW = 10;
const MANY = 100_000;
/** As many uses as a burst brings at once. */
const GROUP = 32;
const ROUNDS = 401;
const KEY = 'bench/overlay2';
const MINUTE_MS = 60_000;
/** What one line of the original's record takes (docs/background/performance.md §1). */
const LINE = 'x'.repeat(83);

/**
 * Times the durable record of a use, and of a group of them, as the daemon writes them (record and history), against a line appended and
 * synced on the same disk; and few images known against many.
 */
export async function benchStore(): Promise<readonly Figure[]> {
  using few = openFilled(FEW);
  using burst = openFilled(GROUP);
  using many = openFilled(MANY);
  const floorTitle = 'append + fdatasync';
  const figures: Figure[] = [];
  for (const filled of [few, many]) {
    const title = `one durable use, ${filled.count.toLocaleString('en')} images known`;
    figures.push({ title, floorTitle, pair: await compare(filled.record(1), few.append), bars: [{ kind: 'ratio', most: 2 }] });
  }
  const group = await compare(burst.record(GROUP), burst.append);
  figures.push({ title: `${GROUP} durable uses at once`, floorTitle, pair: group, bars: [{ kind: 'excess-ms', most: GROUP * 0.015 }] });
  const growth = await compare(many.record(1), few.record(1));
  const title = 'one durable use, 100,000 images known';
  return [...figures, { title, floorTitle: 'the same, 10 known', pair: growth, bars: [{ kind: 'ratio', most: 1.2 }] }];
}

/** @param figure, floor make one round ready, outside of what is timed */
function compare(figure: () => () => void, floor: () => () => void): Promise<Pair> {
  return interleave(
    ROUNDS,
    () => timeOf(figure()),
    () => timeOf(floor()),
    ROUNDS / 10,
  );
}

/** A store that knows so many images, and a file beside it. */
interface Filled extends Disposable {
  readonly count: number;
  /** Records uses of so many images in one go; each call a minute after the last. */
  readonly record: (uses: number) => () => () => void;
  readonly append: () => () => void;
}

function openFilled(count: number): Filled {
  const directory = mkdtempSync(join(tmpdir(), 'imagegc-bench-'));
  const store = openSqliteStore({ directory });
  const file = openSync(join(directory, 'lines'), 'a');
  store.writeUsage(KEY, changesOf(Array.from({ length: count }, (_, index) => recordOf(index, 0))), clockAt(0));
  let now = 0;
  const record = (uses: number) => () => {
    now += MINUTE_MS;
    const records = Array.from({ length: uses }, (_, index) => recordOf(((now / MINUTE_MS) * 7_919 + index) % count, now));
    const changes = changesOf(records);
    return () => store.writeUsage(KEY, changes, null);
  };
  const close = (): void => {
    store[Symbol.dispose]();
    closeSync(file);
    rmSync(directory, { recursive: true });
  };
  return { count, record, append: () => () => appendLine(file), [Symbol.dispose]: close };
}

function appendLine(file: number): void {
  writeSync(file, LINE);
  fdatasyncSync(file);
}

function changesOf(records: readonly UseRecord[]): UsageChanges {
  const uses = records.flatMap(({ imageId: id, references, lastUsed }): UseEntry[] => {
    return lastUsed === null ? [] : [{ imageId: id, references, evidence: 'container', at: lastUsed }];
  });
  return { records, forgotten: [], lineages: [], uses: uses.length === 1 || uses.length === GROUP ? uses : [] };
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
