import { bytes } from '../../model/brands.ts';
import { formatByteSize, parseByteSize } from '../../model/byte-size.ts';
import { type Capacity, isPolicyName, POLICY_NAMES, type PolicyName } from '../../simulate/simulation.ts';
import type { TraceFacts } from '../../simulate/trace.ts';
import { usageError } from '../output/error-text.ts';
import type { Desk } from '../session.ts';
import type { World } from '../world.ts';

/** Options of `imagegc simulate`. */
export interface SimulateOptions {
  readonly images?: string;
  readonly uses?: string;
  /** Separated by commas; undefined: the usual ones. */
  readonly capacity?: string;
  readonly policy?: string;
  /** Draws a chart into this file. */
  readonly chart?: string;
  /** Replays this host's own history. */
  readonly host?: boolean;
  readonly seed: number;
}

/** A disk that cannot hold an image cannot run it; the little more is for what every filesystem keeps for itself. */
const LARGEST_IMAGE_SHARE = 1.02;
const PARTS_OF_LIVE_SET = /^([0-9]*\.?[0-9]+)W$/;

/** Reads `--capacity`. @returns gives the sizes when the trace is known that they are for */
export function readCapacities({ world }: Desk, list: string): (facts: TraceFacts) => readonly Capacity[] {
  const capacities = splitList(list).map((text) => readCapacity(text, world));
  return (facts) => capacities.map((settle) => settle(facts));
}

/** Parts of the live set are raised to what the largest image needs; a size in bytes is taken at its word. */
function readCapacity(text: string, { err }: Pick<World, 'err'>): (facts: TraceFacts) => Capacity {
  const sizeText = (size: number): string => formatByteSize(bytes(size));
  const parts = Number(PARTS_OF_LIVE_SET.exec(text)?.[1] ?? 0);
  if (parts > 0)
    return ({ liveSetBytes, largestImageBytes: largest }) => {
      const least = Math.ceil(LARGEST_IMAGE_SHARE * largest);
      const meant = Math.round(parts * liveSetBytes);
      if (meant < least) err.write(`imagegc: ${text} is raised to ${sizeText(least)}: the largest image has ${sizeText(largest)}\n`);
      return { text, bytes: Math.max(meant, least) };
    };
  const size = parseByteSize(text);
  if (!size.ok) throw usageError('simulate', '--capacity', size.problem, 'or write parts of the live set of the trace, such as 0.5W');
  if (size.value === 0) throw usageError('simulate', '--capacity', `"${text}" holds nothing`, 'write a size of more than 0');
  return ({ largestImageBytes: largest }) => {
    if (size.value >= largest) return { text, bytes: size.value };
    const problem = `${text} is less than the largest image of the trace, which has ${sizeText(largest)}`;
    throw usageError('simulate', '--capacity', problem, 'no policy can help there');
  };
}

/** Reads `--policy`; without it, those given here. */
export function readPolicies(text: string | undefined, usual: readonly PolicyName[]): readonly PolicyName[] {
  if (text === undefined) return usual;
  return splitList(text).map((policy) => {
    if (isPolicyName(policy)) return policy;
    throw usageError('simulate', '--policy', `"${policy}" cannot be simulated`, `there are ${POLICY_NAMES.join(', ')}`);
  });
}

function splitList(text: string): readonly string[] {
  return text.split(',').map((part) => part.trim());
}
