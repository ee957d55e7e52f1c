import { type Bytes, type DurationMs, idleMs } from '../model/brands.ts';
import type { ClockReading, IdleClockState } from '../model/clock.ts';
import { OperatingError } from '../model/error.ts';
import type { Doubt, Inventory, LayerFacts } from '../model/inventory.ts';
import type { Plan } from '../model/plan.ts';
import type { Policy } from '../model/policy.ts';
import type { Now, Pin } from '../model/use-record.ts';
import type { PlanInput } from '../plan/plan-collection.ts';
import type { FoundHold, Observation, Runtime } from '../runtime/runtime.ts';
import type { Store, StoreKey } from '../store/store.ts';
import { advanceIdleClock, isWallTrusted, startIdleClock } from '../usage/idle-clock.ts';
import { FORGET_AFTER_MS, type Sighting, sight } from '../usage/sighting.ts';
import { type AskRegistry, askRegistries } from './ask-registries.ts';
import { noteEnded } from './ended-containers.ts';
import { learnHabits } from './learn-habits.ts';

/** What `plan`, `images`, `why` and `collect` all begin with. */
export interface LookContext {
  readonly runtime: Runtime;
  readonly store: Store;
  /** False: the store is only read, so sightings of this look are not kept. */
  readonly mayWrite: boolean;
  readonly policy: Policy;
  readonly readClock: () => ClockReading;
  /** The idle clock that goes on in a store that has none yet; absent: it begins at 0. Whoever runs on must not have two. */
  readonly ongoingClock?: () => IdleClockState;
  /** What files of this host say is needed; absent: nobody looks. */
  readonly findWorkloads?: (containers: Inventory['containers']) => Promise<Pick<Inventory, 'workloads' | 'doubts'>>;
  /** Asks whether an image can be pulled again, where `protect.restorable` is "check"; absent: nobody asks, and nothing pulled goes then. */
  readonly askRegistry?: AskRegistry | undefined;
  /** Asked for with `--free`; null without. */
  readonly freeBytes: Bytes | null;
  /** `planCollection`, or it with the brakes of a scheduled run. */
  readonly decide: (input: PlanInput) => Plan;
}

/** One complete look at the engine, and what follows from it. */
export interface Look {
  readonly inventory: Inventory;
  readonly input: PlanInput;
  readonly plan: Plan;
  readonly clock: IdleClockState;
  readonly holds: readonly FoundHold[];
}

/** Whose records these are: an ID means nothing in another store. */
export function storeKey({ identity }: Runtime): StoreKey {
  return `${identity.engineId}/${identity.storeId}`;
}

/**
 * Observes the engine, turns what is seen into use records, and plans.
 *
 * @returns a plan that refuses to remove anything when the clock, the records or the inventory are in doubt
 * @throws OperatingError when the engine or the store cannot be read
 */
export async function look(context: LookContext): Promise<Look> {
  const { runtime, store, policy, freeBytes } = context;
  const key = storeKey(runtime);
  const beganMs = context.readClock().bootTimeMs;
  let known: LayerFacts = NO_FACTS;
  const observed = await runtime.observe(() => {
    known = store.readLayerFacts(key);
    return known;
  });
  const inventory = await withWorkloads(observed.inventory, context);
  const record = (): Recorded => recordSighting(context, { ...observed, inventory, known, beganMs });
  const { clock, at, sighting } = context.mayWrite ? store.atomically(record) : record();
  const { records, lineages, failures } = sighting.state;
  const doubts = [...sighting.doubts, ...doubtsOf(store, clock)];
  const pins: readonly Pin[] = store.listPins();
  const habits = learnHabits(store, key, at, context.mayWrite);
  const listed = policy.containersExitedForMs === null ? inventory : await withEnded(inventory, at, context);
  const { askRegistry } = context;
  const asking = policy.protect.restorable === 'check' && askRegistry !== undefined ? { registryAnswers: new Map() } : {};
  const input: PlanInput = { inventory: listed, records, lineages, failures, habits, pins, policy, now: at, freeBytes, doubts, ...asking };
  const decided = await decideWithBuildCache(input, context);
  const planned = askRegistry === undefined ? decided : await askRegistries(decided, context.decide, askRegistry);
  return { ...planned, inventory: planned.input.inventory, clock, holds: observed.holds };
}

