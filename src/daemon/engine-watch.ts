import { type Look, type LookContext, look, storeKey } from '../collect/look.ts';
import { sortHolds } from '../collect/repair.ts';
import { type DurationMs, durationMs } from '../model/brands.ts';
import { OperatingError } from '../model/error.ts';
import { planCollection } from '../plan/plan-collection.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Store } from '../store/store.ts';
import type { DaemonTools } from './daemon-tools.ts';
import type { StoreKeeper } from './store-keeper.ts';
import { UseRecorder } from './use-recorder.ts';

/** An engine that does not answer the smallest question within this hangs. */
const PING_LIMIT_MS: DurationMs = durationMs(10_000);

/** One connection to an engine, with the stream of its events; whatever breaks it ends it, and another one is made. */
export class EngineWatch {
  readonly runtime: Runtime;
  readonly recorder: UseRecorder;
  readonly #tools: DaemonTools;
  readonly #keeper: StoreKeeper;
  readonly #abort = new AbortController();
  #ended: Promise<void> = Promise.resolve();
  #hasAbandonedHolds = false;
  /** Whether the stream goes on where an earlier one stood. */
  isResumed = false;
  /** When the last look began, on the idle clock, and into which store it was written. */
  #looked = { idleMs: Number.NEGATIVE_INFINITY, lastedMs: 0, generation: -1 };

  private constructor(runtime: Runtime, keeper: StoreKeeper, tools: DaemonTools) {
    this.runtime = runtime;
    this.recorder = new UseRecorder(runtime, keeper);
    this.#keeper = keeper;
    this.#tools = tools;
  }

  /**
   * Connects, and follows events from where the last connection stood. A look is due then, because an engine forgets.
   *
   * @throws OperatingError when the engine fails
   */
  static async open(keeper: StoreKeeper, tools: DaemonTools, signal: AbortSignal): Promise<EngineWatch> {
    const runtime = await tools.openRuntime();
    const watch = new EngineWatch(runtime, keeper, tools);
    try {
      await watch.#follow(signal);
      return watch;
    } catch (error) {
      await watch.close();
      throw error;
    }
  }

  /** Whether everything was looked at since this connection was made, and written into the store that is open now. */
  get isComplete(): boolean {
    return this.#looked.generation === this.#keeper.generation;
  }

  /** Aborted when the connection is of no use any more; the reason is the error, if there was one. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether the last look found holds that a dead collection left; asking answers once. */
  takeAbandonedHolds(): boolean {
    const hasAbandoned = this.#hasAbandonedHolds;
    this.#hasAbandonedHolds = false;
    return hasAbandoned;
  }

  /** How long ago the last look began. */
  sinceLook(): { readonly agoMs: DurationMs; readonly lastedMs: number } {
    return { agoMs: durationMs(this.#keeper.now().idleMs - this.#looked.idleMs), lastedMs: this.#looked.lastedMs };
  }

  /** Looks at everything, and records it. @throws OperatingError when the engine or the store fails */
  async look(): Promise<Look> {
    const store = this.#keeper.open();
    const isSetAside = store.condition.kind === 'set-aside';
    const beganMs = this.#tools.readClock().bootTimeMs;
    const { generation } = this.#keeper;
    const isFirst = !this.isComplete;
    const { idleMs } = this.#keeper.now();
    this.recorder.beginLook();
    const seen = await look(this.#question(store, true));
    const { inventory, clock, holds } = seen;
    const { abandoned, foreign } = sortHolds(holds, this.#tools.judgeOwner);
    this.#hasAbandonedHolds = abandoned.length > 0 && foreign.length === 0;
    this.#keeper.wrote(clock);
    this.#keeper.settle();
    this.recorder.endLook(inventory.containers);
    const wasInPlace = generation === this.#keeper.generation || isSetAside;
    this.#looked = {
      idleMs,
      lastedMs: this.#tools.readClock().bootTimeMs - beganMs,
      generation: wasInPlace ? this.#keeper.generation : -1,
    };
    if (isFirst && this.isComplete) this.#tools.log('info', 'ready: everything on it was looked at');
    return seen;
  }

  /** Looks at everything for someone who only wants to see it: nothing is recorded. @throws OperatingError as {@link look} */
  peek(): Promise<Look> {
    return look(this.#question(this.#keeper.open(), false));
  }

  #question(store: Store, mayWrite: boolean): LookContext {
    const world = { ...this.#tools.settings(), readClock: this.#tools.readClock, ongoingClock: () => this.#keeper.now() };
    // Nothing is removed by a look, so no registry is asked.
    return { ...world, runtime: this.runtime, store, mayWrite, freeBytes: null, decide: planCollection, askRegistry: undefined };
  }

  /** Ends the connection when the engine hangs. */
  async ping(): Promise<void> {
    const answered = new AbortController();
    const late = this.#tools.wait(PING_LIMIT_MS, answered.signal).then(() => !answered.signal.aborted);
    const isLate = await Promise.race([this.runtime.ping().then(() => false), late]);
    answered.abort();
    if (!isLate) return;
    const parts = { kind: 'engine-unreachable', operation: 'ask the engine', subject: this.runtime.identity.title } as const;
    const hint = 'is the engine overloaded or hanging? it is tried again';
    throw new OperatingError({ ...parts, problem: `no answer within ${PING_LIMIT_MS / 1_000} s`, hint });
  }

  /** Gives the connection up; it still has to be closed. @param reason why, for whoever waits on `signal` */
  abandon(reason?: unknown): void {
    this.#abort.abort(reason);
  }

  async close(): Promise<void> {
    this.abandon();
    this.recorder.write();
    this.recorder.releaseEnded(true);
    this.runtime.close();
    await this.#ended;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const opened = Promise.withResolvers<void>();
    const state = this.#keeper.use((store) => store.readWatchState(storeKey(this.runtime)));
    const since = this.recorder.toldUpTo ?? state?.value?.cursor ?? null;
    this.isResumed = since !== null;
    const watching = this.runtime.watch({
      since,
      signal: AbortSignal.any([signal, this.#abort.signal]),
      onOpen: (from) => {
        this.recorder.begin(from);
        opened.resolve();
      },
      onEvents: (events, cursor) => this.recorder.take(events, cursor),
    });
    this.#ended = watching.catch((error: unknown) => error).then((reason) => this.#abort.abort(reason));
    await Promise.race([opened.promise, watching]);
  }
}
