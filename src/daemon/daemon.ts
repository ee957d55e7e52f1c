import { type Look, storeKey } from '../collect/look.ts';
import { type DurationMs, durationMs } from '../model/brands.ts';
import { OperatingError } from '../model/error.ts';
import type { Plan } from '../model/plan.ts';
import type { WatchState } from '../model/watch-state.ts';
import { prunedBytesOf } from '../plan/build-cache.ts';
import { isDiskRuleSet } from '../plan/target.ts';
import type { Store, StoreKey } from '../store/store.ts';
import type { DaemonStatus } from './daemon-status.ts';
import type { DaemonTools } from './daemon-tools.ts';
import { DiskPressure, type EngineChanges } from './disk-pressure.ts';
import { EngineWatch } from './engine-watch.ts';
import { Health } from './health.ts';
import { Ledger } from './ledger.ts';
import { isRunDue, nextRunAt } from './schedule.ts';
import type { RunDone, RunInput, RunResult } from './scheduled-run.ts';
import { repairInterrupted, retryAfter, runForRoom, runScheduled, shortfallOf } from './scheduled-run.ts';
import { StoreKeeper } from './store-keeper.ts';

/** A run that was missed begins within a minute of being possible, with the time that a tick takes. */
const TICK_MS: DurationMs = durationMs(30_000);
/** New images are looked at when the burst that brought them may be over. */
const SETTLING_TICK_MS: DurationMs = durationMs(2_000);
/** A pull writes some hundred MB in this time, and reading the filesystem's figures costs a few system calls. */
const DISK_TICK_MS = 2_000;
const [PAUSE_FIRST_MS, PAUSE_LONGEST_MS] = [1_000, 60_000];
/** Looks take at most this share of the time: on Docker's containerd store one can take 15 s of all cores. */
const LOOK_SHARE = 20;
const LOOK_LATEST_MS = 24 * 3_600_000;
/** Where no engine tells what happens: as often as uses of one image are told apart. */
const LOOK_UNTOLD_MS = 60_000;

/** Watches one engine, records every use, and collects when it is time. Errors of operation end nothing; only programmer errors do. */
export class Daemon {
  readonly health: Health;
  readonly ledger = new Ledger();
  readonly #tools: DaemonTools;
  readonly #keeper: StoreKeeper;
  #watch: EngineWatch | null = null;
  #state: WatchState | null = null;
  #collecting: Promise<unknown> | null = null;
  readonly #pressure = new DiskPressure();
  #failures = 0;
  #order: RunInput['order'] = null;
  /** No scheduled run before this, as time since boot. */
  #notBeforeMs = 0;

  constructor(tools: DaemonTools) {
    this.#tools = tools;
    this.health = new Health(tools.log);
    this.#keeper = new StoreKeeper(tools, this.health);
  }

  /**
   * Runs until `signal` is aborted; then the batch under way is finished, names are given back, and the store is closed.
   *
   * @throws what is no error of operation
   */
  async run(signal: AbortSignal): Promise<void> {
    let pauseMs = PAUSE_FIRST_MS;
    while (!signal.aborted) {
      const hasHeld = (await this.connect(signal)) && (await this.#serve(signal));
      await this.#disconnect();
      pauseMs = hasHeld ? PAUSE_FIRST_MS : Math.min(PAUSE_LONGEST_MS, pauseMs * 2);
      await this.#tools.wait(durationMs(pauseMs), signal);
    }
    this.#keeper.close();
  }

  /** Connects to the engine, and looks at everything. @returns whether it worked */
  async connect(signal: AbortSignal): Promise<boolean> {
    const isOpen = await this.#guard('engine', async () => {
      this.#watch = await EngineWatch.open(this.#keeper, this.#tools, signal);
      this.ledger.connected(this.#watch.isResumed);
      this.#tools.log('info', `watching ${this.#watch.runtime.identity.title}`);
    });
    if (isOpen) await this.tick(signal);
    return isOpen;
  }

