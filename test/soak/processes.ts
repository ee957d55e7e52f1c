import { type CollectContext, carryOut, prepareCollection } from '../../src/collect/collection.ts';
import { Daemon } from '../../src/daemon/daemon.ts';
import type { DaemonSettings, DaemonTools } from '../../src/daemon/daemon-tools.ts';
import { type DurationMs, durationMs, wallMs } from '../../src/model/brands.ts';
import type { ClockReading } from '../../src/model/clock.ts';
import { OperatingError } from '../../src/model/error.ts';
import type { OwnerState } from '../../src/model/hold.ts';
import { planCollection } from '../../src/plan/plan-collection.ts';
import { openMemory } from '../../src/runtime/memory/memory-runtime.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import type { Store, StoreCondition } from '../../src/store/store.ts';
import { Actor, ActorStore, engineSeenBy, never, type Surroundings } from './actor.ts';
import type { HostClock } from './host-clock.ts';

/** The pauses of a collection, which nobody has to wait for; all others end when time passes. */
const SETTLE_MS: DurationMs = durationMs(1);

/** A product that is broken on purpose, to see whether the soak would notice. */
export interface Plant {
  readonly runtime?: (runtime: Runtime) => Runtime;
  readonly store?: (store: Store) => Store;
  readonly clock?: (reading: ClockReading) => ClockReading;
}

/** The host that processes run on. */
export interface Host extends Surroundings {
  readonly clock: HostClock;
  readonly settings: DaemonSettings;
  readonly isSetAside: boolean;
  /** Something that is told to people as an error. */
  hear(complaint: string): void;
  noteCollection(): void;
  /** A process ended by an error that is none of operation. */
  noteCrash(error: unknown): void;
}

interface Timer {
  readonly atMs: number;
  readonly actor: Actor;
  readonly end: () => void;
}

/** The processes of imagegc on a host: lives of the daemon, and collections that people begin. */
export class Processes {
  daemon: { readonly actor: Actor; readonly daemon: Daemon } | null = null;
  readonly #host: Host;
  readonly #plant: Plant;
  readonly #alive = new Map<string, Actor>();
  readonly #born: Actor[] = [];
  readonly #timers = new Set<Timer>();
  #lock: Actor | null = null;
  #lives = 0;

  constructor(host: Host, plant: Plant) {
    this.#host = host;
    this.#plant = plant;
  }

