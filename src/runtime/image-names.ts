import type { ImageId } from '../model/brands.ts';
import { parseHold } from '../model/hold.ts';
import { type Container, imagesOf, type Origin } from '../model/inventory.ts';
import { canonicalReference } from '../model/reference.ts';
import type { ContainerUse, FoundHold, ImageNames } from './runtime.ts';

/** Tells one image's names apart: tags, digest references and holds; canonical, sorted, each once. */
export function sortNames(imageId: ImageId, names: readonly string[]): ImageNames {
  const tags = new Set<string>();
  const digests = new Set<string>();
  for (const name of names.map(canonicalReference)) (name.includes('@') ? digests : tags).add(name);
  const references: string[] = [];
  const holds: FoundHold[] = [];
  for (const name of [...tags].sort()) {
    const hold = parseHold(name);
    if (hold === null) references.push(name);
    else holds.push({ imageId, reference: name, ...hold });
  }
  return { references, digests: [...digests].sort(), holds };
}

/**
 * Counts the names that holds stand for as names of their images: a removal that was interrupted must not make an image look
 * dangling. A name that points elsewhere by now belongs to whoever moved it.
 */
export function withHeldNames(named: ReadonlyMap<ImageId, ImageNames>): ReadonlyMap<ImageId, ImageNames> {
  if (named.values().every(({ holds }) => holds.length === 0)) return named;
  const taken = new Set([...named.values()].flatMap(({ references }) => references));
  return new Map(
    [...named].map(([id, names]) => {
      const originals = names.holds.map(({ original }) => original).filter((original) => !taken.has(original));
      return [id, originals.length === 0 ? names : { ...names, references: [...new Set([...names.references, ...originals])].sort() }];
    }),
  );
}

/** Where only a pull or a push gives a digest, its lack tells of a local image; one without any name may have been either. */
export function originByDigest({ references, digests }: Pick<ImageNames, 'references' | 'digests'>): Origin | null {
  return digests.length > 0 ? 'pulled' : references.length > 0 ? 'local' : null;
}

/** What an image has where the engine itself keeps none. */
export const KEPT_BY_NOTHING = { pinned: false, leased: false, sandbox: false, readOnly: false } as const;

/** What a second look has to know of a container. @param isComplete whether all its images are known */
export function useOf(container: Container, isComplete: boolean): ContainerUse {
  const { id, name, state } = container;
  return { id, name, state, imageIds: imagesOf(container), isComplete };
}
