import fc from 'fast-check';
import { liveHistory } from './live-history.ts';
import type { Plant } from './processes.ts';
import type { Tally } from './soak-world.ts';
import { type History, history } from './step.ts';

/** Histories that one seed gives. */
export interface Chunk {
  readonly seed: number;
  readonly histories: number;
  /** Leaves the first failure as long as it is. */
  readonly isUnshrunk?: boolean;
}

/** What became of a chunk. */
export interface ChunkResult {
  readonly histories: number;
  readonly tally: Tally;
  /** The first history in which something that is needed went, made as short as can be; null: none. */
  readonly failure: Failure | null;
}

/** A history that fails; its chunk's seed and this path give it again. */
export interface Failure {
  readonly seed: number;
  readonly path: string;
  readonly history: History;
  readonly violations: readonly string[];
}

/** A tally of nothing. */
export function emptyTally(): Tally {
  return { steps: 0, removals: 0, collections: 0, faults: 0, lastMoment: 0 };
}

/** Adds one tally to another. */
export function addTally(sum: Tally, more: Tally): void {
  sum.steps += more.steps;
  sum.removals += more.removals;
  sum.collections += more.collections;
  sum.faults += more.faults;
  sum.lastMoment += more.lastMoment;
}

/** Lives histories until one fails. */
export async function soakChunk({ seed, histories, isUnshrunk = false }: Chunk, plant: Plant = {}): Promise<ChunkResult> {
  const tally = emptyTally();
  let lived = 0;
  let violations: readonly string[] = [];
  const property = fc.asyncProperty(history, async (drawn) => {
    const result = await liveHistory(drawn, plant);
    addTally(tally, result.tally);
    lived += 1;
    if (result.violations.length === 0) return true;
    violations = result.violations;
    return false;
  });
  const { failed, counterexample, counterexamplePath } = await fc.check(property, { seed, numRuns: histories, endOnFailure: isUnshrunk });
  const [shrunk] = counterexample ?? [];
  if (!failed || shrunk === undefined) return { histories: lived, tally, failure: null };
  return { histories: lived, tally, failure: { seed, path: counterexamplePath ?? '', history: shrunk, violations } };
}
