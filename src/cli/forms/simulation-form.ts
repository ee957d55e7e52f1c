import type { SimulationResult } from '../../simulate/simulation.ts';
import type { JsonObject } from './form-reader.ts';

/** The name and version of the form (`schema/imagegc.simulation-1.schema.json`). */
export const SIMULATION_FORMAT = 'imagegc.simulation/1';

/** Writes results for programs (`docs/design.md` §9): one per policy and capacity, warm-up left out. */
export function formatSimulation(liveSetBytes: number, results: readonly SimulationResult[]): JsonObject {
  return { format: SIMULATION_FORMAT, liveSetBytes, results: results.map(formatResult) };
}

function formatResult({ policy, capacity, ...figures }: SimulationResult): JsonObject {
  const seconds = Math.round(figures.seconds * 1_000) / 1_000;
  return { policy, capacity: capacity.text, capacityBytes: capacity.bytes, ...figures, seconds };
}
