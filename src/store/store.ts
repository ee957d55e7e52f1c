import type { ContainerId, IdleMs, ImageId } from '../model/brands.ts';
import type { IdleClockState } from '../model/clock.ts';
import type { EndedContainer } from '../model/ended-container.ts';
import type { LayerFacts } from '../model/inventory.ts';
import type { RemovalEntry, RemovalIntent } from '../model/removal-record.ts';
import type { LineageHabit, UseHabits } from '../model/use-habits.ts';
import type { RemovalFailure, StoredPin, UsageChanges, UsageState, UseEntry, UseRecord } from '../model/use-record.ts';
import type { WatchState } from '../model/watch-state.ts';

/** Whose images: records of one engine store mean nothing in another. `<engine ID>/<store ID>`. */
export type StoreKey = string;

/**
 * The port to durable memory. Every write is on stable storage when the call returns (SQLite, synchronous=FULL), or throws
 * an `OperatingError` of kind `disk-full`, `disk-read-only`, `permission`, `store-damaged`, or `lock-held` (another process wrote
 * for 5 s) and has changed nothing. Two processes may write at once: neither the idle clock nor a stamp ever goes back.
 * One contract suite (`test/contract/store-contract.ts`) runs against every implementation.
 */
export interface Store extends Disposable {
  /** The database file; what a person is told. */
  readonly path: string;
  readonly condition: StoreCondition;
  /**
   * Whether the database that was opened still lies where others look for it. False: it was deleted, replaced or overwritten, so nothing
   * that is written now can be found again; it has to be opened anew.
   */
  isInPlace(): boolean;

  /** What `work` reads and writes is one step: no other process writes in between, and when it throws, nothing was written. */
  atomically<Value>(work: () => Value): Value;

  /** The idle clock; null in a new store. */
  readClock(): IdleClockState | null;
  writeClock(clock: IdleClockState): void;

  /** @param scope which records are needed; absent: all */
  readUsage(key: StoreKey, scope?: LookScope): UsageState;
  /** Whether anything at all was recorded of an image. */
  hasRecords(key: StoreKey): boolean;
  /** The records of some images, at a cost that does not grow with how many are known. Images without one are left out. */
  readRecords(key: StoreKey, images: Iterable<ImageId>): ReadonlyMap<ImageId, UseRecord>;
  /** What was remembered of the same engine under its other stores, to find records again when a store change renamed all IDs. */
  readOtherUsage(key: StoreKey): UsageState;
  /** Writes all of it, and the clock it was made at, or nothing. @param clock null: it was written a moment ago */
  writeUsage(key: StoreKey, changes: UsageChanges, clock: IdleClockState | null): void;

  /** Null: the daemon has never seen this engine. */
  readWatchState(key: StoreKey): WatchState | null;
  writeWatchState(key: StoreKey, state: WatchState, clock: IdleClockState): void;

  /** Containers that had ended when last looked at; empty where nobody asked. */
  readEnded(key: StoreKey): ReadonlyMap<ContainerId, EndedContainer>;
  /** Puts these in the place of those known. */
  writeEnded(key: StoreKey, ended: ReadonlyMap<ContainerId, EndedContainer>): void;

  readLayerFacts(key: StoreKey): LayerFacts;
  addLayerFacts(key: StoreKey, learned: LayerFacts): void;

  listPins(): readonly StoredPin[];
  /** Adds a pin, or replaces the one with the same pattern. */
  putPin(pin: StoredPin): void;
  /** @returns whether there was one */
  removePin(pattern: string): boolean;

  /** Intents without an outcome: what a crash left. */
  readIntents(key: StoreKey): readonly RemovalIntent[];
  addIntents(key: StoreKey, intents: readonly RemovalIntent[]): void;
  /**
   * Ends intents: writes history, forgets the records of images that are gone (`removed`, `already-gone`), notes failures
   * and clears those of images that went.
   */
  finishRemovals(key: StoreKey, entries: readonly RemovalEntry[], failures: readonly RemovalFailure[]): void;
  /** Drops intents that turned out never to have begun. */
  dropIntents(key: StoreKey, images: readonly ImageId[]): void;

  /** Newest first. @param limit 1 or more */
  readRemovals(key: StoreKey, limit: number): readonly RemovalEntry[];
  readUses(key: StoreKey, limit: number): readonly UseEntry[];
  /** In their order, of whole minutes of the idle clock. What is damaged of them is left out: it is only learned from. */
  readUsesBetween(key: StoreKey, afterMinute: number, beforeMinute: number): readonly UseEntry[];

  /** What was learned from uses; `NO_HABITS` in the beginning. */
  readHabits(key: StoreKey): UseHabits;
  /** Puts it in the place of what was learned up to `learnedMinute`; nothing is written where another process learned more meanwhile. */
  writeHabits(key: StoreKey, learned: LearnedHabits): void;
}

/** The records that a look can need: of images that it lists, of those that were there before, and of those missing for so long. */
export interface LookScope {
  readonly images: Iterable<ImageId>;
  /** On the idle clock. */
  readonly missingBefore: IdleMs;
}

/** What was learned from the uses between two minutes. */
export interface LearnedHabits extends Pick<UseHabits, 'host' | 'learnedMinute'> {
  /** Up to where it was learned before. */
  readonly fromMinute: number;
  /** Those that changed. */
  readonly lineages: readonly LineageHabit[];
}

/** A lineage that was not used for this long is forgotten, lest names that are used once fill the disk: 90 days of the idle clock. */
export const FORGET_HABIT_MS: number = 90 * 24 * 3_600_000;

/**
 * What was found when the store was opened. `set-aside`: the file was damaged or foreign, lies under `evidencePath` now, and a new
 * one was begun; everything counts as used now and nothing is removed in this run.
 */
export type StoreCondition =
  | { readonly kind: 'sound' }
  | { readonly kind: 'new' }
  | { readonly kind: 'set-aside'; readonly evidencePath: string; readonly problem: string };
