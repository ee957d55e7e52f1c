import type { Policy } from '../model/policy.ts';
import { LayerCounts } from '../plan/layer-counts.ts';
import type { PlanInput } from '../plan/plan-collection.ts';
import { traceOfJournal } from '../simulate/journal-trace.ts';
import { judgeOrder } from '../simulate/judge-order.ts';
import type { Store, StoreKey } from '../store/store.ts';
import type { Log } from './log.ts';

/** Enough for months of most hosts, and replayed in about a second. */
const USES_MOST = 20_000;

/**
 * Before a scheduled run: asks this host's own history whether `next-use` serves it, and goes by `lru` where it does not. Where no rule asks for
 * room the order decides nothing, and is not asked about.
 */
export function checkOrder(input: PlanInput, store: Store, key: StoreKey, log: Log): PlanInput {
  const { policy, inventory } = input;
  if (policy.order === 'lru' || !makesRoom(policy)) return input;
  const uses = store.readUsesBetween(key, -1, Number.MAX_SAFE_INTEGER).slice(-USES_MOST);
  const order = judgeOrder(traceOfJournal(uses, store.readLayerFacts(key)), new LayerCounts(inventory).totalBytes);
  if (order === 'next-use') return input;
  log('warn', 'rules.order = "next-use" would have pulled more again than "lru" in each of the last three weeks: this run goes by "lru"');
  return { ...input, policy: { ...policy, order } };
}

function makesRoom({ disk }: Policy): boolean {
  return Object.values(disk).some((limit) => limit !== null);
}