/** What was listed, and what was known before. */
interface Listed extends Pick<Observation, 'inventory' | 'learned'> {
  readonly known: LayerFacts;
  /** On the clock since boot. */
  readonly beganMs: DurationMs;
}

/** What became known, and when. */
interface Recorded {
  readonly clock: IdleClockState;
  readonly at: Now;
  readonly sighting: Sighting;
}

/** Reads what is remembered and writes what the listing adds, in one step. */
function recordSighting(context: LookContext, { inventory, learned, known, beganMs }: Listed): Recorded {
  const { store, mayWrite, ongoingClock, readClock } = context;
  const key = storeKey(context.runtime);
  // Only now: while the engine was listed, another process may have begun the clock of a new store, and stamps on two clocks mean nothing.
  const clock = store.readClock() === null && ongoingClock !== undefined ? ongoingClock() : readIdleClock(store, readClock());
  const at = nowOf(clock);
  const sighting = sight({
    inventory,
    state: store.readUsage(key, { images: inventory.images.map(({ id }) => id), missingBefore: idleMs(at.idleMs - FORGET_AFTER_MS) }),
    isFirst: !store.hasRecords(key),
    otherStores: store.readOtherUsage(key),
    now: at,
    listedSince: { idleMs: idleMs(at.idleMs - Math.max(0, clock.reading.bootTimeMs - beganMs)) },
    chainOf: (image) => learned.layersByImage.get(image) ?? known.layersByImage.get(image),
    newChains: new Set(learned.layersByImage.keys()),
    areRecordsLost: store.condition.kind === 'set-aside',
  });
  if (mayWrite) {
    store.writeUsage(key, sighting.changes, clock);
    store.addLayerFacts(key, learned);
  }
  return { clock, at, sighting };
}

async function withWorkloads(inventory: Inventory, { findWorkloads }: LookContext): Promise<Inventory> {
  if (findWorkloads === undefined) return inventory;
  const { workloads, doubts } = await findWorkloads(inventory.containers);
  return { ...inventory, workloads: [...inventory.workloads, ...workloads], doubts: [...inventory.doubts, ...doubts] };
}

async function withEnded(inventory: Inventory, at: Now, { runtime, store, mayWrite }: LookContext): Promise<Inventory> {
  const key = storeKey(runtime);
  return { ...inventory, containers: await noteEnded(inventory.containers, at, { runtime, store, key, mayWrite }) };
}

/** The build cache is asked for only where a rule prunes it, or a target has to be met: then it may be what holds the bytes. */
async function decideWithBuildCache(input: PlanInput, { runtime, policy, decide }: LookContext): Promise<Pick<Look, 'input' | 'plan'>> {
  const isPruned = policy.buildCacheUnusedForMs !== null;
  const plan = isPruned ? null : decide(input);
  if (plan !== null && plan.target === null) return { input, plan };
  const buildCache = await runtime.readBuildCache(isPruned).catch(unknownWhere);
  const known = { ...input, inventory: { ...input.inventory, buildCache } };
  return buildCache === null && plan !== null ? { input, plan } : { input: known, plan: decide(known) };
}

/** An engine that cannot tell of its build cache may still collect images. */
function unknownWhere(error: unknown): null {
  if (error instanceof OperatingError) return null;
  throw error;
}

const NO_FACTS: LayerFacts = { layersByImage: new Map(), sizeByLayer: new Map() };

/** The idle clock moved on to now; it is not written. */
export function readIdleClock(store: Store, reading: ClockReading): IdleClockState {
  const before = store.readClock();
  return before === null ? startIdleClock(reading) : advanceIdleClock(before, reading);
}

/** The idle clock's state as the moment that rules are asked about. */
export function nowOf(clock: IdleClockState): Now {
  return { idleMs: clock.idleMs, wallMs: clock.reading.wallMs, isWallTrusted: isWallTrusted(clock.reading) };
}

function doubtsOf(store: Store, clock: IdleClockState): readonly Doubt[] {
  const doubts: Doubt[] = [];
  if (clock.reading.bootId === null) {
    doubts.push({ kind: 'clock-unknown', message: 'the kernel does not tell its boot ID, so no age can be proven' });
  }
  if (store.condition.kind === 'set-aside') {
    const { evidencePath, problem } = store.condition;
    doubts.push({
      kind: 'records-unknown',
      message: `the use records were damaged (${problem}) and lie in ${evidencePath} now; every image counts as used now`,
    });
  }
  return doubts;
}
