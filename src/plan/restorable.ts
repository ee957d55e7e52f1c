import type { ImageId } from '../model/brands.ts';
import { type Image, type Inventory, isDangling, type Origin } from '../model/inventory.ts';
import type { Plan, Removal } from '../model/plan.ts';
import type { Policy } from '../model/policy.ts';
import type { RegistryAnswer } from '../model/registry-answer.ts';
import type { UseRecord } from '../model/use-record.ts';
import type { Hold } from './hold.ts';

/** What registries said, by image. An image that is not in it is asked about as soon as a plan would remove it. */
export type RegistryAnswers = ReadonlyMap<ImageId, RegistryAnswer>;

/** What the answers are weighed with. */
interface Asking {
  readonly policy: Policy;
  /** Absent: nobody asks. */
  readonly registryAnswers?: RegistryAnswers | undefined;
}

/**
 * Keeps an image of which no registry said that it can be pulled again, where `protect.restorable` is "check". Not asked about is what is known
 * to be of this host alone, which `protect.local` decides, and what has no name at all: nobody could pull it by one.
 *
 * @param origin as it was recorded, else as it was listed
 * @returns null for one that can be pulled again, or whose registry is yet to be asked
 */
export function holdUnrestorable(image: Image, origin: Origin | null, { policy, registryAnswers }: Asking): Hold | null {
  if (policy.protect.restorable === 'assume' || origin === 'local' || isDangling(image)) return null;
  const hold = (detail: string): Hold => ({ reason: 'unrestorable', detail, until: null, binds: 'always' });
  if (image.digests.length === 0) return origin === null ? null : hold('it has no digest by which its registry could be asked for it');
  if (registryAnswers === undefined) return hold('its registry was not asked whether it can be pulled again');
  const answer = registryAnswers.get(image.id);
  return answer === undefined || answer.kind === 'present' ? null : hold(answer.detail);
}

/** The images of a plan, and what is recorded of where they came from. */
interface AskedAbout {
  readonly inventory: Pick<Inventory, 'images'>;
  readonly records: ReadonlyMap<ImageId, UseRecord>;
}

/** Removals of a plan that wait for what a registry says; empty where the plan stands. */
export function openQuestions(
  { removals }: Plan,
  { inventory, records, policy, registryAnswers }: Asking & AskedAbout,
): readonly Removal[] {
  if (policy.protect.restorable === 'assume') return [];
  const asked = new Set(
    inventory.images.flatMap((image) => {
      const isAsked =
        registryAnswers?.has(image.id) === true ||
        holdUnrestorable(image, records.get(image.id)?.origin ?? image.origin, { policy }) === null;
      return isAsked ? [image.id] : [];
    }),
  );
  return removals.filter(({ imageId }) => !asked.has(imageId));
}
