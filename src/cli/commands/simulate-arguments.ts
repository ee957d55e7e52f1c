import { bytes } from '../../model/brands.ts';
import { formatByteSize, parseByteSize } from '../../model/byte-size.ts';
import { type Capacity, isPolicyName, POLICY_NAMES, type PolicyName } from '../../simulate/simulation.ts';
import type { TraceFacts } from '../../simulate/trace.ts';
import { usageError } from '../output/error-text.ts';
import type { Desk } from '../session.ts';

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

/** A size as it was asked for: in bytes, or in parts of the live set. */
export interface Wish {
  readonly text: string;
  readonly bytes: number | null;
  readonly parts: number;
}

/** Reads one size of `--capacity`. */
export function readCapacity(text: string): Wish {
  const parts = PARTS_OF_LIVE_SET.exec(text)?.[1];
  if (parts !== undefined && Number(parts) > 0) return { text, bytes: null, parts: Number(parts) };
  const size = parseByteSize(text);
  if (!size.ok) throw usageError('simulate', '--capacity', size.problem, 'or write parts of the live set of the trace, such as 0.5W');
  if (size.value === 0) throw usageError('simulate', '--capacity', `"${text}" holds nothing`, 'write a size of more than 0');
  return { text, bytes: size.value, parts: 0 };
}

/** Parts of the live set are raised to what the largest image needs; a size in bytes is taken at its word. */
export function settleCapacity(
  { world }: Desk,
  { text, bytes: wished, parts }: Wish,
  { liveSetBytes, largestImageBytes }: TraceFacts,
): Capacity {
  const largest = formatByteSize(bytes(largestImageBytes));
  if (wished !== null && wished < largestImageBytes) {
    const problem = `${text} is less than the largest image of the trace, which has ${largest}`;
    throw usageError('simulate', '--capacity', problem, 'no policy can help there');
  }
  if (wished !== null) return { text, bytes: wished };
  const least = Math.ceil(LARGEST_IMAGE_SHARE * largestImageBytes);
  const meant = Math.round(parts * liveSetBytes);
  if (meant < least) world.err.write(`imagegc: ${text} is raised to ${formatByteSize(bytes(least))}: the largest image has ${largest}\n`);
  return { text, bytes: Math.max(meant, least) };
}

/** Reads `--policy`; without it, those given here. */
export function readPolicies(text: string | undefined, usual: readonly PolicyName[]): readonly PolicyName[] {
  if (text === undefined) return usual;
  return splitList(text).map((policy) => {
    if (isPolicyName(policy)) return policy;
    throw usageError('simulate', '--policy', `"${policy}" cannot be simulated`, `there are ${POLICY_NAMES.join(', ')}`);
  });
}

/** Takes a list with commas apart. */
export function splitList(text: string): readonly string[] {
  return text.split(',').map((part) => part.trim());
}
