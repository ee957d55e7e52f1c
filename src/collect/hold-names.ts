import type { ImageId } from '../model/brands.ts';
import { holdReference } from '../model/hold.ts';
import { splitReference } from '../model/reference.ts';
import type { ImageNames, Runtime } from '../runtime/runtime.ts';

/** One tag and the hold that stands for it; null when it was taken off without one. */
export interface HeldName {
  readonly original: string;
  readonly hold: string | null;
}

/**
 * The holds that let an image's tags be taken off and given back.
 *
 * @returns null when it cannot be held: it has no tag, or a tag with our mark would be longer than a tag may be. It is rechecked and
 * removed directly then (design §5.4)
 */
export function planHolds({ references }: Pick<ImageNames, 'references'>, mark: string): readonly HeldName[] | null {
  const held = references.map((original) => ({ original, hold: holdReference(original, mark) }));
  return held.length === 0 || held.some(({ hold }) => hold === null) ? null : held;
}

/** The digests that do not go with the last tag of their repository, because it has none: they are taken off by name, last of all. */
export function looseDigests({ references, digests }: Pick<ImageNames, 'references' | 'digests'>): readonly string[] {
  const repositories = new Set(references.map((reference) => splitReference(reference).name));
  return digests.filter((digest) => !repositories.has(splitReference(digest).name));
}

/** The tag that outlives all holds of an image by one call; in the repository of the last hold. It has the length of a hold. */
export function releaseMark(held: readonly HeldName[], mark: string): string | null {
  const last = held.at(-1);
  return last === undefined ? null : holdReference(last.original, mark, 'releasing');
}

/**
 * Gives names back: every tag that is absent returns to the image, a tag that points elsewhere by now belongs to whoever moved it,
 * and the holds go. Safe to repeat, and after a crash at any point.
 *
 * @returns the names that could not be given back; empty when tags and digests are as they were
 */
export async function giveBack(
  runtime: Runtime,
  imageId: ImageId,
  held: readonly HeldName[],
  before: ImageNames,
): Promise<readonly string[]> {
  const movedTo = new Map<string, ImageId>();
  for (const { original } of held) {
    const owner = await runtime.resolveName(original);
    if (owner === null) await runtime.addName(imageId, original);
    else if (owner !== imageId) movedTo.set(original, owner);
  }
  for (const { original, hold } of held) {
    const owner = hold === null ? null : await dropHold(runtime, imageId, original, hold);
    if (owner !== null && owner !== imageId) movedTo.set(original, owner);
  }
  const after = await runtime.readNames(imageId);
  const present = new Set([...(after?.references ?? []), ...(after?.digests ?? []), ...movedTo.keys()]);
  const missing = [...before.references, ...before.digests].filter((name) => !present.has(name));
  if (runtime.capabilities.digestsProvePull) return missing;
  // Such a store makes a digest up for every tag: whoever moved the last tag of a repository took the digest along.
  const repositoriesOf = (names: Iterable<string>) => new Set([...names].map((name) => splitReference(name).name));
  const moved = repositoriesOf(movedTo.keys()).difference(repositoriesOf(after?.references ?? []));
  return missing.filter((name) => !before.digests.includes(name) || !moved.has(splitReference(name).name));
}

/**
 * Takes a hold off without ever removing an image: an engine removes an image with its last name, and refuses to when a container
 * uses it. So a hold that is the image's last tag is first moved to the image that has the original tag by now. That one is asked for last
 * of all, because somebody may be moving it.
 *
 * @returns the image that has the original tag; null when none has, or there was no hold
 */
async function dropHold(runtime: Runtime, imageId: ImageId, original: string, hold: string): Promise<ImageId | null> {
  if ((await runtime.resolveName(hold)) !== imageId) return null;
  const owner = await runtime.resolveName(original);
  if (owner !== null && owner !== imageId) await runtime.addName(owner, hold);
  await runtime.removeName(hold);
  return owner;
}
