import type { Bytes, ImageId } from '../model/brands.ts';
import type { Plan } from '../model/plan.ts';
import type { Now, UseRecord } from '../model/use-record.ts';

/** What is known of the images beside their listing. */
export interface ImageFacts {
  readonly plan: Plan;
  readonly records: ReadonlyMap<ImageId, UseRecord>;
  /** Freed if the image goes alone; null is unknown. */
  readonly exclusiveBytes: ReadonlyMap<ImageId, Bytes | null>;
  readonly now: Now;
}
