import type { Bytes, ImageId } from '../model/brands.ts';
import type { Plan } from '../model/plan.ts';
import type { Now, UseRecord } from '../model/use-record.ts';
import type { Standings } from '../usage/habit-learner.ts';

/** What is known of the images beside their listing. */
export interface ImageFacts {
  readonly plan: Plan;
  readonly records: ReadonlyMap<ImageId, UseRecord>;
  /** Freed if the image goes alone; null is unknown. */
  readonly exclusiveBytes: ReadonlyMap<ImageId, Bytes | null>;
  /** What was learned of how they are used. */
  readonly standings: Standings;
  readonly now: Now;
}