  /** Ends the pauses that have lasted long enough. */
  ring(): void {
    const { trueMs } = this.#host.clock.now();
    for (const timer of [...this.#timers]) if (timer.atMs <= trueMs && !timer.actor.isDead) timer.end();
  }

  /** @param watchedFrom the event behind which a daemon has stored its place */
  startDaemon(watchedFrom: number | null): void {
    if (this.daemon !== null) return;
    const actor = this.#bear();
    actor.watchedFrom = watchedFrom;
    const daemon = new Daemon(this.#tools(actor));
    this.daemon = { actor, daemon };
    daemon.run(actor.abort.signal).catch((error: unknown) => this.#bury(actor, error));
  }

  kill(actor: Actor): void {
    actor.isDead = true;
    this.#alive.delete(actor.mark);
    if (this.#lock === actor) this.#lock = null;
    if (this.daemon?.actor === actor) this.daemon = null;
  }

  killAll(): void {
    for (const actor of [...this.#alive.values()]) this.kill(actor);
  }

  /** The history is over: whoever still listens for a signal would be kept for as long as this program runs. */
  release(): void {
    for (const actor of this.#born) actor.abort.abort();
  }

  #bear(): Actor {
    this.#lives += 1;
    const actor = new Actor(this.#lives, this.#host.settings.policy);
    this.#born.push(actor);
    this.#alive.set(actor.mark, actor);
    return actor;
  }

  #bury(actor: Actor, error: unknown): void {
    this.#host.noteCrash(error);
    this.kill(actor);
  }

  #tools(actor: Actor): DaemonTools {
    return {
      settings: () => this.#host.settings,
      machineId: null,
      openRuntime: async () => {
        const runtime = this.#openRuntime(actor);
        await runtime.ping();
        return runtime;
      },
      openStore: () => this.#openStore(actor),
      readClock: () => this.#readClock(),
      wait: (pause, signal) => this.#wait(actor, pause, signal),
      mayCollect: () => true,
      lockEngine: async () => (actor.isDead ? never() : this.#takeLock(actor)),
      makeMark: () => actor.mark,
      judgeOwner: (mark) => this.#judgeOwner(actor, mark),
      settleMs: SETTLE_MS,
      releaseMemory: () => undefined,
      log: (level, message) => this.#host.hear(level === 'error' ? message : ''),
    };
  }

  #readClock(): ClockReading {
    const reading = this.#host.clock.read();
    return this.#plant.clock?.(reading) ?? reading;
  }

  #openRuntime(actor: Actor): Runtime {
    const runtime = openMemory(engineSeenBy(actor, this.#host), () => wallMs(this.#host.clock.wall));
    return this.#plant.runtime?.(runtime) ?? runtime;
  }

  #openStore(actor: Actor): Store {
    const isNew = this.#host.file.clock === null;
    const setAside: StoreCondition = { kind: 'set-aside', evidencePath: 'evidence', problem: 'damaged' };
    const store = new ActorStore(actor, this.#host, isNew && this.#host.isSetAside ? setAside : { kind: isNew ? 'new' : 'sound' });
    return this.#plant.store?.(store) ?? store;
  }

  #judgeOwner(actor: Actor, mark: string): OwnerState {
    if (mark === actor.mark) return 'own';
    return this.#alive.has(mark) ? 'alive' : 'dead';
  }

  #takeLock(actor: Actor): Disposable {
    if (this.#lock !== null) {
      throw new OperatingError({
        kind: 'lock-held',
        operation: 'collect',
        subject: 'engine',
        problem: 'someone else collects',
        hint: null,
      });
    }
    this.#host.noteCollection();
    this.#lock = actor;
    actor.policy = this.#host.settings.policy;
    return { [Symbol.dispose]: () => this.#freeLock(actor) };
  }

  #freeLock(actor: Actor): void {
    if (this.#lock === actor) this.#lock = null;
  }

  #wait(actor: Actor, pause: DurationMs, signal: AbortSignal | undefined): Promise<void> {
    if (actor.isDead) return never();
    if (pause <= SETTLE_MS) return Promise.resolve(this.#host.atCall(actor, { kind: 'ping', subject: 'wait' }, 'before'));
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal?.aborted === true) return Promise.resolve();
    const end = (): void => {
      this.#timers.delete(timer);
      resolve();
    };
    const timer: Timer = { atMs: this.#host.clock.now().trueMs + pause, actor, end };
    this.#timers.add(timer);
    signal?.addEventListener('abort', end, { once: true });
    return promise;
  }

  /** A person runs `imagegc collect`, unless the lock is held. */
  collect(): void {
    if (this.#lock !== null) return;
    const actor = this.#bear();
    this.#carryOut(actor).then(
      () => this.kill(actor),
      (error: unknown) => (error instanceof OperatingError ? this.kill(actor) : this.#bury(actor, error)),
    );
  }

  async #carryOut(actor: Actor): Promise<void> {
    using _lock = this.#takeLock(actor);
    const { policy } = actor;
    const tools = this.#tools(actor);
    const context: CollectContext = {
      ...{ runtime: await tools.openRuntime(), store: tools.openStore(), policy, mayWrite: true, freeBytes: null },
      ...{ readClock: tools.readClock, decide: planCollection, makeMark: tools.makeMark, judgeOwner: tools.judgeOwner },
      ...{ wait: tools.wait, settleMs: SETTLE_MS, paceMs: durationMs(0), signal: actor.abort.signal, onBatch: () => undefined },
    };
    const { look, repairs } = await prepareCollection(context);
    this.#host.hear(repairs.flatMap(({ missing }) => missing).join(' '));
    if (look.plan.refusal !== null || look.plan.removals.length === 0) return;
    const { results } = await carryOut(look, context);
    this.#host.hear(results.map(({ outcome }) => (outcome.kind === 'failed' ? outcome.message : '')).join(' '));
  }
}
