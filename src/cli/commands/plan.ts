import { type Look, look, storeKey } from '../../collect/look.ts';
import { type Bytes, durationMs, idleAt, type WallMs, wallMs } from '../../model/brands.ts';
import type { Container } from '../../model/inventory.ts';
import type { Plan } from '../../model/plan.ts';
import { NO_HABITS } from '../../model/use-habits.ts';
import { type BrakedPlan, planScheduled } from '../../plan/brakes.ts';
import { type PlanInput, planCollection } from '../../plan/plan-collection.ts';
import { parseInventory } from '../forms/inventory-form.ts';
import { formatPlan } from '../forms/plan-form.ts';
import { parseTime } from '../forms/rfc3339.ts';
import { parseUses } from '../forms/uses-form.ts';
import { readInput } from '../input-file.ts';
import { EXIT, usageError } from '../output/error-text.ts';
import { renderPlan } from '../output/render-plan.ts';
import { answer, type Desk, lookContext, openSession } from '../session.ts';

/** Options of `imagegc plan`. */
export interface PlanOptions {
  readonly free?: Bytes;
  /** Files of the offline what-if; an inventory makes the run one. */
  readonly inventory?: string;
  readonly uses?: string;
  readonly at?: string;
  /** With the brakes of the daemon's scheduled runs on. */
  readonly scheduled?: boolean;
}

/** `imagegc plan`: what would be removed now, why, and what that frees. Removes nothing. @returns the exit status */
export async function runPlan(desk: Desk, options: PlanOptions): Promise<number> {
  const { plan, inventory } =
    options.inventory === undefined ? await planLive(desk, options) : planOffline(desk, options, options.inventory);
  const notice = desk.loaded.settings.enabled ? '' : '\nenabled = false: "imagegc collect" will not remove anything.\n';
  answer(desk, { json: () => formatPlan(plan), text: () => renderPlan(plan, inventory, desk.policy, desk.look) + notice });
  return planStatus(plan);
}

/** The exit status that a plan alone asks for. */
export function planStatus(plan: Plan): number {
  if (plan.refusal !== null) return EXIT.keptBack;
  return plan.target?.reached === false ? EXIT.targetNotReached : EXIT.done;
}

type Planned = Pick<Look, 'plan' | 'inventory'>;

async function planLive(desk: Desk, { free, uses, at, scheduled = false }: PlanOptions): Promise<Planned> {
  if (uses !== undefined || at !== undefined)
    throw usageError('plan', uses === undefined ? '--at' : '--uses', 'it decides about an inventory file, and none is given', OFFLINE_HINT);
  using session = await openSession(desk, 'read');
  const watch = session.store.readWatchState(storeKey(session.runtime));
  const { bootId, bootTimeMs } = desk.world.readClock();
  const uptime = { bootId: bootId ?? '', bootTimeMs };
  const brake = (input: PlanInput): BrakedPlan => planScheduled(input, { uptime, massHold: watch?.massHold ?? null });
  const context = lookContext(session, free ?? null);
  const seen = await look(scheduled ? { ...context, decide: (input) => brake(input).plan } : context);
  if (seen.holds.length > 0) desk.world.err.write(HELD);
  if (!scheduled && watch !== null && brake(seen.input).heldUntilMs !== null) desk.world.err.write(BRAKED);
  return seen;
}

const BRAKED =
  'imagegc: a scheduled run of the daemon holds some of these back; "imagegc plan --scheduled" tells which, why and until when\n';

const HELD = 'imagegc: some names are taken off by a collection that is running or was interrupted; "imagegc doctor" tells which\n';

const OFFLINE_HINT = 'add --inventory FILE; "imagegc export inventory" writes one. On a live engine nothing moves the clock';

/** Decides without an engine. The wall times given are taken as true, so the idle clock is the wall clock here. */
function planOffline({ world, policy }: Desk, { free, uses, at }: PlanOptions, inventoryFile: string): Planned {
  const given = at === undefined ? null : readTime(at);
  const { inventory: listed, pins } = parseInventory(inventoryFile, readInput(world, inventoryFile), { at: given });
  const time = given ?? listed.observedAt;
  const inventory = { ...listed, containers: listed.containers.map((container) => withAge(container, time)) };
  const now = { idleMs: idleAt(time), wallMs: time, isWallTrusted: true };
  const known = uses === undefined ? NO_USES : parseUses(uses, readInput(world, uses), { at: time });
  const nothing = { failures: new Map(), doubts: [] };
  const plan = planCollection({ ...nothing, ...known, inventory, pins, policy, now, freeBytes: free ?? null });
  return { plan, inventory };
}

/** In a file a container has ended for good as soon as it says when. */
function withAge(container: Container, at: WallMs): Container {
  const { finishedAt, state } = container;
  return finishedAt === null || state !== 'exited' ? container : { ...container, endedForMs: durationMs(Math.max(0, at - finishedAt)) };
}

const NO_USES = { records: new Map(), lineages: new Map(), habits: NO_HABITS };

function readTime(text: string): WallMs {
  const time = parseTime(text);
  if (time.ok) return wallMs(time.value);
  throw usageError('read --at', text, time.problem);
}
