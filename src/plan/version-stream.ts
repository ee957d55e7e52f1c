import type { ImageId } from '../model/brands.ts';
import type { UseRecord } from '../model/use-record.ts';

/** Images of one lineage that were ever used, each once: an image that never was is no version to go back to. */
export class VersionStream {
  readonly name: string;
  readonly #keepLast: number;
  readonly #used: UseRecord[] = [];
  /** Null: to be found again. */
  #newest: readonly UseRecord[] | null = null;

  /** @param keepLast how many versions beside the current one are asked for */
  constructor(name: string, keepLast: number) {
    this.name = name;
    this.#keepLast = keepLast;
  }

  get size(): number {
    return this.#used.length;
  }

  /** Adds what was used. An image with two tags of one stream is one version of it, and comes twice in a row. */
  add(record: UseRecord): void {
    if (record.lastUsed === null || this.#used[this.#used.length - 1] === record) return;
    this.#used.push(record);
    this.#newest = null;
  }

  /** Adds what was used, in place of what was known of the same image. */
  renew(record: UseRecord): void {
    this.remove(record.imageId);
    this.add(record);
  }

  /** Takes an image out, or does nothing. */
  remove(image: ImageId): void {
    const at = this.#used.findIndex(({ imageId }) => imageId === image);
    if (at === -1) return;
    this.#used.splice(at, 1);
    this.#newest = null;
  }

  /** The last used first, and no more than are asked for: ranking all of them would cost more than the rest of a plan. */
  get newest(): readonly UseRecord[] {
    this.#newest ??= this.#findNewest(this.#keepLast + 1);
    return this.#newest;
  }

  #findNewest(count: number): readonly UseRecord[] {
    if (count >= this.#used.length) return this.#used.toSorted(compareByUse);
    const newest: UseRecord[] = [];
    for (const each of this.#used) {
      const last = newest[count - 1];
      if (last !== undefined && compareByUse(last, each) < 0) continue;
      let place = Math.min(newest.length, count - 1);
      for (let older = newest[place - 1]; older !== undefined && compareByUse(each, older) < 0; older = newest[place - 1]) {
        newest[place--] = older;
      }
      newest[place] = each;
    }
    return newest;
  }
}

/** Of two used at once the one that came later is the newer version. */
function compareByUse(left: UseRecord, right: UseRecord): number {
  if (left.lastUsed === null || right.lastUsed === null) return 0;
  const byUse = right.lastUsed.idleMs - left.lastUsed.idleMs || right.firstSeen.idleMs - left.firstSeen.idleMs;
  return byUse || (left.imageId < right.imageId ? -1 : 1);
}
