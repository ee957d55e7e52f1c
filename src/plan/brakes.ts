import { type DurationMs, durationMs, wallMs } from '../model/brands.ts';
import { formatDuration } from '../model/duration.ts';
import type { Plan } from '../model/plan.ts';
import type { MassHold, UptimeMark } from '../model/watch-state.ts';
import { type PlanInput, planCollection } from './plan-collection.ts';

/** What the brakes of a scheduled run go by. Uptime is counted within boots, so no clock that is set can shorten it. */
export interface BrakeInput {
  readonly uptime: UptimeMark;
  /** As the last plan left it; null where no mass expiry waits. */
  readonly massHold: MassHold | null;
}

/** A plan for a scheduled run. */
export interface BrakedPlan {
  readonly plan: Plan;
  /** To be remembered for the next one. */
  readonly massHold: MassHold | null;
  /** When to plan again, as time since boot; null when nothing is held back. */
  readonly heldUntilMs: DurationMs | null;
}

/** Devices boot in bursts, with engines that start their containers late and clocks that are not set yet. */
const BOOT_MS = 15 * 60_000;
const MASS_HOLD_MS = 3_600_000;
/** Of all images; a host with few of them is given the second measure. */
const MASS_FRACTION = 0.5;
const MASS_COUNT = 3;
const MASS_COUNT_FRACTION = 0.2;

/** What is held back is planned again at least so often, so that little of its wait is lost with the power. */
const REPLAN_MS = 10 * 60_000;

/**
 * Plans a run that nobody asked for, with brakes on the age rules (eviction.md §5): none in the first quarter of an hour after boot; and
 * what would take more than half of all images, or more than three and a fifth, waits for an hour of uptime and is then planned again, so
 * that whatever made everything look old has time to show. A person who runs `collect` is not held back.
 */
export function planScheduled(input: PlanInput, { uptime, massHold: before }: BrakeInput): BrakedPlan {
  const plan = planCollection(input);
  if (plan.refusal !== null) return { plan, massHold: before, heldUntilMs: null };
  const byAge = plan.removals.filter(({ rule }) => rule === 'unused-for' || rule === 'dangling').length;
  const count = input.inventory.images.length;
  const isMass = byAge > MASS_FRACTION * count || byAge > MASS_COUNT + MASS_COUNT_FRACTION * count;
  const massHold = isMass ? { plannedAt: uptime, waitedMs: waitedBy(uptime, before) } : null;
  const nowMs = uptime.bootTimeMs;
  const massLeftMs = massHold === null ? 0 : MASS_HOLD_MS - massHold.waitedMs;
  const leftMs = Math.max(BOOT_MS - nowMs, massLeftMs);
  if ((byAge === 0 && plan.containers.length === 0) || leftMs <= 0) return { plan, massHold, heldUntilMs: null };
  const why =
    massLeftMs > 0
      ? `${byAge} of ${count} images would go by age at once, so scheduled runs wait for ${formatDuration(durationMs(MASS_HOLD_MS))}`
      : `scheduled runs take nothing by age in the first ${formatDuration(durationMs(BOOT_MS))} after boot`;
  const brake = { detail: why, until: wallMs(input.now.wallMs + leftMs) };
  return { plan: planCollection(input, brake), massHold, heldUntilMs: durationMs(nowMs + Math.min(leftMs, REPLAN_MS)) };
}

/** What passed between two boots is unknown, so the later one counts from its own beginning. */
function waitedBy(now: UptimeMark, before: MassHold | null): DurationMs {
  if (before === null) return durationMs(0);
  const { plannedAt, waitedMs } = before;
  const isSameBoot = plannedAt.bootId === now.bootId && plannedAt.bootTimeMs <= now.bootTimeMs;
  return durationMs(waitedMs + now.bootTimeMs - (isSameBoot ? plannedAt.bootTimeMs : 0));
}
