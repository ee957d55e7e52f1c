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
  const names = [...tags];
  for (const digest of digests) names.push(...completeDigest(digest, Id, tags));
  return sortNames(imageId(Id), names);
}

/**
 * Reads the names that the newest line of a history has, on the containerd store. What was pulled by digest stands among its tags; the
 * digests that the store makes up do not, and are made up here.
 *
 * @returns null when it does not say which image it is of
 */
export function readHistoryNames({ Id, Tags }: Pick<RawNames, 'Id'> & { readonly Tags: readonly string[] | null }): RawNames | null {
  const names = Map.groupBy(Tags ?? [], (name) => (name.includes('@') ? 'digest' : 'tag'));
  return Id.startsWith('sha256:') ? { Id, RepoTags: names.get('tag') ?? [], RepoDigests: [Id, ...(names.get('digest') ?? [])] } : null;
}

/**
 * Docker 28, containerd store, makes a digest reference up for every repository of an image's tags, and its inspection tells them all. Its
 * listing tells only one of several, and none at all (a digest without a repository) when the layers were unpacked already at the pull,
 * so that the blobs are not all there. On that store, and no other, the digest is the image's ID.
 */
function completeDigest(name: string, id: string, tags: readonly string[]): readonly string[] {
  const isBare = name.startsWith('sha256:');
  const digest = isBare ? name : splitReference(name).digest;
  const completed = isBare || digest === id ? tags.map((tag) => `${splitReference(tag).name}@${digest}`) : [];
  return isBare ? completed : [name, ...completed];
}
