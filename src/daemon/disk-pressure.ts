import { type Bytes, bytes } from '../model/brands.ts';
import type { DiskUsage } from '../model/inventory.ts';
import type { DiskRule } from '../model/policy.ts';
import { filesystemNeed, withRoomFor } from '../plan/target.ts';

/** A run finds its images, waits for names to settle, and removes: what is written in this time must find room. */
const LEAD_MS = 5_000;
/** Figures further apart say nothing about what is being written now. */
const RATE_LATEST_MS = 60_000;
const PAUSE_FIRST_MS = 10_000;
const PAUSE_LONGEST_MS = 3_600_000;
/** When an image came or a container went, what was out of reach may not be so any more. */
const CHANGED_PAUSE_MS = 60_000;

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
  #readAtMs = 0;
  #bytesPerMs = 0;
  #isPlanned = false;
  /** Runs in a row that did not help for long. */
  #runs = 0;
  #ended: { readonly atMs: number; readonly isShort: boolean; readonly changes: EngineChanges } | null = null;

  /** What will have been written by the time a run that begins now has made room, if it goes on like this. */
  get incomingBytes(): Bytes {
    return bytes(Math.round(this.#bytesPerMs * LEAD_MS));
  }

  /**
   * Takes over figures of the filesystem.
   *
   * @param isReceiving an image is being pulled or loaded: only then is what was written since the last figures expected to go on
   * @param nowMs since boot
   */
  read(disk: DiskUsage | null, isReceiving: boolean, nowMs: number): void {
    const sinceMs = nowMs - this.#readAtMs;
    const isRate = isReceiving && sinceMs > 0 && sinceMs <= RATE_LATEST_MS;
    const grownBytes = (disk?.usedBytes ?? 0) - (this.#disk?.usedBytes ?? Number.POSITIVE_INFINITY);
    this.#bytesPerMs = isRate ? Math.max(0, grownBytes / sinceMs) : 0;
    this.#disk = disk;
    this.#readAtMs = nowMs;
  }

  /** Takes over whether the plan of a look had a target: the number and the bytes of images are known only then. */
  planned(isWanted: boolean): void {
    this.#isPlanned = isWanted;
  }

  /** Whether a trigger fires now. @param rule other settings than before begin anew */
  isOn(rule: DiskRule): boolean {
    if (rule !== this.#rule) this.#ended = null;
    this.#rule = rule;
    return this.#isPlanned || filesystemNeed(withRoomFor(rule, this.incomingBytes), this.#disk) > 0;
  }

  /** Whether a run that a trigger asks for should begin now. */
  isRunDue(nowMs: number, { arrivals, departures }: EngineChanges): boolean {
    if (this.#ended === null) return true;
    const { atMs, isShort, changes } = this.#ended;
    const haveCome = arrivals !== changes.arrivals;
    if (haveCome && !isShort) return true;
    const pauseMs = haveCome || departures !== changes.departures ? Math.min(this.#pauseMs(), CHANGED_PAUSE_MS) : this.#pauseMs();
    return nowMs - atMs >= pauseMs;
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
