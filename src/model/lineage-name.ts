import { splitReference } from './reference.ts';
import type { UseEntry } from './use-record.ts';

/** Signs that no tag can contain, standing for the parts of a version that change from one build to the next. */
const NUMBER_SIGN = '#';
const HASH_SIGN = '&';
/** A commit or content hash, shortened or not; `git describe` puts a `g` before it. */
const HASH_WORD = /^g?[0-9a-f]{7,}$/;
/** Few tags have as many such digits in a row; the others need not be taken apart. */
const MAY_HAVE_HASH = /[0-9a-f]{7}/;

/**
 * Names the stream of versions a reference belongs to: the repository, and the tag with each run of digits read as one
 * sign and each hex word of 7 or more as another. `app:1.2.3` and `app:1.10.0` are one stream, `app:latest` is another.
 *
 * @param reference canonical, with a tag or a digest; a name by digest alone belongs to its repository's own stream
 */
export function lineageName(reference: string): string {
  const { name, tag } = splitReference(reference);
  return tag === null ? name : `${name}:${tagStream(tag)}`;
}

/** What asked for an image: its name when it was used. Null: it had none, and nothing tells that it is a version of anything. */
export function lineageOfUse({ references: [reference] }: Pick<UseEntry, 'references'>): string | null {
  return reference === undefined ? null : lineageName(reference);
}

/** The part of {@link lineageName} behind the colon: what the tags of one stream have in common. */
export function tagStream(tag: string): string {
  if (!MAY_HAVE_HASH.test(tag)) return signNumbers(tag);
  const words = tag.split(/([._-]+)/);
  return words.map((word) => (HASH_WORD.test(word) ? HASH_SIGN : signNumbers(word))).join('');
}

/** As a replacement of every number would, in half the time: a large plan reads as many tags as there are images. */
function signNumbers(tag: string): string {
  let signed = '';
  let from = 0;
  for (let at = 0; at < tag.length; at++) {
    const digit = tag.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) continue;
    // In a run of digits nothing stands before any but the first.
    if (at > from || at === 0) signed += tag.slice(from, at) + NUMBER_SIGN;
    from = at + 1;
  }
  return signed + tag.slice(from);
}

/** Labels that say which workload a container belongs to, most specific last. */
const WORKLOAD_LABELS = [
  ['compose', 'com.docker.compose.project', 'com.docker.compose.service'],
  ['compose', 'io.podman.compose.project', 'io.podman.compose.service'],
  ['systemd', 'PODMAN_SYSTEMD_UNIT', null],
  ['pod', 'io.kubernetes.pod.namespace', 'io.kubernetes.container.name'],
] as const;

/** Names the workload that a container's labels tell of (Compose, quadlet, CRI); null when they tell of none. */
export function workloadName(labels: Readonly<Record<string, string>>): string | null {
  for (const [kind, outer, inner] of WORKLOAD_LABELS) {
    const scope = labels[outer];
    if (scope === undefined) continue;
    if (inner === null) return `${kind}:${scope}`;
    const name = labels[inner];
    if (name !== undefined) return `${kind}:${scope}/${name}`;
  }
  return null;
}
