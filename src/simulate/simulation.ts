import { boundRepulledBytes, layerBelady } from './clairvoyant.ts';
import { anyImage, docuum, gdsf, kubelet, leafLru, sieve, TIME_TO_LIVE } from './peer-policies.ts';
import { PlannedOrder } from './planned-order.ts';
import { type ReplayFigures, replay, type SimulatedPolicy, warmUpOf } from './replay.ts';
import type { Trace, TraceFacts } from './trace.ts';

/** What a policy is made of. */
interface Making {
  readonly trace: Trace;
  readonly capacityBytes: number;
  readonly seed: number;
}

const POLICIES = {
  'next-use': ({ trace }: Making) => new PlannedOrder('next-use', trace),
  lru: ({ trace }: Making) => new PlannedOrder('lru', trace),
  'leaf-lru': ({ trace }: Making) => leafLru(trace),
  kubelet: ({ trace, capacityBytes }: Making) => kubelet(trace, capacityBytes),
  docuum: ({ capacityBytes }: Making) => docuum(capacityBytes),
  ttl: () => TIME_TO_LIVE,
  gdsf: ({ trace }: Making) => gdsf(trace),
  sieve,
  random: ({ seed }: Making) => anyImage(seed),
  'layer-belady': ({ trace }: Making) => layerBelady(trace),
} as const satisfies Readonly<Record<string, (making: Making) => SimulatedPolicy>>;

/** What can be simulated; the last one knows the future. */
export type PolicyName = keyof typeof POLICIES;

/** Whether a policy of this name can be simulated. */
export function isPolicyName(name: string): name is PolicyName {
  return Object.hasOwn(POLICIES, name);
}

/** Every {@link PolicyName}, in the order of documents. */
export const POLICY_NAMES: readonly PolicyName[] = Object.keys(POLICIES).filter(isPolicyName);

/** The size of a disk: as it was asked for, and in bytes. */
export interface Capacity {
  readonly text: string;
  readonly bytes: number;
}

/** One policy on one disk. */
export interface SimulationResult extends ReplayFigures {
  readonly policy: PolicyName;
  readonly capacity: Capacity;
  /** The fewest bytes that any policy could have pulled again. */
  readonly boundRepulledBytes: number;
}

/** What is to be simulated. */
export interface SimulationInput {
  readonly trace: Trace;
  readonly facts: TraceFacts;
  readonly capacities: readonly Capacity[];
  readonly policies: readonly PolicyName[];
  /** Of chance; the same gives the same. */
  readonly seed: number;
  /** Uses that fill the disk, and are not counted; absent: a tenth. */
  readonly warmUpUses?: number;
  /** Makes the policy in place of the own one: under settings, the planner as a whole decides. */
  readonly make?: (policy: PolicyName, capacityBytes: number) => SimulatedPolicy | null;
  /** Told how far it is, in parts of the whole. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Replays a trace under each policy on each disk. The same input gives the same, to the last byte. */
export function simulate(input: SimulationInput): readonly SimulationResult[] {
  const { trace, facts, capacities, policies, seed } = input;
  const total = capacities.length * policies.length;
  const warmUpUses = input.warmUpUses ?? warmUpOf(trace);
  const results: SimulationResult[] = [];
  for (const capacity of capacities) {
    const capacityBytes = capacity.bytes;
    const bound = boundRepulledBytes(trace, capacityBytes, warmUpUses);
    for (const name of policies) {
      const policy = input.make?.(name, capacityBytes) ?? POLICIES[name]({ trace, capacityBytes, seed });
      const done = results.length;
      const onProgress = (uses: number): void => input.onProgress(done + uses / trace.uses.length, total);
      const figures = replay({ trace, facts, capacityBytes, policy, warmUpUses, onProgress });
      results.push({ policy: name, capacity, ...figures, boundRepulledBytes: bound });
    }
  }
  return results;
}
