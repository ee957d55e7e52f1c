import { bytes } from '../model/brands.ts';
import type { DiskUsage } from '../model/inventory.ts';
import type { DiskRule } from '../model/policy.ts';
import { filesystemNeed, withRoomFor } from '../plan/target.ts';
import type { Receiving } from '../runtime/runtime.ts';

const PAUSE_FIRST_MS = 10_000;
const PAUSE_LONGEST_MS = 3_600_000;
/** When an image came or a container went, what was out of reach may not be so any more. */
const CHANGED_PAUSE_MS = 60_000;
/** A pull that goes on writes into the room that was made. One that takes longer than the other hangs, and says nothing any more. */
const RECEIVING_PAUSE_MS = 4_000;
const RECEIVING_LONGEST_MS = 3_600_000;

/** What happened on the engine so far, counted. */
export interface EngineChanges {
  /** Images that came. */
  readonly arrivals: number;
  /** Containers that went. */
  readonly departures: number;
}

/**
 * Judges when a disk rule asks for a run. Room that images took is made at once. Where a run did not help (it fell short, or the disk filled again
 * without an image having come, so something else fills it), the next one waits ever longer: 10 s, then 20 s, an hour at most.
 */
export class DiskPressure {
  #rule: DiskRule | null = null;
  #disk: DiskUsage | null = null;
  #receiving: Receiving = { isUnderWay: false, missingBytes: bytes(0) };
  /** Null: nothing is being received. */
  #receivingSinceMs: number | null = null;
  #isPlanned = false;
  /** Runs in a row that did not help for long. */
  #runs = 0;
  #ended: { readonly atMs: number; readonly isShort: boolean; readonly changes: EngineChanges } | null = null;

  /** What is known to be on its way to this disk. */
  get missingBytes(): Receiving['missingBytes'] {
    return this.#receiving.missingBytes;
  }

  /** Takes over figures of the filesystem, and what the engine is receiving. @param nowMs since boot */
  read(disk: DiskUsage | null, receiving: Receiving, nowMs: number): void {
    this.#disk = disk;
    this.#receiving = receiving;
    this.#receivingSinceMs = receiving.isUnderWay ? (this.#receivingSinceMs ?? nowMs) : null;
  }

  /** Takes over whether the plan of a look had a target: the number and the bytes of images are known only then. */
  planned(isWanted: boolean): void {
    this.#isPlanned = isWanted;
  }

  /** Whether a trigger fires now. @param rule other settings than before begin anew */
  isOn(rule: DiskRule): boolean {
    if (rule !== this.#rule) this.#ended = null;
    this.#rule = rule;
    return this.#isPlanned || filesystemNeed(withRoomFor(rule, this.missingBytes), this.#disk) > 0;
  }

  /** Whether a run that a trigger asks for should begin now. */
  isRunDue(nowMs: number, { arrivals, departures }: EngineChanges): boolean {
    if (this.#ended === null) return true;
    const { atMs, isShort, changes } = this.#ended;
    const haveCome = arrivals !== changes.arrivals;
    if (isShort) {
      const hasChanged = haveCome || departures !== changes.departures;
      return nowMs - atMs >= Math.min(this.#pauseMs(), hasChanged ? CHANGED_PAUSE_MS : PAUSE_LONGEST_MS);
    }
    const isReceiving = this.#receivingSinceMs !== null && nowMs - this.#receivingSinceMs <= RECEIVING_LONGEST_MS;
    return haveCome || nowMs - atMs >= (isReceiving ? RECEIVING_PAUSE_MS : this.#pauseMs());
  }

  /** A run has ended. @param changes as they were when it began */
  ended(nowMs: number, isShort: boolean, changes: EngineChanges): void {
    const isAnotherTry = this.#ended !== null && (isShort || changes.arrivals === this.#ended.changes.arrivals);
    const isSoon = this.#ended !== null && nowMs - this.#ended.atMs < 2 * this.#pauseMs();
    this.#runs = isAnotherTry && isSoon ? this.#runs + 1 : 1;
    this.#ended = { atMs: nowMs, isShort, changes };
    this.#isPlanned = isShort && this.#isPlanned;
  }

  #pauseMs(): number {
    return Math.min(PAUSE_LONGEST_MS, PAUSE_FIRST_MS * 2 ** (this.#runs - 1));
  }
}
