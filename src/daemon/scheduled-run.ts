import { type CollectContext, type CollectReport, carryOut, countOutcomes, prepareCollection } from '../collect/collection.ts';
import { storeKey } from '../collect/look.ts';
import type { Repair } from '../collect/repair.ts';
import { bytes, type DurationMs, durationMs } from '../model/brands.ts';
import { formatByteSize } from '../model/byte-size.ts';
import type { IdleClockState } from '../model/clock.ts';
import { formatAge } from '../model/duration.ts';
import type { Plan } from '../model/plan.ts';
import type { MassHold } from '../model/watch-state.ts';
import { type BrakedPlan, planScheduled } from '../plan/brakes.ts';
import { planCollection } from '../plan/plan-collection.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Store } from '../store/store.ts';
import type { DaemonTools } from './daemon-tools.ts';
import type { Log } from './log.ts';
import { checkOrder } from './order-check.ts';

/** What a scheduled run works with. */
export interface RunInput {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly massHold: MassHold | null;
  /** The idle clock of the daemon, for a store that has none yet. */
  readonly ongoingClock: () => IdleClockState;
  readonly signal: AbortSignal;
}

/** What a scheduled run came to. */
export interface RunResult {
  readonly report: CollectReport | null;
  readonly plan: Plan;
  readonly massHold: MassHold | null;
  /** Time since boot at which what was held back may go; null when the run is complete. */
  readonly heldUntilMs: DurationMs | null;
}

/**
 * One scheduled collection: observe, plan with the brakes on, remove in batches, record; as `collect` does, under the same lock.
 *
 * @throws OperatingError when the engine or the store fails, or someone else collects
 */
export async function runScheduled(input: RunInput, tools: DaemonTools): Promise<RunResult> {
  const { enabled, policy } = tools.settings();
  const checked = await checkOrder(policy, input.store, storeKey(input.runtime), tools);
  let braked: BrakedPlan | null = null;
  const context = contextOf(input, tools, (planInput) => {
    const { bootId, bootTimeMs } = tools.readClock();
    braked = planScheduled({ ...planInput, policy: checked }, { uptime: { bootId: bootId ?? '', bootTimeMs }, massHold: input.massHold });
    return braked.plan;
  });
  using _lock = await tools.lockEngine(input.runtime);
  const { look, repairs } = await prepareCollection(context);
  tellRepairs(repairs, tools.log);
  const { massHold, heldUntilMs } = braked ?? NOT_BRAKED;
  const isGoing = enabled && look.plan.refusal === null && look.plan.removals.length > 0;
  const report = isGoing ? await carryOut(look, context) : null;
  if (report === null) tellPlan(look.plan, enabled, tools.log);
  else tellReport(report, tools.log);
  return { report, plan: look.plan, massHold, heldUntilMs };
}

/**
 * Gives names back, or completes removals, that a dead collection left; removes nothing else. The next scheduled run may be days away.
 *
 * @throws OperatingError as {@link runScheduled}
 */
export async function repairInterrupted(input: RunInput, tools: DaemonTools): Promise<void> {
  using _lock = await tools.lockEngine(input.runtime);
  const { repairs } = await prepareCollection(contextOf(input, tools, planCollection));
  tellRepairs(repairs, tools.log);
}

function contextOf(
  { runtime, store, ongoingClock, signal }: RunInput,
  tools: DaemonTools,
  decide: CollectContext['decide'],
): CollectContext {
  const { policy, paceMs } = tools.settings();
  const { readClock, makeMark, judgeOwner, settleMs, wait } = tools;
  return {
    ...{ runtime, store, policy, signal, paceMs, ongoingClock, decide, readClock, makeMark, judgeOwner, settleMs, wait },
    ...{ mayWrite: true, freeBytes: null, onBatch: () => undefined },
  };
}

const NOT_BRAKED = { massHold: null, heldUntilMs: null };

function tellRepairs(repairs: readonly Repair[], log: Log): void {
  for (const { imageId, restored, missing, isCompleted } of repairs) {
    const fields = { imageId, restored, missing };
    if (missing.length > 0)
      log('error', `names that an interrupted run took off ${imageId} could not be given back: ${missing.join(', ')}`, fields);
    else if (isCompleted) log('warn', `removed ${imageId}, as an interrupted run had begun to`, fields);
    else log('warn', `gave back ${restored.join(', ')}, which an interrupted run had taken off`, fields);
  }
}

function tellPlan({ refusal, removals, expectedFreedBytes, verdicts }: Plan, enabled: boolean, log: Log): void {
  const held = verdicts.find(({ reason }) => reason === 'held');
  const freed = formatByteSize(expectedFreedBytes);
  if (refusal !== null) log('warn', `nothing is removed: ${refusal.message}`, { doubt: refusal.kind });
  else if (removals.length > 0 && !enabled) log('info', `enabled = false: ${removals.length} images and ${freed} would go`);
  else log('info', held === undefined ? 'nothing is to be removed' : `nothing is removed yet: ${held.detail}`);
}

function tellReport(report: CollectReport, log: Log): void {
  for (const { removal, outcome } of report.results) {
    const { imageId, references, digests, rule, idleMs, freesBytes } = removal;
    const name = references[0] ?? digests[0] ?? imageId;
    const why = outcome.message === '' ? `${rule}, unused for ${formatAge(idleMs)}` : outcome.message;
    const fields = { imageId, references, digests, rule, idleSeconds: Math.floor(idleMs / 1_000), outcome: outcome.kind, freesBytes };
    log(outcome.kind === 'failed' ? 'error' : 'info', `${outcome.kind} ${name}: ${why}`, fields);
  }
  for (const { name, state } of report.stranded) {
    log('error', `container ${name} (${state}) was created while its image was being removed: pull the image again`);
  }
  const counts = [...countOutcomes(report.results)].map(([kind, count]) => `${count} ${kind}`).join(', ');
  const measured = report.measuredBytes === null ? '' : ` (measured: ${formatByteSize(bytes(Math.max(0, report.measuredBytes)))})`;
  const stopped = report.stopped === null ? '' : `; stopped before the end: ${report.stopped}`;
  log('info', `collected: ${counts}; ${formatByteSize(report.freedBytes)} freed${measured}${stopped}`);
}

/** Pauses after runs that did not come to an end: a minute, then ever longer, an hour at most. */
export function retryAfter(failures: number): DurationMs {
  return durationMs(Math.min(3_600_000, 60_000 * 2 ** (failures - 1)));
}
