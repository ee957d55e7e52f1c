import type { WallMs } from '../model/brands.ts';
import type { DiskUsage } from '../model/inventory.ts';

/** The filesystem of the images at one moment. */
export interface DiskSample {
  readonly at: WallMs;
  readonly disk: DiskUsage;
}

const FIRST_EVERY_MS = 60_000;
const LONGEST_EVERY_MS = 30 * 60_000;
const SAMPLES_MAX = 480;

/**
 * The last days of the disk, in memory alone, lest a flash card wears out for a picture: a sample a minute in the beginning, and every second
 * one is dropped when there are too many, until there is one in half an hour for ten days.
 */
export class DiskTrail {
  #samples: DiskSample[] = [];
  #everyMs = FIRST_EVERY_MS;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** Oldest first. */
  get samples(): readonly DiskSample[] {
    return this.#samples;
  }

  /** @param nowMs since boot */
  isDue(nowMs: number): boolean {
    return nowMs - this.#lastMs >= this.#everyMs;
  }

  /** @param disk null: nobody knows the filesystem, and it is asked for again as late as if it were known */
  add(nowMs: number, at: WallMs, disk: DiskUsage | null): void {
    this.#lastMs = nowMs;
    if (disk === null) return;
    this.#samples.push({ at, disk });
    if (this.#samples.length <= SAMPLES_MAX) return;
    const mayThin = this.#everyMs < LONGEST_EVERY_MS;
    this.#everyMs = Math.min(LONGEST_EVERY_MS, this.#everyMs * 2);
    this.#samples = mayThin ? this.#samples.filter((_sample, index) => index % 2 === 0) : this.#samples.slice(1);
  }
}
