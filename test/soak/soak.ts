// Lives random histories of a host, and looks for a removal of something that is needed: `npm run soak -- --histories 1000000 --seed 1`.
// `--clocks` prints what clocks that jump do to removals. The exit status is 1 when anything that is needed went.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { formatClockTable, runClockTable } from './clock-table.ts';
import type { ChunkResult } from './soak-chunk.ts';
import { describeFailure, soak } from './soak-pool.ts';

const PROGRESS_MS = 10_000;
const THOUSANDS = new Intl.NumberFormat('en-US');

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    threads: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    clocks: { type: 'boolean', default: false },
  },
});

process.exitCode = values.clocks ? await showClocks() : await soakThem();

async function showClocks(): Promise<number> {
  const rows = await runClockTable();
  console.log(formatClockTable(rows));
  return rows.some(({ isEarlier }) => isEarlier) ? 1 : 0;
}

async function soakThem(): Promise<number> {
  const options = { histories: Number(values.histories), seed: Number(values.seed), threads: Number(values.threads) };
  const startedAt = performance.now();
  let toldAt = startedAt;
  console.log(`seed ${options.seed}, ${THOUSANDS.format(options.histories)} histories, ${options.threads} threads`);
  const onProgress = (soFar: ChunkResult): void => {
    if (performance.now() - toldAt < PROGRESS_MS) return;
    toldAt = performance.now();
    console.log(describe(soFar, toldAt - startedAt));
  };
  const result = await soak({ ...options, onProgress });
  console.log(describe(result, performance.now() - startedAt));
  if (result.failure !== null) console.log(describeFailure(result.failure));
  console.log(`unsafe removals: ${result.failure === null ? 0 : 'found'}`);
  return result.failure === null ? 0 : 1;
}

function describe({ histories, tally }: ChunkResult, elapsedMs: number): string {
  const { steps, collections, removals, faults, lastMoment } = tally;
  const figures = Object.entries({ histories, steps, collections, removals, faults }).map(
    ([name, count]) => `${THOUSANDS.format(count)} ${name}`,
  );
  const perSecond = Math.round((histories * 1_000) / elapsedMs);
  const lost = `${lastMoment} gone with a tag that was moved within one call`;
  return `${(elapsedMs / 1_000).toFixed(0)} s: ${figures.join(', ')}; ${lost}; ${perSecond} histories/s`;
}
