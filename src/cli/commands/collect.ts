import { type CollectContext, type CollectReport, carryOut, prepareCollection, SETTLE_MS } from '../../collect/collection.ts';
import type { ContainerResult } from '../../collect/ended-containers.ts';
import type { Repair } from '../../collect/repair.ts';
import { type Bytes, bytes } from '../../model/brands.ts';
import { OperatingError } from '../../model/error.ts';
import { hasWork } from '../../plan/build-cache.ts';
import { controlPath, formOrder } from '../daemon-client.ts';
import { formatPlan } from '../forms/plan-form.ts';
import { EXIT, usageError } from '../output/error-text.ts';
import { showProgress } from '../output/progress.ts';
import { renderPlan } from '../output/render-plan.ts';
import { renderRepairs, renderReport } from '../output/render-report.ts';
import { lookOf } from '../output/style.ts';
import { answer, type Desk, lookContext, openSession, type Session } from '../session.ts';
import { lockFor } from './collecting.ts';
import { planStatus } from './plan.ts';

/** Options of `imagegc collect`. */
export interface CollectOptions {
  readonly free?: Bytes;
  readonly yes?: boolean;
}

/** `imagegc collect`: the same plan as `imagegc plan`, then does it. @returns the exit status */
export async function runCollect(desk: Desk, options: CollectOptions): Promise<number> {
  if (!options.yes && desk.world.ask === null)
    throw usageError('collect', 'no terminal', 'nobody can be asked whether to remove the images', YES_HINT);
  const { world, loaded } = desk;
  const order = formOrder(world, desk.options, { freeBytes: options.free ?? null, yes: options.yes ?? false });
  // While a daemon keeps the store, it does the work: one process then writes records, holds and history.
  return (await world.askDaemon(controlPath(loaded.settings['store.path']), order, world)) ?? collectHere(desk, options);
}

async function collectHere(desk: Desk, options: CollectOptions): Promise<number> {
  using session = await openSession(desk, 'write');
  using _lock = await lockFor(desk.world, session.runtime);
  const context = collectContext(session, options);
  const { look, repairs } = await prepareCollection(context);
  const { enabled } = desk.loaded.settings;
  const isGoing = enabled && hasWork(look.plan);
  if (!desk.options.json) {
    desk.world.err.write(renderRepairs(repairs));
    desk.world.out.write(renderPlan(look.plan, look.inventory, desk.policy, desk.look));
  }
  if (!enabled) desk.world.err.write('imagegc: enabled = false in the settings, so nothing is removed\n');
  const said = isGoing && !options.yes ? await desk.world.ask?.('\nRemove these images?') : 'yes';
  if (said === 'interrupted') return EXIT.interrupted;
  if (said !== 'yes') {
    desk.world.out.write('Nothing was removed.\n');
    return EXIT.done;
  }
  const signal = desk.world.catchInterrupts();
  const report = isGoing ? await carryOut(look, { ...context, signal }).catch(tellOfRepair) : nothingDone(look.plan);
  desk.world.noteReport?.(report);
  answer(desk, { json: () => formatReport(report, repairs), text: () => (isGoing ? renderReport(report, desk.look) : '') });
  return reportStatus(report, enabled, signal);
}

/** Until removing begins, Ctrl-C ends the process as it ends any. */
const NEVER = new AbortController().signal;

const YES_HINT = 'add --yes, or look first with "imagegc plan"';

function collectContext(session: Session, { free }: CollectOptions): CollectContext {
  const { world, loaded, options } = session.desk;
  const { makeMark, judgeOwner, wait } = world;
  const progress = showProgress(world.err.write, lookOf(world.err, world.environment).width);
  return {
    ...lookContext(session, free ?? null),
    ...{ makeMark, judgeOwner, wait, settleMs: SETTLE_MS },
    paceMs: loaded.settings['rules.pace'],
    signal: NEVER,
    onBatch: (state) => {
      if (options.json) return;
      progress.show(state);
      if (state.done === state.total) progress.end();
    },
  };
}

/** An engine that fails half-way leaves names taken off; that they come back is what a person wants to know most. */
function tellOfRepair(error: unknown): never {
  if (!(error instanceof OperatingError) || !error.kind.startsWith('engine')) throw error;
  const { kind, operation, subject, problem } = error;
  const hint = 'when the engine answers again, run "imagegc collect" or "imagegc doctor --repair": it gives back every name taken off';
  throw new OperatingError({ kind, operation, subject, problem, hint, cause: error });
}

function nothingDone(plan: CollectReport['plan']): CollectReport {
  const nothing = { results: [], containers: [], stranded: [], overtaken: [], cachePrunedBytes: bytes(0), isShort: false, stopped: null };
  return { plan, freedBytes: plan.expectedFreedBytes, measuredBytes: null, ...nothing };
}

/** What `imagegc collect --json` prints (`docs/json.md`): the plan, and what became of each removal. */
function formatReport(report: CollectReport, repairs: readonly Repair[]): object {
  return {
    format: 'imagegc.collection/1',
    plan: formatPlan(report.plan),
    results: report.results.map(({ removal, outcome }) => {
      const { imageId, references, digests, rule } = removal;
      return { imageId, references, digests, rule, outcome: outcome.kind, message: outcome.message };
    }),
    ...(report.containers.length > 0 && { containers: report.containers.map(formatContainerResult) }),
    freedBytes: report.results.length === 0 ? 0 : report.freedBytes,
    cachePrunedBytes: report.cachePrunedBytes,
    measuredBytes: report.measuredBytes,
    stopped: report.stopped,
    stranded: report.stranded.map(({ id, name, state, imageIds }) => ({ id, name, state, imageIds })),
    overtaken: report.overtaken.map(({ imageId, references, digests }) => ({ imageId, references, digests })),
    repairs: repairs.map(({ imageId, restored, missing, isCompleted }) => ({ imageId, restored, missing, completed: isCompleted })),
  };
}

function formatContainerResult({ removal: { id, name }, outcome: { kind, message } }: ContainerResult): object {
  return { id, name, outcome: kind, message };
}

/** Of several the first of failed, kept back, target not reached; Ctrl-C outranks them. */
function reportStatus(report: CollectReport, enabled: boolean, interrupted: AbortSignal): number {
  if (interrupted.aborted) return EXIT.interrupted;
  const hasFailed = [...report.results, ...report.containers].some(({ outcome }) => outcome.kind === 'failed');
  if (hasFailed || report.stranded.length + report.overtaken.length > 0) return EXIT.failed;
  if (!enabled) return EXIT.keptBack;
  return report.isShort ? EXIT.targetNotReached : planStatus(report.plan);
}
