import { type Parsed, parsed, unparsable } from './error.ts';

// The grammar of distribution/reference (reference.go):
//   reference       := name [ ":" tag ] [ "@" digest ]
//   name            := [domain '/'] path-component ['/' path-component]*
//   domain          := host [':' port-number];  host := domain-name | IPv4 | '[' IPv6 ']'
//   path-component  := alpha-numeric [separator alpha-numeric]*;  separator := '_' | '.' | '__' | '-'+
//   tag             := /[\w][\w.-]{0,127}/;  digest := algorithm ':' hex of 32 or more, of the algorithm's own length where it is registered
// The regular expressions below have no nested repetition over the same characters, so they match in linear time.
const DOMAIN =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
/** Whole paths at once, because every name of every listing passes here. */
const PATH = /^[a-z0-9]+(?:(?:\.|_|__|-+|\/)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST =
  /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}|(?!sha(?:256|384|512):)[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})$/;
const BARE_ID = /^[a-f0-9]{64}$/;
const NAME_LENGTH_MAX = 255;

/** The registry a name without a domain means, and the namespace a bare name means there. */
const DEFAULT_DOMAIN = 'docker.io';
const DEFAULT_NAMESPACE = 'library';

/** A name taken apart. `repository` is canonical: `docker.io/library/app`, `localhost:5000/team/app`. */
export interface Reference {
  readonly repository: string;
  readonly tag: string | null;
  /** `sha256:…` */
  readonly digest: string | null;
}

/**
 * Takes a name apart and completes it as an engine would, but adds no tag.
 *
 * @param text a name as a person or an engine writes it: `app`, `app:1`, `host:5000/a/b@sha256:…`
 * @returns the parts, or a sentence that says which part is not allowed
 * @see distribution/reference `reference.go`, `normalize.go`
 */
export function parseReference(text: string): Parsed<Reference> {
  const { name, tag, digest } = splitReference(text);
  if (digest !== null && !DIGEST.test(digest)) return unparsable(`"${digest}" is not a digest such as sha256:… with 64 hex digits`);
  if (tag !== null && !TAG.test(tag)) return unparsable(`"${tag}" is not a tag: 1 to 128 letters, digits, "_", "." or "-"`);
  if (tag === null && digest === null && BARE_ID.test(name)) return unparsable(`"${name}" is an image ID, not a name`);
  const repository = canonicalRepository(name);
  const slash = repository.indexOf('/');
  const domain = repository.slice(0, slash);
  const path = repository.slice(slash + 1);
  if (!DOMAIN.test(domain)) return unparsable(`"${domain}" is not a registry host`);
  if (path.length > NAME_LENGTH_MAX) return unparsable(`the name is longer than ${NAME_LENGTH_MAX} characters`);
  if (PATH.test(path)) return parsed({ repository, tag, digest });
  const wrong = path.split('/').find((component) => !PATH_COMPONENT.test(component));
  return unparsable(`"${wrong}" in "${name}" is not allowed: lower-case letters and digits, joined by ".", "_", "__" or "-"`);
}

/** Splits at the first `@`, then at the last `:` behind the last `/`, so that a host's port stays with the name. */
export function splitReference(text: string): { name: string; tag: string | null; digest: string | null } {
  const at = text.indexOf('@');
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  return {
    name: colon < 0 ? named : named.slice(0, colon),
    tag: colon < 0 ? null : named.slice(colon + 1),
    digest: at < 0 ? null : text.slice(at + 1),
  };
}

/** Completes a repository: `app` is `docker.io/library/app`, `team/app` is `docker.io/team/app`. */
export function canonicalRepository(name: string): string {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const hasDomain = slash >= 0 && isHost(first);
  const domain = hasDomain ? first.replace(/^index\.docker\.io$/, DEFAULT_DOMAIN) : DEFAULT_DOMAIN;
  const path = hasDomain ? name.slice(slash + 1) : name;
  return domain === DEFAULT_DOMAIN && !path.includes('/') ? `${domain}/${DEFAULT_NAMESPACE}/${path}` : `${domain}/${path}`;
}

/** What tells a registry host from the first part of a path (distribution/reference `normalize.go`, splitDockerDomain). */
function isHost(first: string): boolean {
  return first === 'localhost' || /[.:A-Z]/.test(first);
}

/** Every way a person may write a canonical repository, none of which means another; the first is the shortest, as engines print it. */
export function repositorySpellings(repository: string): readonly string[] {
  const prefix = `${DEFAULT_DOMAIN}/`;
  if (!repository.startsWith(prefix)) return [repository];
  const path = repository.slice(prefix.length);
  const slash = path.indexOf('/');
  const bare = path.slice(slash + 1);
  if (path.startsWith(`${DEFAULT_NAMESPACE}/`) && !bare.includes('/')) return [bare, path, repository, prefix + bare];
  return isHost(path.slice(0, slash)) ? [repository] : [path, repository];
}

/** The canonical form of a reference with a tag or digest; text that is no reference is returned as it is. */
export function canonicalReference(text: string): string {
  const reference = parseReference(text);
  return reference.ok ? formatReference(reference.value) : text;
}

/** Writes the parts as one canonical name. */
export function formatReference({ repository, tag, digest }: Reference): string {
  return `${repository}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`;
}

/** The shortest form, as engines print it: `app:1` for `docker.io/library/app:1`. */
export function familiarReference(canonical: string): string {
  const { name, tag, digest } = splitReference(canonical);
  const repository = repositorySpellings(name)[0] ?? name;
  return formatReference({ repository, tag, digest });
}
