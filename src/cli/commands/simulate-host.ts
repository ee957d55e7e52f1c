import { look, storeKey } from '../../collect/look.ts';
import { bytes, DAY_MS } from '../../model/brands.ts';
import { formatByteSize } from '../../model/byte-size.ts';
import type { Inventory } from '../../model/inventory.ts';
import type { DiskRule } from '../../model/policy.ts';
import { countLayerNeeds } from '../../plan/layer-counts.ts';
import { traceOfJournal } from '../../simulate/journal-trace.ts';
import type { Capacity, SimulationResult } from '../../simulate/simulation.ts';
import { measureTrace, type Trace, type TraceFacts } from '../../simulate/trace.ts';
import { formatSimulation } from '../forms/simulation-form.ts';
import { answer, type Desk, lookContext, openSession } from '../session.ts';
import { runPolicies, underSettings } from './run-policies.ts';
import { readCapacities, readPolicies, type SimulateOptions } from './simulate-arguments.ts';

/** What is told of; the history before it fills the disk. */
const TOLD_DAYS = 30;

/** `imagegc simulate --host`: what the settings would have made of this host's own history. Removes nothing. @returns the exit status */
export async function runSimulateHost(desk: Desk, options: SimulateOptions): Promise<number> {
  using session = await openSession(desk, 'read');
  const { inventory } = await look({ ...lookContext(session, null), askRegistry: undefined });
  const key = storeKey(session.runtime);
  const uses = session.store.readUsesBetween(key, -1, Number.MAX_SAFE_INTEGER);
  const trace = traceOfJournal(uses, session.store.readLayerFacts(key));
  const facts = measureTrace(trace);
  const capacities =
    options.capacity === undefined
      ? [ownCapacity(desk.policy.disk, inventory, trace, facts)]
      : readCapacities(desk, options.capacity)(facts);
  const policies = readPolicies(options.policy, [desk.policy.order]);
  const { days, warmUpUses } = findToldDays(trace);
  const make = underSettings(desk, trace);
  const results = runPolicies(desk, options, { trace, facts, capacities, policies, warmUpUses, make });
  return answer(desk, {
    json: () => ({ ...formatSimulation(facts.liveSetBytes, results), days }),
    text: () => results.map((result) => tell(result, days)).join('') || NOTHING,
  });
}

const NOTHING = 'Nothing is recorded yet.\n';

function tell({ policy, capacity, freedBytes, coldStarts, repulledBytes }: SimulationResult, days: number): string {
  const times = coldStarts === 1 ? '1 image' : `${coldStarts} images`;
  const again = coldStarts === 0 ? 'no image pulled again' : `${times} pulled again (${formatByteSize(bytes(repulledBytes))})`;
  return `With these settings (${policy}, images on ${capacity.text}) in the last ${days} days: ${formatByteSize(bytes(freedBytes))} freed, ${again}.\n`;
}

/** The last thirty days, or as many as are recorded. */
function findToldDays({ uses }: Trace): { readonly days: number; readonly warmUpUses: number } {
  const [first, last] = [uses[0]?.atMs ?? 0, uses.at(-1)?.atMs ?? 0];
  const from = last - TOLD_DAYS * DAY_MS;
  const warmUpUses = uses.findIndex(({ atMs }) => atMs >= from);
  return { days: Math.min(TOLD_DAYS, Math.ceil((last - first) / DAY_MS)), warmUpUses: Math.max(0, warmUpUses) };
}

/** What the disk rule leaves to images, with all else on that filesystem as it is now; without one, as much as they ever took. */
function ownCapacity(rule: DiskRule, inventory: Inventory, { sizes }: Trace, { largestImageBytes }: TraceFacts): Capacity {
  const { disk } = inventory;
  const limits = rule.maxImageBytes === null ? [] : [Number(rule.maxImageBytes)];
  if (disk !== null) {
    const otherBytes = disk.usedBytes - countLayerNeeds(inventory).totalBytes;
    const allBytes = disk.usedBytes + disk.availableBytes;
    if (rule.highFraction !== null) limits.push(Math.floor(rule.highFraction * allBytes) - otherBytes);
    if (rule.minFreeBytes !== null) limits.push(allBytes - rule.minFreeBytes - otherBytes);
  }
  if (limits.length === 0) return { text: 'an unlimited disk', bytes: sizes.reduce((sum, size) => sum + size, 1) };
  const limit = Math.max(largestImageBytes, Math.min(...limits));
  return { text: formatByteSize(bytes(limit)), bytes: limit };
}
