import { type Bytes, bytes } from '../model/brands.ts';
import { KEEP_REASONS, type Verdict } from '../model/plan.ts';
import type { LayerCounts } from './layer-counts.ts';

const RANKS: ReadonlyMap<string, number> = new Map<string, number>(KEEP_REASONS.map((reason, at) => [reason, at]));

/**
 * Known bytes of images by the reason of their verdict: each layer counts once, for the strongest reason among the images that need it, and
 * for a removal only where all of them go.
 *
 * @param verdicts one per image, in the order of the inventory that `counts` was made of
 */
export function bytesByReason(verdicts: readonly Verdict[], counts: LayerCounts): ReadonlyMap<Verdict['reason'], Bytes> {
  const claimed = new Set<number>();
  const rank = ({ reason }: Verdict): number => RANKS.get(reason) ?? KEEP_REASONS.length;
  const ranked = verdicts.map((verdict, image) => ({ verdict, image })).sort((a, b) => rank(a.verdict) - rank(b.verdict));
  const held = new Map<Verdict['reason'], Bytes>();
  for (const { verdict, image } of ranked) held.set(verdict.reason, bytes((held.get(verdict.reason) ?? 0) + counts.claim(image, claimed)));
  return held;
}
