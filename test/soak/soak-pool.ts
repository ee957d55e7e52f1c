import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { addTally, type ChunkResult, emptyTally } from './soak-chunk.ts';

/** What a soak is to do. */
export interface SoakOptions {
  readonly seed: number;
  readonly histories: number;
  readonly threads: number;
  readonly onProgress?: (soFar: ChunkResult) => void;
}

/** So many that a thread does not wait for messages, so few that progress can be seen. */
const CHUNK = 250;

/**
 * Lives histories on several threads. Which ones depends on the seed alone: chunk number n has the seed plus n.
 *
 * @returns when all are lived, or the first one failed
 */
export async function soak({ seed, histories, threads, onProgress }: SoakOptions): Promise<ChunkResult> {
  const tally = emptyTally();
  const sum = { histories: 0, tally, failure: null };
  let failure: ChunkResult['failure'] = null;
  let next = 0;
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('./soak-worker.ts', import.meta.url));
    while (next * CHUNK < histories && failure === null) {
      const chunk = next++;
      worker.postMessage({ seed: seed + chunk, histories: Math.min(CHUNK, histories - chunk * CHUNK) });
      const [result]: ChunkResult[] = await once(worker, 'message');
      if (result === undefined) break;
      addTally(tally, result.tally);
      sum.histories += result.histories;
      failure ??= result.failure;
      onProgress?.(sum);
    }
    await worker.terminate();
  };
  await Promise.all(Array.from({ length: threads }, work));
  return { ...sum, failure };
}

/** A failed history as a person reads it and replays it. */
export function describeFailure({ seed, path, history, violations }: NonNullable<ChunkResult['failure']>): string {
  const { steps, ...rest } = history;
  const lines = steps.map((step) => `  ${JSON.stringify(step)}`);
  return [`seed ${seed}, path ${path}`, ...violations.map((text) => `  ${text}`), `of ${JSON.stringify(rest)}:`, ...lines].join('\n');
}
