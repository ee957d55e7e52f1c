import type { Image } from '../model/inventory.ts';
import type { LayerCounts } from './layer-counts.ts';

const CHILDLESS: readonly number[] = [];

/** Which images were built on which: an engine refuses to remove a parent while a child is there. */
export class Family {
  readonly #parentOf = new Map<number, number>();
  readonly #childrenOf = new Map<number, number[]>();

  constructor(images: readonly Image[]) {
    if (images.every((image) => image.parentId === null)) return;
    const indexOf = new Map(images.map((image, at) => [image.id, at]));
    images.forEach((image, child) => {
      const parent = image.parentId === null ? undefined : indexOf.get(image.parentId);
      if (parent === undefined || parent === child) return;
      this.#parentOf.set(child, parent);
      this.#childrenOf.set(parent, [...(this.#childrenOf.get(parent) ?? []), child]);
    });
  }

  /** Whether no image was built on another. */
  get isEmpty(): boolean {
    return this.#parentOf.size === 0;
  }

  /** The image built directly on top of, if it is there. */
  parentOf(image: number): number | undefined {
    return this.#parentOf.get(image);
  }

  /** Images built directly on this one. */
  childrenOf(image: number): readonly number[] {
    return this.#childrenOf.get(image) ?? CHILDLESS;
  }

  /**
   * Orders children before their parents, each parent as soon as its last child has gone, and leaves out parents of which a
   * child stays.
   *
   * @param sorted images in the order wished for
   * @param gone images that go before all of these
   */
  childrenFirst(sorted: readonly number[], gone: readonly number[]): readonly number[] {
    if (this.isEmpty) return sorted;
    const left = new Set(gone);
    const wishes = new Set(sorted);
    const ordered: number[] = [];
    const waiting = new Set<number>();
    const isFree = (image: number): boolean => this.childrenOf(image).every((child) => left.has(child));
    for (const image of sorted) {
      waiting.add(image);
      for (let next: number | undefined = image; next !== undefined && waiting.has(next) && isFree(next); next = this.parentOf(next)) {
        waiting.delete(next);
        left.add(next);
        if (wishes.has(next)) ordered.push(next);
      }
    }
    return ordered;
  }
}

/** None was built on another. */
export const NO_FAMILY: Family = new Family([]);

/** Of images with one score that goes first which was first seen the longest ago; then which has more unique bytes; then by ID. */
export function compareTied(
  counts: LayerCounts,
  seenMsOf: (image: number) => number,
  idOf: (image: number) => string,
): (left: number, right: number) => number {
  return (left, right) =>
    seenMsOf(left) - seenMsOf(right) ||
    (counts.exclusiveBytes(right) ?? 0) - (counts.exclusiveBytes(left) ?? 0) ||
    (idOf(left) < idOf(right) ? -1 : 1);
}
