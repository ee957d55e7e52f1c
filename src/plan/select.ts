import type { Freed, LayerCounts } from './layer-counts.ts';
import type { Family } from './order.ts';
import type { Need } from './target.ts';

/** What already goes by age, and what a target may take, the least needed first. */
export interface Selection {
  readonly byAge: readonly number[];
  /** Asked for one by one, until the need is met. */
  readonly candidates: Iterable<number>;
  readonly need: Need;
}

/** What was chosen beside what goes by age. */
export interface Selected {
  readonly images: readonly number[];
  /** What each frees after those before it, what goes by age first; null: something was put back, so it has to be counted anew. */
  readonly frees: readonly Freed[] | null;
}

/**
 * Chooses as few candidates as meet the need: in order until it is met, then, the dearest first, every one is put back that proves
 * unnecessary. One pass suffices: a smaller set frees no more, so what was necessary stays so. When the need is out of reach, every
 * candidate that frees bytes stays chosen.
 *
 * @param counts as they are before anything goes; they are left as they are after all that was chosen went
 */
export function selectForNeed({ byAge, candidates, need }: Selection, counts: LayerCounts, family: Family): Selected {
  let freed = 0;
  let gone = byAge.length;
  const frees = byAge.map((image) => counts.remove(image));
  for (const { bytes } of frees) freed += bytes;
  const taken: number[] = [];
  if (freed < need.bytes || gone < need.images) {
    for (const image of candidates) {
      const freedByIt = counts.remove(image);
      freed += freedByIt.bytes;
      taken.push(image);
      frees.push(freedByIt);
      gone++;
      if (freed >= need.bytes && gone >= need.images) break;
    }
  }
  let chosen: Set<number> | null = null;
  const reachable: Need = { bytes: Math.min(need.bytes, freed), images: Math.min(need.images, gone) };
  for (let at = taken.length - 1; at >= 0; at--) {
    const image = taken[at] ?? 0;
    // At the least what it freed is needed again.
    if (freed - (frees[byAge.length + at]?.bytes ?? 0) < reachable.bytes || gone <= reachable.images) continue;
    chosen ??= new Set(taken);
    if (!chosen.has(image)) continue;
    const back = withChosenAncestors(image, chosen, family);
    let neededAgain = 0;
    for (const one of back) neededAgain += counts.restore(one);
    if (freed - neededAgain >= reachable.bytes && gone - back.length >= reachable.images) {
      freed -= neededAgain;
      gone -= back.length;
      for (const one of back) chosen.delete(one);
    } else for (const one of back) counts.remove(one);
  }
  if (chosen === null || chosen.size === taken.length) return { images: taken, frees };
  return { images: [...chosen], frees: null };
}

/** A child that stays keeps its parents, so they come back together. */
function withChosenAncestors(image: number, chosen: ReadonlySet<number>, family: Family): readonly number[] {
  const back: number[] = [];
  for (let next: number | undefined = image; next !== undefined && chosen.has(next); next = family.parentOf(next)) back.push(next);
  return back;
}
