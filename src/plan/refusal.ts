import { bytes } from '../model/brands.ts';
import type { Doubt, Image, Inventory } from '../model/inventory.ts';
import { parseReferencePattern } from '../model/pattern.ts';
import type { KeepVerdict, Plan } from '../model/plan.ts';
import type { Now, Pin } from '../model/use-record.ts';

/** What may bring doubt. */
interface Doubtful {
  readonly inventory: Inventory;
  readonly doubts: readonly Doubt[];
  readonly pins: readonly Pin[];
}

/** What makes a plan impossible: the first doubt there is. */
export function findDoubt({ inventory, doubts, pins }: Doubtful): Doubt | undefined {
  return [...inventory.doubts, ...doubts, ...unreadablePins(pins)][0];
}

/** What a pin wants to keep must be known; a store may hold one that another version of this program wrote. */
function unreadablePins(pins: readonly Pin[]): readonly Doubt[] {
  return pins.flatMap(({ pattern, owner }): readonly Doubt[] => {
    const read = parseReferencePattern(pattern);
    return read.ok ? [] : [{ kind: 'protected-unknown', message: `the pin ${pattern} of ${owner} cannot be read: ${read.problem}` }];
  });
}

/** The same plan with nothing in it, when `doubt` came up after planning. */
export function refusePlan({ inventory, now }: { readonly inventory: Inventory; readonly now: Now }, doubt: Doubt): Plan {
  const verdicts = inventory.images.map((image): KeepVerdict => keep(image, 'doubt', doubt.message));
  const at = { idleMs: now.idleMs, wallMs: now.wallMs };
  const nothing = {
    expectedFreedBytes: bytes(0),
    target: null,
    buildCache: null,
    containers: [],
    removals: [],
    held: [],
    heldByLocalBytes: bytes(0),
  };
  return { at, complete: false, refusal: doubt, verdicts, ...nothing };
}

/** A verdict for an image that stays. */
export function keep(image: Image, reason: KeepVerdict['reason'], detail: string, until: KeepVerdict['until'] = null): KeepVerdict {
  return { imageId: image.id, verdict: 'keep', reason, detail, until };
}
