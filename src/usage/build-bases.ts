import type { ChainId, ImageId } from '../model/brands.ts';
import type { Image } from '../model/inventory.ts';

/** An image's chain IDs, base first; undefined is unknown. */
export type ChainOf = (image: ImageId) => readonly ChainId[] | undefined;

/**
 * The images that new images were built on. BuildKit tells nothing of the base it builds on (no container, no event; its cache records
 * name none either), so the layers have to: a chain that begins with the whole chain of a present image was made from it, or from its
 * twin. What a registry gave was built elsewhere.
 *
 * @param isNew whether no look has seen the image before
 */
export function findBuildBases(images: readonly Image[], isNew: (image: Image) => boolean, chainOf: ChainOf): ReadonlySet<ImageId> {
  const bases = new Set<ImageId>();
  const built = images.filter((image) => image.origin !== 'pulled' && isNew(image));
  if (built.length === 0) return bases;
  const byTop = Map.groupBy(images, ({ id }) => chainOf(id)?.at(-1));
  for (const { id } of built) {
    for (const layer of chainOf(id) ?? []) for (const below of byTop.get(layer) ?? []) if (below.id !== id) bases.add(below.id);
  }
  return bases;
}
