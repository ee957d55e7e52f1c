import { type DurationMs, durationMs, wallMs } from '../model/brands.ts';
import { formatDuration } from '../model/duration.ts';
import type { Plan } from '../model/plan.ts';
import type { UptimeMark } from '../model/watch-state.ts';
import { type PlanInput, planCollection } from './plan-collection.ts';

/** What the brakes of a scheduled run go by. Uptime is counted within one boot, so no clock that is set can shorten it. */
export interface BrakeInput {
  readonly uptime: UptimeMark;
  /** Since when a mass expiry waits; null while none does. */
  readonly massHoldSince: UptimeMark | null;
}

/** A plan for a scheduled run. */
export interface BrakedPlan {
  readonly plan: Plan;
  /** To be remembered for the next one. */
  readonly massHoldSince: UptimeMark | null;
  /** When removals by age may go, as time since boot; null when nothing is held back. */
  readonly heldUntilMs: DurationMs | null;
}

/** Devices boot in bursts, with engines that start their containers late and clocks that are not set yet. */
const BOOT_MS = 15 * 60_000;
const MASS_HOLD_MS = 3_600_000;
/** Of all images; a host with few of them is given the second measure. */
const MASS_FRACTION = 0.5;
const MASS_COUNT = 3;
const MASS_COUNT_FRACTION = 0.2;

/**
 * Plans a run that nobody asked for, with brakes on the age rules (eviction.md §5): none in the first quarter of an hour after boot; and
 * what would take more than half of all images, or more than three and a fifth, waits for an hour of uptime and is then planned again, so
 * that whatever made everything look old has time to show. A person who runs `collect` is not held back.
 */
export function planScheduled(input: PlanInput, brakes: BrakeInput): BrakedPlan {
  const plan = planCollection(input);
  if (plan.refusal !== null) return { plan, massHoldSince: brakes.massHoldSince, heldUntilMs: null };
  const byAge = plan.removals.filter(({ rule }) => rule === 'unused-for' || rule === 'dangling').length;
  const isMass =
    byAge > MASS_FRACTION * input.inventory.images.length || byAge > MASS_COUNT + MASS_COUNT_FRACTION * input.inventory.images.length;
  const massHoldSince = isMass ? (sameBoot(brakes.massHoldSince, brakes.uptime) ?? brakes.uptime) : null;
  const massEndMs = massHoldSince === null ? 0 : massHoldSince.bootTimeMs + MASS_HOLD_MS;
  const nowMs = brakes.uptime.bootTimeMs;
  const isHeld = byAge > 0 && nowMs < Math.max(BOOT_MS, massEndMs);
  if (!isHeld) return { plan, massHoldSince, heldUntilMs: null };
  const endMs = Math.max(BOOT_MS, massEndMs);
  const detail =
    massEndMs > nowMs
      ? `${byAge} of ${input.inventory.images.length} images would go by age at once, so scheduled runs wait for ${formatDuration(durationMs(MASS_HOLD_MS))}`
      : `scheduled runs take nothing by age in the first ${formatDuration(durationMs(BOOT_MS))} after boot`;
  const until = wallMs(input.now.wallMs + endMs - nowMs);
  return { plan: planCollection(input, { detail, until }), massHoldSince, heldUntilMs: durationMs(endMs) };
}

/** A hold of another boot begins anew: what it waited for was uptime. */
function sameBoot(mark: UptimeMark | null, now: UptimeMark): UptimeMark | null {
  return mark?.bootId === now.bootId && mark.bootTimeMs <= now.bootTimeMs ? mark : null;
}
