import { bytes } from '../../model/brands.ts';
import { formatByteSize, parseByteSize } from '../../model/byte-size.ts';
import { OperatingError } from '../../model/error.ts';
import { type Capacity, isPolicyName, POLICY_NAMES, type PolicyName, type SimulationResult, simulate } from '../../simulate/simulation.ts';
import { measureTrace, type TraceFacts } from '../../simulate/trace.ts';
import { formatSimulation } from '../forms/simulation-form.ts';
import { type NamedTrace, readTrace } from '../forms/trace-form.ts';
import { writeOutput } from '../input-file.ts';
import { drawChart } from '../output/chart.ts';
import { EXIT } from '../output/error-text.ts';
import { renderSimulation } from '../output/render-simulation.ts';
import { showShare } from '../output/share-line.ts';
import { type Desk, writeJson } from '../session.ts';

/** Options of `imagegc simulate`. */
export interface SimulateOptions {
  readonly images: string | undefined;
  readonly uses: string | undefined;
  /** Separated by commas; undefined: the usual ones. */
  readonly capacity: string | undefined;
  readonly policy: string | undefined;
  readonly chart: string | undefined;
  readonly seed: number;
}

/** The sizes that eviction is judged at (eviction.md §6). */
const CAPACITIES = '0.25W,0.5W,0.75W,1W,1.5W,2W';
/** A disk that cannot hold an image cannot run it; the little more is for what every filesystem keeps for itself. */
const LARGEST_IMAGE_SHARE = 1.02;
const PARTS_OF_LIVE_SET = /^([0-9]*\.?[0-9]+)W$/;

/** `imagegc simulate`: replays a trace under policies, on disks of several sizes. Asks no engine. @returns the exit status */
export function runSimulate(desk: Desk, options: SimulateOptions): number {
  const { images, uses } = options;
  if (images === undefined || uses === undefined)
    throw settingsError('--images and --uses', 'a trace is two files, and not both are given', TRACE_HINT);
  const policies = readPolicies(options.policy);
  const wishes = splitList(options.capacity ?? CAPACITIES).map(readCapacity);
  const trace = readTrace(desk.world, images, uses);
  const facts = measureTrace(trace);
  const capacities = wishes.map((wish) => settleCapacity(desk, wish, facts));
  const results = runPolicies(desk, { trace, facts, capacities, policies, seed: options.seed });
  if (options.chart !== undefined) writeOutput(desk.world, options.chart, drawChart(facts.liveSetBytes, results));
  if (desk.options.json) writeJson(desk, formatSimulation(facts.liveSetBytes, results));
  else desk.world.out.write(renderSimulation(facts.liveSetBytes, results, desk.look));
  return EXIT.done;
}

const TRACE_HINT = 'give both, or --host for the history of this host; docs/simulate.md tells what they hold';

interface Replays {
  readonly trace: NamedTrace;
  readonly facts: TraceFacts;
  readonly capacities: readonly Capacity[];
  readonly policies: readonly PolicyName[];
  readonly seed: number;
}

function runPolicies({ world }: Desk, replays: Replays): readonly SimulationResult[] {
  const share = showShare(world.err, 'simulating');
  const results = simulate({ ...replays, onProgress: (done, total) => share.show(done / total) });
  share.end();
  return results;
}

/** A size as it was asked for: in bytes, or in parts of the live set. */
interface Wish {
  readonly text: string;
  readonly bytes: number | null;
  readonly parts: number;
}

function readCapacity(text: string): Wish {
  const parts = PARTS_OF_LIVE_SET.exec(text)?.[1];
  if (parts !== undefined && Number(parts) > 0) return { text, bytes: null, parts: Number(parts) };
  const size = parseByteSize(text);
  if (!size.ok) throw settingsError('--capacity', size.problem, 'or write parts of the live set of the trace, such as 0.5W');
  if (size.value === 0) throw settingsError('--capacity', `"${text}" holds nothing`, 'write a size of more than 0');
  return { text, bytes: size.value, parts: 0 };
}

/** Parts of the live set are raised to what the largest image needs; a size in bytes is taken at its word. */
function settleCapacity({ world }: Desk, { text, bytes: wished, parts }: Wish, { liveSetBytes, largestImageBytes }: TraceFacts): Capacity {
  const largest = formatByteSize(bytes(largestImageBytes));
  if (wished !== null) {
    if (wished >= largestImageBytes) return { text, bytes: wished };
    throw settingsError(
      '--capacity',
      `${text} is less than the largest image of the trace, which has ${largest}`,
      'no policy can help there',
    );
  }
  const least = Math.ceil(LARGEST_IMAGE_SHARE * largestImageBytes);
  const meant = Math.round(parts * liveSetBytes);
  if (meant < least) world.err.write(`imagegc: ${text} is raised to ${formatByteSize(bytes(least))}: the largest image has ${largest}\n`);
  return { text, bytes: Math.max(meant, least) };
}

function readPolicies(text: string | undefined): readonly PolicyName[] {
  if (text === undefined) return POLICY_NAMES;
  return splitList(text).map((policy) => {
    if (isPolicyName(policy)) return policy;
    throw settingsError('--policy', `"${policy}" cannot be simulated`, `there are ${POLICY_NAMES.join(', ')}`);
  });
}

function splitList(text: string): readonly string[] {
  return text.split(',').map((part) => part.trim());
}

function settingsError(subject: string, problem: string, hint: string): OperatingError {
  return new OperatingError({ kind: 'settings', operation: 'simulate', subject, problem, hint });
}
