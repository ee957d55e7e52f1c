import type { Image } from '../model/inventory.ts';
import type { Policy } from '../model/policy.ts';
import type { Lineage, Now, UseRecord } from '../model/use-record.ts';
import { idleSince } from '../usage/idle-clock.ts';
import { hashPart, tableSize } from './part-hash.ts';

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
  const endings = new Endings(images.length, switched);
  eachVersionName(images, (name, image, at) => {
    if (isNew(records[at])) endings.add(name, repositoryEnd(name, image));
  });
  if (endings.isEmpty) return [];
  const found = new Map<string, Found>();
  eachVersionName(images, (name, image, at) => {
    const end = repositoryEnd(name, image);
    if (endings.mayHave(name, end)) addVersion(found, name.slice(0, end), name, records[at], isNew(records[at]));
  });
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
/** By these, most repositories of one length can be told apart. */
const ENDING_CHARACTERS = 6;

/**
 * How repositories end. It tells of most names that their repository is none of those, for much less than it costs to cut the
 * repository off and hash it; what it lets through has to be looked at again.
 */
class Endings {
  readonly #seen: Uint8Array;
  isEmpty = true;

  constructor(images: number, repositories: ReadonlySet<string>) {
    this.#seen = new Uint8Array(tableSize(8 * (images + repositories.size)));
    for (const repository of repositories) this.add(repository, repository.length);
  }

  /** @param end where the repository ends in the name */
  add(name: string, end: number): void {
    this.#seen[this.#placeOf(name, end)] = 1;
    this.isEmpty = false;
  }

  mayHave(name: string, end: number): boolean {
    return this.#seen[this.#placeOf(name, end)] === 1;
  }

  #placeOf(name: string, end: number): number {
    return (hashPart(name, end - ENDING_CHARACTERS, end) ^ end) & (this.#seen.length - 1);
  }
}

/**
 * Calls back with every name that tells versions apart, and the image at its index: its tags, or its digests where it has no tag. By index,
 * because iterators would make as much garbage as the rest of a large plan.
 */
function eachVersionName(images: readonly Image[], found: (name: string, image: Image, at: number) => void): void {
  for (let at = 0; at < images.length; at++) {
    const image = images[at];
    if (image === undefined) continue;
    const names = image.references.length > 0 ? image.references : image.digests;
    for (let each = 0; each < names.length; each++) found(names[each] ?? '', image, at);
  }
}

/** Where the repository ends in one of the names of {@link eachVersionName}. Tags are short, so the colon is looked for from the end, one by one. */
function repositoryEnd(name: string, { references }: Image): number {
  if (references.length === 0) return Math.max(0, name.indexOf('@'));
  let end = name.length - 1;
  while (end > 0 && name.charCodeAt(end) !== COLON) end--;
  return Math.max(0, end);
}
