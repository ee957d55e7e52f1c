import { bytes } from '../../model/brands.ts';
import { formatByteSize } from '../../model/byte-size.ts';
import { POLICY_NAMES, type SimulationResult } from '../../simulate/simulation.ts';
import { measureTrace } from '../../simulate/trace.ts';
import { formatSimulation } from '../forms/simulation-form.ts';
import { readTrace } from '../forms/trace-form.ts';
import { usageError } from '../output/error-text.ts';
import type { Look } from '../output/style.ts';
import { rigidColumn, tableOf } from '../output/table.ts';
import { answer, type Desk } from '../session.ts';
import { runPolicies, underSettings } from './run-policies.ts';
import { readCapacities, readPolicies, type SimulateOptions } from './simulate-arguments.ts';
import { runSimulateHost } from './simulate-host.ts';

/** The sizes that eviction is judged at (eviction.md §6). */
const CAPACITIES = '0.25W,0.5W,0.75W,1W,1.5W,2W';
/**
 * `imagegc simulate`: replays a trace under policies, on disks of several sizes; asks no engine then. With `--config`, all of its settings
 * decide for next-use and lru. @returns the exit status
 */
export async function runSimulate(desk: Desk, options: SimulateOptions): Promise<number> {
  const { images, uses } = options;
  if (options.host === true) return runSimulateHost(desk, options);
  if (images === undefined || uses === undefined)
    throw usageError('simulate', '--images and --uses', 'a trace is two files, and not both are given', TRACE_HINT);
  const policies = readPolicies(options.policy, POLICY_NAMES);
  const settle = readCapacities(desk, options.capacity ?? CAPACITIES);
  const trace = readTrace(desk.world, images, uses);
  const facts = measureTrace(trace);
  const make = desk.options.config === undefined ? undefined : underSettings(desk, trace);
  const results = runPolicies(desk, options, { trace, facts, capacities: settle(facts), policies, ...(make && { make }) });
  const { liveSetBytes } = facts;
  return answer(desk, {
    json: () => formatSimulation(liveSetBytes, results),
    text: () => renderSimulation(liveSetBytes, results, desk.look),
  });
}

/** Prints what policies came to on disks of several sizes, and how far each is from what could not be bettered. */
function renderSimulation(liveSetBytes: number, results: readonly SimulationResult[], look: Look): string {
  const size = (value: number): string => formatByteSize(bytes(Math.round(value)));
  const rows = tableOf<SimulationResult>(results, look, [
    [rigidColumn('DISK', 1, 'left'), ({ capacity }) => capacity.text],
    [rigidColumn('POLICY', 1, 'left'), ({ policy }) => policy],
    [rigidColumn('PULLED AGAIN', 1), ({ repulledBytes }) => size(repulledBytes)],
    [rigidColumn('COLD STARTS', 2), ({ coldStarts }) => String(coldStarts)],
    [rigidColumn('OF OLD VERSIONS', 5), ({ supersededColdStarts }) => String(supersededColdStarts)],
    [rigidColumn('WAITED', 4), ({ seconds }) => `${Math.round(seconds)} s`],
    [rigidColumn('REMOVALS', 3), ({ removals }) => String(removals)],
    [rigidColumn('AT BEST', 2), ({ boundRepulledBytes }) => size(boundRepulledBytes)],
  ]);
  return `Live set (W): ${size(liveSetBytes)}. A disk of that size need not pull anything twice.\n\n${rows}`;
}

const TRACE_HINT = 'give both, or --host for the history of this host; docs/simulate.md tells what they hold';
