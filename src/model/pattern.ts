import { type Parsed, parsed, unparsable } from './error.ts';
import type { Image } from './inventory.ts';
import { parseReference, repositorySpellings, splitReference } from './reference.ts';

/**
 * What a rule names: a reference, a glob over references, a digest or an image ID. Anchored at both ends.
 * `*` matches any run of characters, `/` included, and `?` one character: for a protection, matching more is the safe side.
 * A name without a tag means every tag of it.
 */
export interface ReferencePattern {
  readonly text: string;
  /** Glob over the repository, in any of its spellings; null when only a digest or an ID is named. */
  readonly repository: string | null;
  /** Glob over the tag; null is any tag, or none, as with `app:*`. */
  readonly tag: string | null;
  /** Glob over `sha256:…`; also compared with the image ID when no repository is named. */
  readonly digest: string | null;
  /** First characters of an image ID without its algorithm. */
  readonly idPrefix: string | null;
}

/** `key` or `key=value`, the value with globs. */
export interface LabelPattern {
  readonly text: string;
  readonly key: string;
  readonly value: string | null;
}

const DIGEST_GLOB = /^sha256:[0-9a-f*?]+$/;
const ID_PREFIX = /^[0-9a-f]{12,64}$/;
const HEX_LENGTH = 64;

/**
 * Reads a pattern, and refuses one that no valid name can match: a typing error in a protection must not go unnoticed.
 *
 * @returns the pattern, or a sentence that says what cannot match
 */
export function parseReferencePattern(text: string): Parsed<ReferencePattern> {
  if (text === '') return unparsable('an empty pattern matches nothing');
  if (isDigestGlob(text)) return parsed({ text, repository: null, tag: null, digest: text, idPrefix: null });
  if (text.startsWith('sha256:')) return unparsable(digestProblem(text));
  const { name: written, tag, digest } = splitReference(text);
  const name = written.replace(/^index\.docker\.io\//, 'docker.io/');
  if (digest !== null && digest !== '*' && !isDigestGlob(digest)) return unparsable(digestProblem(digest));
  const problem = findNameProblem(name, tag);
  const idPrefix = tag === null && digest === null && ID_PREFIX.test(text) ? text : null;
  if (problem !== null && idPrefix === null) return unparsable(`no image can have such a name: ${problem}`);
  return parsed({ text, repository: problem === null ? name : null, tag: tag === '*' ? null : tag, digest, idPrefix });
}

/** Reads `key` or `key=value`. */
export function parseLabelPattern(text: string): Parsed<LabelPattern> {
  const equals = text.indexOf('=');
  const key = equals < 0 ? text : text.slice(0, equals);
  if (key === '' || /\s/.test(key)) return unparsable('a label is written key or key=value, with no space in the key');
  return parsed({ text, key, value: equals < 0 ? null : text.slice(equals + 1) });
}

/** Whether the pattern names the image, by any of its names, its digests or its ID. */
export function matchesImage(pattern: ReferencePattern, image: Image): boolean {
  if (pattern.idPrefix !== null && image.id.replace(/^sha256:/, '').startsWith(pattern.idPrefix)) return true;
  if (pattern.repository === null) return pattern.digest !== null && matchesDigest(pattern.digest, image);
  if (pattern.digest === null && image.references.some((name) => matchesName(pattern, name))) return true;
  return (pattern.tag === null || pattern.digest !== null) && image.digests.some((name) => matchesName(pattern, name));
}

/** Whether the image carries the label. */
export function matchesLabel(pattern: LabelPattern, labels: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(labels, pattern.key) ? labels[pattern.key] : undefined;
  return value !== undefined && (pattern.value === null || matchesGlob(pattern.value, value));
}

/**
 * Matches a whole text in time linear in text times stars, with no backtracking beyond the last `*`.
 * (Library matchers turn globs into regular expressions that take seconds on a run of equal letters.)
 */
export function matchesGlob(glob: string, text: string): boolean {
  let inGlob = 0;
  let inText = 0;
  let star = -1;
  let resume = 0;
  while (inText < text.length) {
    const sign = glob[inGlob];
    if (sign === '*') {
      star = inGlob++;
      resume = inText;
    } else if (sign === '?' || sign === text[inText]) {
      inGlob++;
      inText++;
    } else if (star >= 0) {
      inGlob = star + 1;
      inText = ++resume;
    } else return false;
  }
  while (glob[inGlob] === '*') inGlob++;
  return inGlob === glob.length;
}

function matchesDigest(glob: string, image: Image): boolean {
  return matchesGlob(glob, image.id) || image.digests.some((name) => matchesGlob(glob, name.slice(name.indexOf('@') + 1)));
}

function matchesName(pattern: ReferencePattern, name: string): boolean {
  const { name: repository, tag, digest } = splitReference(name);
  if (pattern.digest !== null && (digest === null || !matchesGlob(pattern.digest, digest))) return false;
  if (pattern.digest === null && pattern.tag !== null && (tag === null || !matchesGlob(pattern.tag, tag))) return false;
  const glob = pattern.repository ?? '';
  return repositorySpellings(repository).some((spelling) => matchesGlob(glob, spelling));
}

function isDigestGlob(text: string): boolean {
  if (!DIGEST_GLOB.test(text)) return false;
  const hex = text.slice('sha256:'.length);
  const fixed = hex.replaceAll('*', '').length;
  return hex.includes('*') ? fixed <= HEX_LENGTH : fixed === HEX_LENGTH;
}

function digestProblem(text: string): string {
  return `"${text}" matches no digest: write sha256: and ${HEX_LENGTH} hex digits (0-9, a-f), or fewer and a "*"`;
}

/** Tries the name with its stars filled in (a digit may stand in a host, a port, a path and a tag); if none is valid, nothing matches. */
function findNameProblem(name: string, tag: string | null): string | null {
  let problem: string | null = null;
  for (const filler of ['1', '', '1/1', '1.1/1']) {
    for (const tagFiller of ['1', '']) {
      const candidate = fill(name, filler) + (tag === null ? '' : `:${fill(tag, tagFiller)}`);
      const reference = parseReference(candidate);
      if (reference.ok) return null;
      problem ??= reference.problem;
    }
  }
  return problem;
}

function fill(glob: string, filler: string): string {
  return glob.replaceAll('*', filler).replaceAll('?', '1');
}
