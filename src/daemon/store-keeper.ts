import type { ImageId } from '../model/brands.ts';
import type { IdleClockState } from '../model/clock.ts';
import type { EventCursor } from '../model/engine-event.ts';
import { OperatingError } from '../model/error.ts';
import type { Instant } from '../model/use-record.ts';
import type { Store, StoreKey } from '../store/store.ts';
import type { EventUse } from '../usage/event-uses.ts';
import { advanceIdleClock, isContinuous, startIdleClock } from '../usage/idle-clock.ts';
import type { DaemonTools } from './daemon-tools.ts';
import type { Health } from './health.ts';

/** A flash card wears out; a power cut loses this much age, which keeps images longer. */
const CLOCK_WRITE_MS = 10 * 60_000;

/** What an engine told, which outlives the connection as well as the store: it may not tell it again. */
export interface Told {
  /** Uses that wait to be written. */
  readonly pending: Map<ImageId, EventUse>;
  /** Behind the last event; null before the first connection. */
  cursor: EventCursor | null;
}

/**
 * Keeps a store open for as long as the daemon runs: one that was deleted, replaced or damaged under it is opened anew, one that cannot be
 * written is tried again, and nobody is stopped by it. Carries the idle clock too, which goes on while there is no store.
 */
export class StoreKeeper {
  readonly #tools: Pick<DaemonTools, 'openStore' | 'readClock' | 'log'>;
  readonly #health: Health;
  #store: Store | null = null;
  #clock: IdleClockState;
  #writtenIdleMs = Number.NEGATIVE_INFINITY;
  #path: string | null = null;
  #failedToOpen: unknown = null;
  readonly #told = new Map<StoreKey, Told>();
  /** Whether what the stored clock says of the time since may change when the wall clock is set right, as after a boot. */
  isGapOpen = false;
  /** Whether a store was begun in the place of a damaged one, and no look has said yet what counts as used now: nothing is stamped in it before. */
  awaitsLook = false;
  /** Counts the stores that were opened: what was recorded in one is not in the next. */
  generation = 0;

  constructor(tools: Pick<DaemonTools, 'openStore' | 'readClock' | 'log'>, health: Health) {
    this.#tools = tools;
    this.#health = health;
    this.#clock = startIdleClock(tools.readClock());
  }

  /** What connections to one engine have told so far. */
  toldBy(key: StoreKey): Told {
    const known = this.#told.get(key) ?? { pending: new Map(), cursor: null };
    this.#told.set(key, known);
    return known;
  }

  /** The idle clock as of now. */
  now(): IdleClockState {
    this.#clock = advanceIdleClock(this.#clock, this.#tools.readClock());
    return this.#clock;
  }

  /** The same as a moment on both clocks. */
  instant(): Instant {
    const { idleMs, reading } = this.now();
    return { idleMs, wallMs: reading.wallMs };
  }

  /**
   * The clock, where it may be written along with something else; null where it was written a moment ago. Over an open gap it always is: what
   * is used after a boot must not get the time before as its age when the wall clock is trusted later.
   *
   * @param isDue whenever it was written; a store that is not well is tried at every occasion
   */
  clockToWrite({ isDue = false } = {}): IdleClockState | null {
    if (this.awaitsLook) return null;
    const clock = this.now();
    const isTrial = this.#health.problems().some(({ subject }) => subject === 'store');
    return isDue || isTrial || this.isGapOpen || clock.idleMs - this.#writtenIdleMs >= CLOCK_WRITE_MS ? clock : null;
  }

  /** Says that something was written, so the store is well. @param clock that was written along with it */
  wrote(clock: IdleClockState | null): void {
    if (clock !== null) this.#writtenIdleMs = clock.idleMs;
    this.#health.resolve('store');
  }

  /**
   * Works with the store, opened first where that is needed.
   *
   * @returns null when it cannot be used now: health says why, and the next call tries again
   */
  use<Value>(work: (store: Store) => Value): { readonly value: Value } | null {
    try {
      return { value: work(this.open()) };
    } catch (error) {
      this.fail(error);
      return null;
    }
  }

  /** The same in one step, in which nobody else moves the clock either. */
  change<Value>(work: (store: Store) => Value): { readonly value: Value } | null {
    return this.use((store) => store.atomically(() => work(this.#follow(store))));
  }

  /** Whether an error is one of the store. */
  isOurs(error: OperatingError): boolean {
    return error.subject === this.#path || this.#failedToOpen === error;
  }

  /** Notes what went wrong with the store, and gives it up where it cannot go on. @throws what is no error of operation */
  fail(error: unknown): void {
    if (!(error instanceof OperatingError)) throw error;
    // A full disk or another writer leaves the database as it was.
    if (error.kind !== 'disk-full' && error.kind !== 'lock-held') this.close();
    this.#health.report('store', error);
  }

  /**
   * The store, open and in its place.
   *
   * @throws OperatingError when there is none to be had
   */
  open(): Store {
    if (this.#store?.isInPlace() === false) {
      this.#tools.log('error', `the store ${this.#store.path} was deleted or replaced; another one is opened`);
      this.close();
    }
    try {
      this.#store ??= this.#openAnew();
    } catch (error) {
      this.#failedToOpen = error;
      throw error;
    }
    return this.#follow(this.#store);
  }

  /**
   * The stamps in a store are on its own clock: on another that stands later, what was used a moment ago would be old. A store that has no clock yet
   * takes over ours, unless another process is the first to give it one; so each time counts.
   */
  #follow(store: Store): Store {
    const stored = store.readClock();
    if (stored !== null) this.#clock = advanceIdleClock(stored, this.#tools.readClock());
    this.awaitsLook = stored === null && store.condition.kind === 'set-aside';
    this.isGapOpen = stored !== null && !isContinuous(stored.reading, this.#clock.reading);
    return store;
  }

  /** A look has recorded what is there: a store that was begun anew is sound from here on. */
  settle(): void {
    if (this.#store?.condition.kind === 'set-aside') this.close();
  }

  close(): void {
    this.#store?.[Symbol.dispose]();
    this.#store = null;
  }

  #openAnew(): Store {
    const store = this.#tools.openStore();
    this.#path = store.path;
    this.generation += 1;
    if (store.condition.kind === 'set-aside') {
      const { evidencePath, problem } = store.condition;
      this.#tools.log('error', `the store was damaged (${problem}); it lies in ${evidencePath} now, every image counts as used now`);
    }
    this.#writtenIdleMs = store.readClock()?.idleMs ?? Number.NEGATIVE_INFINITY;
    return store;
  }
}