  /** One round: writes what waits, looks where that is due, and begins a collection where one is. */
  async tick(signal: AbortSignal): Promise<void> {
    const watch = this.#watch;
    if (watch === null) return;
    this.#keep();
    await this.#guard('engine', async () => {
      await watch.ping();
      if (!this.isCollecting && this.#isLookDue(watch)) {
        const seen = await watch.look();
        this.ledger.looked(seen);
        this.#pressure.planned(seen.plan.target !== null);
        this.#tools.releaseMemory();
      }
      await this.#sampleDisk(watch);
      this.health.resolve('engine');
    });
    this.#recall(watch);
    if (this.isCollecting || signal.aborted || !this.#tools.mayCollect()) return;
    const hasAbandonedHolds = watch.takeAbandonedHolds();
    if (this.#isRunDue(watch)) this.#begin(this.#collect(watch, signal));
    else if (hasAbandonedHolds) this.#begin(this.#work(watch, () => repairInterrupted(this.#runInput(watch, signal), this.#tools)));
    else if ((await this.#isRoomDue(watch)) && this.#tools.mayCollect()) this.#begin(this.#makeRoom(watch, signal));
  }

  /** Whether a collection is under way. */
  get isCollecting(): boolean {
    return this.#collecting !== null;
  }

  /** Resolves when no collection is under way. */
  async idle(): Promise<void> {
    await this.#collecting;
  }

  /** What is to be told of the daemon now. @param timeZone of the schedule; undefined is the host's */
  status(timeZone?: string): DaemonStatus {
    const { lastRun = null } = this.#state ?? {};
    return {
      isReady: this.#watch?.isComplete === true && !this.#watch.signal.aborted,
      engine: this.#watch?.runtime.identity.title ?? null,
      problems: this.health.problems(),
      counts: this.#watch?.recorder.counts ?? null,
      isCollecting: this.isCollecting,
      lastRunAt: lastRun?.wallMs ?? null,
      nextRunAt: lastRun === null ? null : nextRunAt(this.#tools.settings().schedule, lastRun.wallMs, this.#host(), timeZone),
    };
  }

  /** A look that records nothing, for whoever shows it; null while there is nothing to look at, or a collection is under way. */
  async peek(): Promise<Look | null> {
    if (this.#watch?.isComplete !== true || this.#watch.signal.aborted || this.isCollecting || this.ledger.underWay > 0) return null;
    const seen = await this.#watch.peek();
    this.ledger.looked(seen);
    return seen;
  }

  /** What is remembered of the engine that is watched. @returns null where there is none, or no store */
  recall<Value>(read: (store: Store, key: StoreKey) => Value): Value | null {
    const watch = this.#watch;
    return watch === null ? null : (this.#keeper.use((store) => read(store, storeKey(watch.runtime)))?.value ?? null);
  }

  /** @returns whether the connection held for a while */
  async #serve(signal: AbortSignal): Promise<boolean> {
    let ticks = 0;
    while (!signal.aborted && this.#watch !== null && !this.#watch.signal.aborted) {
      const watch = this.#watch;
      await this.tick(signal);
      await this.#rest(watch, signal);
      if (!watch.signal.aborted) ticks += 1;
    }
    return ticks > 1;
  }

  /** Waits for the next round, and looks at the disk meanwhile; where that asks for a run, the round is due at once. */
  async #rest(watch: EngineWatch, signal: AbortSignal): Promise<void> {
    const ended = AbortSignal.any([signal, watch.signal]);
    let leftMs: number = watch.recorder.hasNewImages ? SETTLING_TICK_MS : TICK_MS;
    for (; leftMs > 0 && !ended.aborted; leftMs -= DISK_TICK_MS) {
      const isWatched = isDiskRuleSet(this.#tools.settings().policy.disk);
      await this.#tools.wait(durationMs(isWatched ? Math.min(leftMs, DISK_TICK_MS) : leftMs), ended);
      if (!isWatched || (await this.#isRoomDue(watch))) return;
    }
  }

  async #disconnect(): Promise<void> {
    const watch = this.#watch;
    if (watch === null) return;
    const { reason } = watch.signal;
    // Whatever is being removed is finished or given back first.
    await this.#collecting;
    await watch.close();
    this.ledger.disconnected(watch.recorder.counts, reason instanceof OperatingError);
    this.#keep({ isDue: true });
    this.#watch = null;
    this.#state = null;
    if (reason instanceof OperatingError) this.health.report('engine', reason);
    else if (reason instanceof Error && reason.name !== 'AbortError') throw reason;
  }

  /** Remembers what was remembered; when the engine was never seen before, its schedule begins now. */
  #recall(watch: EngineWatch): void {
    if (this.#state !== null || !watch.isComplete) return;
    const known = this.#keeper.use((store) => store.readWatchState(storeKey(watch.runtime)));
    if (known === null) return;
    this.#state = known.value ?? { cursor: null, lastRun: this.#keeper.instant(), massHold: null };
    if (known.value === null) this.#keep({ isDue: true });
  }

  /** Writes what waits, and from time to time the clock and the place in the stream, but not into a store that has to be looked at first. */
  #keep({ isDue = false } = {}): void {
    const watch = this.#watch;
    if (this.#keeper.use(() => undefined) === null || watch === null) return;
    if (!watch.isComplete) {
      // Another store has a clock of its own, on which nothing that was remembered under the last one means anything.
      this.#state = null;
      watch.recorder.forgetEnds();
    }
    watch.recorder.write();
    watch.recorder.releaseEnded();
    if (this.#state === null || this.#keeper.clockToWrite({ isDue }) === null) return;
    const state = { ...this.#state, cursor: watch.recorder.cursor ?? this.#state.cursor };
    const written = this.#keeper.change((store) => {
      if (watch.isComplete) store.writeWatchState(storeKey(watch.runtime), state, this.#keeper.now());
      return watch.isComplete;
    });
    if (written?.value !== true) return;
    this.#state = state;
    this.#keeper.wrote(this.#keeper.now());
  }

  #isLookDue(watch: EngineWatch): boolean {
    const { agoMs, lastedMs } = watch.sinceLook();
    const latestMs = watch.runtime.capabilities.events === 'none' ? Math.max(LOOK_UNTOLD_MS, lastedMs * LOOK_SHARE) : LOOK_LATEST_MS;
    if (!watch.isComplete || agoMs >= latestMs) return true;
    return agoMs >= lastedMs * LOOK_SHARE && watch.recorder.takeNewImages();
  }

  #isRunDue(watch: EngineWatch): boolean {
    if (this.#state === null || !watch.isComplete) return false;
    if (this.#keeper.now().reading.bootTimeMs < this.#notBeforeMs) return false;
    return isRunDue(this.#tools.settings().schedule, this.#state.lastRun, this.#keeper.instant(), this.#host());
  }

  #host(): string {
    return this.#tools.machineId ?? this.#watch?.runtime.identity.engineId ?? '';
  }

  /** Reads the filesystem's figures, which costs nothing, and judges them. */
  async #isRoomDue(watch: EngineWatch): Promise<boolean> {
    const { disk: rule } = this.#tools.settings().policy;
    if (this.#state === null || !watch.isComplete || this.isCollecting) return false;
    const isRead =
      isDiskRuleSet(rule) &&
      (await this.#guard('engine', async () => {
        this.#pressure.read(await watch.runtime.measureDisk(), watch.runtime.readReceiving(), this.#bootTimeMs());
      }));
    const isOn = isRead && this.#pressure.isOn(rule);
    if (!isOn) this.health.resolve('disk');
    return isOn && this.#pressure.isRunDue(this.#bootTimeMs(), watch.recorder.counts.changes);
  }

  async #sampleDisk({ runtime }: EngineWatch): Promise<void> {
    const { bootTimeMs, wallMs } = this.#tools.readClock();
    if (this.ledger.trail.isDue(bootTimeMs)) this.ledger.trail.add(bootTimeMs, wallMs, await runtime.measureDisk());
  }

  #begin(work: Promise<unknown>): void {
    this.#collecting = work.finally(() => {
      this.#collecting = null;
    });
  }

  async #collect(watch: EngineWatch, signal: AbortSignal): Promise<void> {
    const { changes } = watch.recorder.counts;
    this.#failures += 1;
    await this.#work(watch, async () => {
      const run = () => runScheduled(this.#runInput(watch, signal), this.#tools);
      const result = await this.ledger.run('scheduled', this.#tools.readClock, run);
      this.#remember(result);
      this.#judgeRoom(result, changes);
      if (result.plan.refusal === null) this.#failures = 0;
      this.#judgeRefusal(result.plan);
    });
    if (this.#failures > 0) this.#notBeforeMs = this.#bootTimeMs() + retryAfter(this.#failures);
  }

  async #makeRoom(watch: EngineWatch, signal: AbortSignal): Promise<void> {
    const { changes } = watch.recorder.counts;
    const isDone = await this.#work(watch, async () => {
      const run = () => runForRoom(this.#runInput(watch, signal), this.#tools, this.#pressure.missingBytes);
      const result = await this.ledger.run('room', this.#tools.readClock, run);
      this.#judgeRefusal(result.plan);
      this.#judgeRoom(result, changes);
    });
    if (!isDone) this.#pressure.ended(this.#bootTimeMs(), true, changes);
  }

  /** Does a collection's work, and puts right what it took. @returns whether it came to its end */
  async #work(watch: EngineWatch, work: () => Promise<void>): Promise<boolean> {
    const isDone = await this.#guard('collection', work);
    watch.recorder.assertInUse();
    this.#tools.releaseMemory();
    return isDone;
  }

  #judgeRefusal({ refusal }: Plan): void {
    if (refusal !== null)
      this.health.report('collection', { message: `nothing is removed: ${refusal.message}`, hint: 'it is tried again' });
    else if (this.#failures === 0) this.health.resolve('collection');
  }

  /** Says whether a run fell short of what the disk rule asks for, and waits accordingly. */
  #judgeRoom(result: RunDone, changes: EngineChanges): void {
    const { target, refusal } = result.plan;
    const problem = shortfallOf(result);
    if (problem !== null) this.health.report('disk', { message: problem, hint: 'docs/disk.md tells what can be done' });
    if (target !== null || refusal !== null || prunedBytesOf(result.plan) > 0)
      this.#pressure.ended(this.#bootTimeMs(), problem !== null || refusal !== null, changes);
    else this.#pressure.planned(false);
  }

  #bootTimeMs(): number {
    return this.#tools.readClock().bootTimeMs;
  }

  /** @throws OperatingError when there is no store to be had */
  #runInput(watch: EngineWatch, signal: AbortSignal): RunInput {
    return {
      runtime: watch.runtime,
      store: this.#keeper.open(),
      massHold: this.#state?.massHold ?? null,
      order: this.#order,
      ongoingClock: () => this.#keeper.now(),
      onLook: (look) => this.ledger.looked(look),
      signal: AbortSignal.any([signal, watch.signal]),
    };
  }

  /** A run that was refused, held back or cut short is not the last one: it is made again. */
  #remember({ plan, report, massHold, heldUntilMs, order }: RunResult): void {
    this.#order = order;
    const now = this.#keeper.instant();
    const isComplete = plan.refusal === null && heldUntilMs === null && report?.stopped !== 'interrupted';
    if (this.#state !== null) {
      // A mass that was let go is over: the next one waits anew.
      const done = isComplete ? { lastRun: now, massHold: null } : { massHold };
      this.#state = { ...this.#state, ...done };
    }
    if (heldUntilMs !== null) this.#notBeforeMs = heldUntilMs;
    this.#keep({ isDue: true });
  }

  /** Does what may fail with an error of operation, which is reported and goes no further. @returns whether it did not */
  async #guard(subject: 'engine' | 'collection', work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      if (this.#keeper.isOurs(error)) this.#keeper.fail(error);
      else {
        this.health.report(subject, error);
        if (subject === 'engine') this.#watch?.abandon(error);
      }
      return false;
    }
  }
}
