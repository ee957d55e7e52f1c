import { type CollectContext, type CollectReport, carryOut, countOutcomes, prepareCollection } from '../collect/collection.ts';
import { type Look, storeKey } from '../collect/look.ts';
import type { Repair } from '../collect/repair.ts';
import { type Bytes, bytes, type DurationMs, durationMs } from '../model/brands.ts';
import { formatByteSize } from '../model/byte-size.ts';
import { formatAge } from '../model/duration.ts';
import type { Plan, Removal } from '../model/plan.ts';
import type { RemovalOrder } from '../model/policy.ts';
import { type BrakedPlan, type BrakeInput, planScheduled } from '../plan/brakes.ts';
import { hasWork, prunedBytesOf } from '../plan/build-cache.ts';
import { type PlanInput, planCollection, planForRoom } from '../plan/plan-collection.ts';
import { explainShortfall } from '../plan/shortfall.ts';
import type { DaemonTools } from './daemon-tools.ts';
import type { Log } from './log.ts';
import { checkOrder } from './order-check.ts';

/** What a scheduled run works with. */
export interface RunInput extends Pick<CollectContext, 'runtime' | 'store' | 'ongoingClock' | 'signal'>, Pick<BrakeInput, 'massHold'> {
  /** What the last scheduled run was to go by; null: there was none yet. */
  readonly order: RemovalOrder | null;
  /** Told what the plan was made of. */
  readonly onLook: (look: Look) => void;
}

/** What a run came to. */
export interface RunDone {
  /** Null: nothing was to be removed, or may be. */
  readonly report: CollectReport | null;
  readonly plan: Plan;
}

/** What a scheduled run came to. */
export interface RunResult extends RunDone, Pick<BrakedPlan, 'massHold' | 'heldUntilMs'> {
  readonly order: RemovalOrder;
}

/**
 * One scheduled collection: observe, plan with the brakes on, remove in batches, record; as `collect` does, under the same lock.
 *
 * @throws OperatingError when the engine or the store fails, or someone else collects
 */
export async function runScheduled(input: RunInput, tools: DaemonTools): Promise<RunResult> {
  const { policy } = tools.settings();
  const order = await checkOrder(policy, input.store, storeKey(input.runtime), tools);
  let braked: BrakedPlan | null = null;
  const done = await run(input, tools, (planInput) => {
    const { bootId, bootTimeMs } = tools.readClock();
    const uptime = { bootId: bootId ?? '', bootTimeMs };
    braked = planScheduled(inOrder(planInput, order), { uptime, massHold: input.massHold });
    return braked.plan;
  });
  const { massHold, heldUntilMs } = braked ?? NOT_BRAKED;
  return { ...done, massHold, heldUntilMs, order };
}

/**
 * One collection because the disk asks for room.
 *
 * @param incomingBytes known to be on their way to this disk
 * @throws OperatingError as {@link runScheduled}
 */
export function runForRoom(input: RunInput, tools: DaemonTools, incomingBytes: Bytes): Promise<RunDone> {
  return run(input, tools, (planInput) => planForRoom(inOrder(planInput, input.order), incomingBytes));
}

/** Whoever sets `lru` gets it, whatever a check before that said. */
function inOrder(input: PlanInput, order: RemovalOrder | null): PlanInput {
  return order === 'lru' ? { ...input, policy: { ...input.policy, order } } : input;
}

async function run(input: RunInput, tools: DaemonTools, decide: CollectContext['decide']): Promise<RunDone> {
  const { enabled } = tools.settings();
  const context = contextOf(input, tools, decide);
  using _lock = await tools.lockEngine(input.runtime);
  const { look, repairs } = await prepareCollection(context);
  tellRepairs(repairs, tools.log);
  input.onLook(look);
  const report = enabled && hasWork(look.plan) ? await carryOut(look, context) : null;
  if (report === null) tellPlan(look.plan, enabled, tools.log);
  else tellReport(report, tools.log);
  return { report, plan: look.plan };
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

function contextOf(input: RunInput, tools: DaemonTools, decide: CollectContext['decide']): CollectContext {
  return { ...tools.settings(), ...tools, ...input, decide, mayWrite: true, freeBytes: null, onBatch: () => undefined };
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

function nameOf({ references, digests, imageId }: Removal): string {
  return references[0] ?? digests[0] ?? imageId;
}

function tellReport(report: CollectReport, log: Log): void {
  for (const { removal, outcome } of report.containers) {
    const { id, name, imageIds, endedForMs, labels } = removal;
    const why = outcome.message === '' ? `exited ${formatAge(endedForMs)} ago` : outcome.message;
    const fields = { containerId: id, imageIds, labels, outcome: outcome.kind };
    log(outcome.kind === 'failed' ? 'error' : 'info', `${outcome.kind} container ${name}: ${why}`, fields);
  }
  for (const { removal, outcome } of report.results) {
    const { imageId, references, digests, rule, idleMs, freesBytes } = removal;
    const why = outcome.message === '' ? `${rule}, unused for ${formatAge(idleMs)}` : outcome.message;
    const fields = { imageId, references, digests, rule, idleSeconds: Math.floor(idleMs / 1_000), outcome: outcome.kind, freesBytes };
    log(outcome.kind === 'failed' ? 'error' : 'info', `${outcome.kind} ${nameOf(removal)}: ${why}`, fields);
  }
  for (const { name, state } of report.stranded) {
    log('error', `container ${name} (${state}) was created while its image was being removed: pull the image again`);
  }
  for (const removal of report.overtaken) {
    const problem = 'was used or brought just when it was removed, and is gone: pull, load or build it again';
    log('error', `${nameOf(removal)} ${problem}`, { imageId: removal.imageId });
  }
  const counts = [...countOutcomes(report.results)].map(([kind, count]) => `${count} ${kind}`).join(', ') || 'no image';
  const measured = report.measuredBytes === null ? '' : ` (measured: ${formatByteSize(bytes(Math.max(0, report.measuredBytes)))})`;
  const cache = report.cachePrunedBytes === 0 ? '' : `, and ${formatByteSize(report.cachePrunedBytes)} of build cache`;
  const stopped = report.stopped === null ? '' : `; stopped before the end: ${report.stopped}`;
  log('info', `collected: ${counts}; ${formatByteSize(report.freedBytes)} freed${measured}${cache}${stopped}`);
}

/** Says what a run left of its target, and who holds the bytes; null when it has none or met it. */
export function shortfallOf({ plan, report }: RunDone): string | null {
  const planned = explainShortfall(plan);
  if (planned !== null) return `the disk rule cannot be met: ${planned}`;
  if ((plan.target === null && prunedBytesOf(plan) === 0) || report?.isShort === false || report?.stopped === 'interrupted') return null;
  if (report === null) return 'the disk is at its mark, and enabled = false keeps everything';
  return `the disk is at its mark still: ${report.stopped ?? 'less came free than was expected, or something else fills it'}`;
}

/** Pauses after runs that did not come to an end: a minute, then ever longer, an hour at most. */
export function retryAfter(failures: number): DurationMs {
  return durationMs(Math.min(3_600_000, 60_000 * 2 ** (failures - 1)));
}
