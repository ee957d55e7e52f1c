import { type ImageId, imageId } from '../../model/brands.ts';
import { parseHold } from '../../model/hold.ts';
import { canonicalReference, splitReference } from '../../model/reference.ts';
import type { FoundHold, ImageNames } from '../runtime.ts';

/** What Docker 20.10, and 28 when asked in an old API version, write for no name. */
const NO_TAG = '<none>:<none>';
const NO_DIGEST = '<none>@<none>';

/** Names as the engine writes them, in a listing or an inspection. */
export interface RawNames {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
}

/** Takes the names of one image apart: ordinary ones, canonical and sorted, and the holds. */
export function readImageNames({ Id, RepoTags, RepoDigests }: RawNames): ImageNames {
  const references: string[] = [];
  const holds: FoundHold[] = [];
  const tags = (RepoTags ?? []).filter((name) => name !== NO_TAG).map(canonicalReference);
  const digests = new Set((RepoDigests ?? []).filter((name) => name !== NO_DIGEST).flatMap((digest) => completeDigest(digest, tags)));
  for (const name of tags) {
    const hold = parseHold(name);
    if (hold !== null) holds.push({ imageId: imageId(Id), reference: name, ...hold });
    // Docker 28, containerd store: what was pulled by digest has its digest reference among the tags.
    else if (name.includes('@')) digests.add(name);
    else references.push(name);
  }
  return { references: references.sort(), digests: [...digests].sort(), holds };
}

/**
 * Counts the names that holds stand for as names of their images: a removal that was interrupted must not make an image look
 * dangling. A name that points elsewhere by now belongs to whoever moved it.
 */
export function withHeldNames(named: ReadonlyMap<ImageId, ImageNames>): ReadonlyMap<ImageId, ImageNames> {
  const taken = new Set([...named.values()].flatMap(({ references }) => references));
  return new Map(
    [...named].map(([id, names]) => {
      const originals = names.holds.map(({ original }) => original).filter((original) => !taken.has(original));
      return [id, originals.length === 0 ? names : { ...names, references: [...new Set([...names.references, ...originals])].sort() }];
    }),
  );
}

/**
 * Docker 28, containerd store, lists a digest without a repository for an image whose layers were unpacked already when it was pulled,
 * so that its blobs are not all there; its inspection has the repositories of the tags, and so have we.
 */
function completeDigest(name: string, tags: readonly string[]): readonly string[] {
  if (!name.startsWith('sha256:')) return [canonicalReference(name)];
  return tags.map((tag) => `${splitReference(tag).name}@${name}`);
}
