import { imageId } from '../../model/brands.ts';
import { splitReference } from '../../model/reference.ts';
import { sortNames } from '../image-names.ts';
import type { ImageNames } from '../runtime.ts';

/** What Docker 20.10, and 28 when asked in an old API version, write for no name. */
const NO_NAMES: ReadonlySet<string> = new Set(['<none>:<none>', '<none>@<none>']);

/** Names as Docker writes them, in a listing or an inspection. */
export interface RawNames {
  readonly Id: string;
  /** Docker 28, containerd store: what was pulled by digest has its digest reference here. */
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
}

/** Reads the names of one image. */
export function readDockerNames({ Id, RepoTags, RepoDigests }: RawNames): ImageNames {
  const tags = (RepoTags ?? []).filter((name) => !NO_NAMES.has(name));
  const digests = (RepoDigests ?? []).filter((name) => !NO_NAMES.has(name));
  return sortNames(imageId(Id), [...tags, ...digests.flatMap((digest) => completeDigest(digest, tags))]);
}

/**
 * Docker 28, containerd store, lists a digest without a repository for an image whose layers were unpacked already when it was pulled,
 * so that its blobs are not all there; its inspection has the repositories of the tags, and so have we.
 */
function completeDigest(name: string, tags: readonly string[]): readonly string[] {
  return name.startsWith('sha256:') ? tags.map((tag) => `${splitReference(tag).name}@${name}`) : [name];
}
