import type { Image } from '../model/inventory.ts';
import type { Policy } from '../model/policy.ts';
import type { Lineage, Now, UseRecord } from '../model/use-record.ts';
import { idleSince } from '../usage/idle-clock.ts';

/** What is known of versions: the images, and the lineages where switches were seen as they happened. */
export interface VersionHistory {
  readonly images: readonly Image[];
  /** One for each image, at its index. Undefined: first seen now. */
  readonly records: readonly (UseRecord | undefined)[];
  readonly lineages: ReadonlyMap<string, Lineage>;
}

/** One name of an image, and the name before it in the same repository. */
export interface Version {
  readonly name: string;
  readonly record: UseRecord | undefined;
  readonly before: Version | undefined;
}

/** A repository in which a previous version may have to be held. */
export interface Repository {
  readonly name: string;
  /** The last of its names in the listing, which leads to those before it. */
  readonly last: Version;
}

interface Found {
  readonly name: string;
  last: Version;
  isChanging: boolean;
}

/**
 * Lists the names of every repository in which a previous version may have to be held, ordered as the listing first names them: where a
 * switch was recorded, or where an image came within the time that one is kept. On most hosts that is few, and telling repositories
 * and streams apart costs more than all the rest of a large plan.
 */
export function listRepositories(history: VersionHistory, { keepLastForMs }: Policy['protect'], now: Now): readonly Repository[] {
  const { images, records, lineages } = history;
  const switched = repositoriesOf(lineages);
  const isNew = (record: UseRecord | undefined): boolean =>
    keepLastForMs === 'always' || (record !== undefined && idleSince(record.firstSeen.idleMs, now.idleMs) < keepLastForMs);
  const endings = new Endings(switched);
  for (let at = 0; at < images.length; at++) {
    const image = images[at];
    if (image !== undefined && isNew(records[at])) for (const name of versionNames(image)) endings.add(name, repositoryEnd(name, image));
  }
  if (endings.isEmpty) return [];
  const found = new Map<string, Found>();
  for (let at = 0; at < images.length; at++) {
    const image = images[at];
    const record = records[at];
    if (image === undefined) continue;
    for (const name of versionNames(image)) {
      const end = repositoryEnd(name, image);
      if (endings.mayHave(name, end)) addVersion(found, name.slice(0, end), name, record, isNew(record));
    }
  }
  return [...found.values()].filter(({ name, isChanging }) => isChanging || switched.has(name));
}

function addVersion(found: Map<string, Found>, repository: string, name: string, record: UseRecord | undefined, isNew: boolean): void {
  const known = found.get(repository);
  const last = { name, record, before: known?.last };
  if (known === undefined) found.set(repository, { name: repository, last, isChanging: isNew });
  else {
    known.last = last;
    known.isChanging ||= isNew;
  }
}

/** A lineage by digest is named as its repository, and others as repository and tag; a colon may also stand before a port. */
function repositoriesOf(lineages: VersionHistory['lineages']): ReadonlySet<string> {
  return new Set([...lineages.keys()].flatMap((name) => [name, name.slice(0, Math.max(0, name.lastIndexOf(':')))]));
}

const COLON = 0x3a;
/** A power of 2; many more than repositories change at once. */
const ENDINGS = 4_096;

/**
 * How repositories end. It tells of most names that their repository is none of those, for much less than it costs to cut the
 * repository off and hash it; what it lets through has to be looked at again.
 */
class Endings {
  readonly #seen = new Uint8Array(ENDINGS);
  isEmpty = true;

  constructor(repositories: Iterable<string>) {
    for (const repository of repositories) this.add(repository, repository.length);
  }

  /** @param end where the repository ends in the name */
  add(name: string, end: number): void {
    this.#seen[endingOf(name, end)] = 1;
    this.isEmpty = false;
  }

  mayHave(name: string, end: number): boolean {
    return this.#seen[endingOf(name, end)] === 1;
  }
}

/** Mixes the length and the last characters of a repository into a number below {@link ENDINGS}. */
function endingOf(name: string, end: number): number {
  let mixed = end;
  for (let at = Math.max(0, end - 4); at < end; at++) mixed = mixed * 31 + name.charCodeAt(at);
  return mixed & (ENDINGS - 1);
}

/** Tags tell versions apart; an image held by digest alone is a version of its repository. */
function versionNames({ references, digests }: Image): readonly string[] {
  return references.length > 0 ? references : digests;
}

/** Where the repository of one of the {@link versionNames} ends. Tags are short, so the colon is looked for from the end, one by one. */
function repositoryEnd(name: string, { references }: Image): number {
  if (references.length === 0) return Math.max(0, name.indexOf('@'));
  let end = name.length - 1;
  while (end > 0 && name.charCodeAt(end) !== COLON) end--;
  return Math.max(0, end);
}
