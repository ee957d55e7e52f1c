import type { ImageId } from '../model/brands.ts';
import type { UseRecord } from '../model/use-record.ts';

/** Images of one lineage that were ever used, each once: an image that never was is no version to go back to. */
export class VersionStream {
  readonly name: string;
  readonly #used: UseRecord[] = [];
  /** Null: to be found again. */
  #head: UseRecord | null = null;
  #ranked: readonly ImageId[] | null = null;

  constructor(name: string) {
    this.name = name;
  }

  get size(): number {
    return this.#used.length;
  }

  /** Adds what was used. An image with two tags of one stream is one version of it, and comes twice in a row. */
  add(record: UseRecord): void {
    if (record.lastUsed === null || this.#used.at(-1) === record) return;
    this.#used.push(record);
    this.#forgetOrder();
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
    this.#forgetOrder();
  }

  /** The first of {@link ranked}, for much less; undefined when none was used. */
  get head(): UseRecord | undefined {
    this.#head ??= this.#used.reduce<UseRecord | null>((head, each) => (head === null || compareByUse(each, head) < 0 ? each : head), null);
    return this.#head ?? undefined;
  }

  /** The last used first. */
  get ranked(): readonly ImageId[] {
    this.#ranked ??= this.#used.toSorted(compareByUse).map(({ imageId }) => imageId);
    return this.#ranked;
  }

  #forgetOrder(): void {
    this.#head = null;
    this.#ranked = null;
  }
}

/** Of two used at once the one that came later is the newer version. */
function compareByUse(left: UseRecord, right: UseRecord): number {
  if (left.lastUsed === null || right.lastUsed === null) return 0;
  const byUse = right.lastUsed.idleMs - left.lastUsed.idleMs || right.firstSeen.idleMs - left.firstSeen.idleMs;
  return byUse || (left.imageId < right.imageId ? -1 : 1);
}
