import { durationMs } from '../model/brands.ts';
import type { LayerFacts } from '../model/inventory.ts';
import type { Policy, RemovalOrder } from '../model/policy.ts';
import type { UsageState } from '../model/use-record.ts';
import { isDiskRuleSet } from '../plan/target.ts';
import { traceOfJournal } from '../simulate/journal-trace.ts';
import { judgeOrder } from '../simulate/judge-order.ts';
import type { Store, StoreKey } from '../store/store.ts';
import type { DaemonTools } from './daemon-tools.ts';

/** Six weeks of all but the busiest hosts. */
const USES_MOST = 10_000;
/** Without a compiler (decision 0006) so many take some tens of milliseconds; then events get their turn. */
const USES_AT_ONCE = 32;

/**
 * Before a scheduled run: asks this host's own history whether `next-use` serves it, and says to go by `lru` where it does not. Where no rule
 * asks for room the order decides nothing, and is not asked about.
 *
 * @returns the order to plan by until the next one, runs for room included
 */
export async function checkOrder(
  policy: Policy,
  store: Store,
  key: StoreKey,
  { wait, log }: Pick<DaemonTools, 'wait' | 'log'>,
): Promise<RemovalOrder> {
  if (policy.order === 'lru' || !isDiskRuleSet(policy.disk)) return policy.order;
  // The newest alone: all that history may hold would take three times the daemon's memory.
  const uses = store.readUses(key, USES_MOST).toSorted((one, other) => one.at.idleMs - other.at.idleMs);
  const facts = store.readLayerFacts(key);
  const steps = judgeOrder(traceOfJournal(uses, facts), bytesPresent(store.readUsage(key), facts), uses.length === USES_MOST);
  let step = steps.next();
  for (let done = 1; step.done !== true; done++) {
    if (done % USES_AT_ONCE === 0) await wait(durationMs(0));
    step = steps.next();
  }
  if (step.value === 'lru') {
    log('warn', 'rules.order = "next-use" would have pulled more again than "lru" in the last six weeks: "lru" it is for now');
  }
  return step.value;
}

/** What images take now: the disk that they may fill is hardly another one. */
function bytesPresent({ records }: UsageState, { layersByImage, sizeByLayer }: LayerFacts): number {
  const present = [...records.values()].filter(({ missingSince }) => missingSince === null);
  const layers = new Set(present.flatMap(({ imageId }) => layersByImage.get(imageId) ?? []));
  return [...layers].reduce((sum, layer) => sum + (sizeByLayer.get(layer) ?? 0), 0);
}
