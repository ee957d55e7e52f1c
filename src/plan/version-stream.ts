import type { ImageId } from '../model/brands.ts';
import type { UseRecord } from '../model/use-record.ts';

/** Images of one lineage that were ever used, each once: an image that never was is no version to go back to. */
export class VersionStream {
  readonly name: string;
  readonly #used: UseRecord[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get size(): number {
    return this.#used.length;
  }

  /** Adds what was used. An image with two tags of one stream is one version of it, and comes twice in a row. */
  add(record: UseRecord): void {
    if (record.lastUsed !== null && this.#used[this.#used.length - 1] !== record) this.#used.push(record);
  }

  /** Adds what was used, in place of what was known of the same image. */
  renew(record: UseRecord): void {
    this.remove(record.imageId);
    this.add(record);
  }

  /** Takes an image out, or does nothing. */
  remove(image: ImageId): void {
    const at = this.#used.findIndex(({ imageId }) => imageId === image);
    if (at !== -1) this.#used.splice(at, 1);
  }

  /** The last used first, of which few are asked for: ranking all of them would cost more than the rest of a plan. @param count 1 or more */
  newest(count: number): readonly UseRecord[] {
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
