import type { IdleMs } from '../model/brands.ts';
import type { Image } from '../model/inventory.ts';
import { type UseHabits, VERSION_KEY_CHARACTERS } from '../model/use-habits.ts';
import { eachVersion, isLastUse, type Standing } from '../usage/habit-learner.ts';
import { hashPart, tableSize } from './part-hash.ts';

const HALF_CHARACTERS = VERSION_KEY_CHARACTERS / 2;

/** What was learned of each image, at its index: of several lineages, by the one that used it last. Undefined, or beyond the list: nothing. */
export function findStandings(images: readonly Pick<Image, 'id'>[], lineages: UseHabits['lineages']): readonly (Standing | undefined)[] {
  if (lineages.size === 0) return [];
  const byVersion = new ImagesByVersion(images);
  eachVersion(lineages.values(), (key, habit, lastUsedMs, supersededMs) => byVersion.put(key, habit, lastUsedMs, supersededMs));
  return byVersion.standings;
}

/**
 * Images by their version keys, each as two hashes of 32 bits. A map by such keys would cut, hash and compare a text for every image, in
 * another order than they lie in memory: a sixth of a large plan. Two keys of a host fall together once in 2^64 / images² hosts, and then
 * one image goes by the other's habits: a standing orders and explains, and keeps nothing.
 */
class ImagesByVersion {
  readonly standings: (Standing | undefined)[];
  readonly #lows: Int32Array;
  readonly #highs: Int32Array;
  /** By low hash: the last image, counted from 1; and by image the one before it. */
  readonly #last: Int32Array;
  readonly #before: Int32Array;

  constructor(images: readonly Pick<Image, 'id'>[]) {
    this.standings = new Array<Standing | undefined>(images.length).fill(undefined);
    this.#lows = new Int32Array(images.length);
    this.#highs = new Int32Array(images.length);
    this.#before = new Int32Array(images.length);
    this.#last = new Int32Array(tableSize(2 * images.length));
    for (let at = 0; at < images.length; at++) {
      const id = images[at]?.id ?? '';
      const low = lowHash(id);
      this.#lows[at] = low;
      this.#highs[at] = highHash(id);
      const place = this.#placeOf(low);
      this.#before[at] = this.#last[place] ?? 0;
      this.#last[place] = at + 1;
    }
  }

  put(key: string, habit: Standing['habit'], lastUsedMs: IdleMs, supersededMs: IdleMs | null): void {
    const low = lowHash(key);
    const high = highHash(key);
    for (let image = this.#last[this.#placeOf(low)] ?? 0; image > 0; image = this.#before[image - 1] ?? 0) {
      if (this.#lows[image - 1] !== low || this.#highs[image - 1] !== high) continue;
      if (isLastUse(lastUsedMs, this.standings[image - 1])) this.standings[image - 1] = { habit, lastUsedMs, supersededMs };
    }
  }

  #placeOf(hash: number): number {
    return hash & (this.#last.length - 1);
  }
}

function lowHash(text: string): number {
  return hashPart(text, text.length - HALF_CHARACTERS, text.length);
}

function highHash(text: string): number {
  return hashPart(text, text.length - VERSION_KEY_CHARACTERS, text.length - HALF_CHARACTERS);
}
