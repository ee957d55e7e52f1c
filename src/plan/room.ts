import type { Bytes } from '../model/brands.ts';
import type { Plan } from '../model/plan.ts';
import { type PlanInput, planCollection } from './plan-collection.ts';
import { withRoomFor } from './target.ts';

/**
 * Plans a run that the disk asks for, between those of the schedule: the disk rule alone. What is old waits for its time, because whoever
 * set one chose when images go.
 *
 * @param incomingBytes known to be on their way to this disk
 */
export function planForRoom(input: PlanInput, incomingBytes: Bytes): Plan {
  const disk = withRoomFor(input.policy.disk, incomingBytes);
  return planCollection({ ...input, policy: { ...input.policy, unusedForMs: null, danglingUnusedForMs: null, disk } });
}
