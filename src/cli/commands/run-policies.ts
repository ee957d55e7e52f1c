import type { ImageTrace } from '../../simulate/journal-trace.ts';
import { PlannedSettings } from '../../simulate/planned-settings.ts';
import type { SimulatedPolicy } from '../../simulate/replay.ts';
import { type PolicyName, type SimulationInput, type SimulationResult, simulate } from '../../simulate/simulation.ts';
import { writeOutput } from '../input-file.ts';
import { drawChart } from '../output/chart.ts';
import { showShare } from '../output/progress.ts';
import type { Desk } from '../session.ts';
import type { SimulateOptions } from './simulate-arguments.ts';

/** The planner as a whole, under the settings of the desk; for peers, which have none of them, null. */
export function underSettings({ policy }: Desk, trace: ImageTrace): (name: PolicyName) => SimulatedPolicy | null {
  return (order) => (order === 'next-use' || order === 'lru' ? new PlannedSettings(trace, { ...policy, order }) : null);
}

/** Simulates, shows on a terminal how far it is, and draws the chart that was asked for. */
export function runPolicies(
  { world }: Desk,
  { seed, chart }: SimulateOptions,
  replays: Omit<SimulationInput, 'onProgress' | 'seed'>,
): readonly SimulationResult[] {
  const share = showShare(world.err, 'simulating');
  const results = simulate({ ...replays, seed, onProgress: (done, total) => share.show(done / total) });
  share.end();
  if (chart !== undefined) writeOutput(world, chart, drawChart(replays.facts.liveSetBytes, results));
  return results;
}
