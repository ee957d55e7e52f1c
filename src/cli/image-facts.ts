import type { Look } from '../collect/look.ts';
import type { Bytes, ImageId } from '../model/brands.ts';
import type { Image } from '../model/inventory.ts';
import type { Plan } from '../model/plan.ts';
import type { UseHabits } from '../model/use-habits.ts';
import type { Now, UseRecord } from '../model/use-record.ts';
import { assess, gatherCircumstances, wordHold } from '../plan/assess.ts';
import type { Hold } from '../plan/hold.ts';
import { exclusiveBytes } from '../plan/layer-counts.ts';

/** What is known of the images beside their listing. */
export interface ImageFacts {
  readonly plan: Plan;
  readonly records: ReadonlyMap<ImageId, UseRecord>;
  /** Freed if the image goes alone; null is unknown. */
  readonly exclusiveBytes: ReadonlyMap<ImageId, Bytes | null>;
  /** What was learned of how they are used. */
  readonly habits: UseHabits;
  readonly now: Now;
}

/** What is told of the images of a look. */
export function factsOf({ plan, input, inventory }: Look): ImageFacts {
  const { records, habits, now } = input;
  return { plan, records, exclusiveBytes: exclusiveBytes(inventory), habits, now };
}

/** Finds everything that keeps an image, not only the first reason. */
export function findHolds({ input }: Look): (image: Image) => readonly Hold[] {
  const circumstances = gatherCircumstances(input);
  return (image) => {
    const assessment = assess(image, input.records.get(image.id), circumstances);
    return assessment.holds.map((hold) => ({ ...hold, detail: wordHold(hold, assessment, input.now) }));
  };
}
