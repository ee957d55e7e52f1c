import { type Bytes, bytes } from '../model/brands.ts';
import type { Inventory } from '../model/inventory.ts';
import type { Plan } from '../model/plan.ts';
import type { Policy } from '../model/policy.ts';
import type { Now } from '../model/use-record.ts';

/**
 * What of the build cache goes before any image does. The engine stamps its use with the wall clock, so nothing goes while that cannot be trusted.
 *
 * @returns null where the cache is not known
 */
export function planBuildCache({ buildCache }: Inventory, { buildCacheUnusedForMs }: Policy, now: Now): Plan['buildCache'] {
  if (buildCache === null) return null;
  const isDue = (lastUsedMs: number | null): boolean =>
    buildCacheUnusedForMs !== null && now.isWallTrusted && lastUsedMs !== null && now.wallMs - lastUsedMs >= buildCacheUnusedForMs;
  const prunedBytes = buildCache.unused.reduce((sum, { sizeBytes, lastUsedAt }) => sum + (isDue(lastUsedAt) ? sizeBytes : 0), 0);
  return { sizeBytes: buildCache.sizeBytes, prunedBytes: bytes(prunedBytes) };
}

/** Bytes that the plan has the engine prune from its build cache. */
export function prunedBytesOf({ buildCache }: Pick<Plan, 'buildCache'>): Bytes {
  return buildCache?.prunedBytes ?? bytes(0);
}

/** Whether there is anything to be done by a plan. */
export function hasWork(plan: Plan): boolean {
  return plan.refusal === null && (plan.removals.length > 0 || plan.containers.length > 0 || prunedBytesOf(plan) > 0);
}
