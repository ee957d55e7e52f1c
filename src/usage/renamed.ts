import type { ImageId } from '../model/brands.ts';
import type { Image, Inventory } from '../model/inventory.ts';
import type { UsageState, UseRecord } from '../model/use-record.ts';

/** What an engine lists, and what was recorded of it. */
export interface RenamingInput {
  readonly inventory: Inventory;
  readonly state: UsageState;
  /** Nothing was recorded of any image of this store. */
  readonly isFirst: boolean;
  /** What is remembered of the same engine's other stores. */
  readonly otherStores: UsageState;
}

/**
 * Finds again what was recorded of an image under its ID in another store of the same engine: a store change renames every
 * image (config digest to manifest digest and back; engines.md §0.4). A registry digest is compared first, then the tag.
 *
 * Only the first look at a store can show renamed images. What comes later was pulled or built since, and is new whatever it is
 * called: else every build of `app:dev` would be as old as the last one under another store, and go at once. When a store comes
 * back, images that are known in it have been used since under another ID; only a digest proves that.
 *
 * @returns records by the images' new IDs; an image that two records claim by tag, or whose digest contradicts the tag, is not in it
 */
export function findRenamed({ inventory, state, isFirst, otherStores }: RenamingInput): ReadonlyMap<ImageId, UseRecord> {
  const found = new Map<ImageId, UseRecord>();
  if (otherStores.records.size === 0) return found;
  const index = indexRecords(otherStores.records.values());
  for (const image of inventory.images) {
    const known = state.records.get(image.id);
    if (known === undefined && !isFirst) continue;
    const names = namesOf(known === undefined ? image : { ...image, references: [] });
    const record = names.map((name) => index.get(name)).find((match) => match != null && !areDifferent(match, image));
    if (record == null) continue;
    if (known === undefined) found.set(image.id, { ...record, missingSince: null });
    else if (usedIdleMs(record) > usedIdleMs(known)) found.set(image.id, { ...known, lastUsed: record.lastUsed });
  }
  return found;
}

/** Everything that may tell an image from others, the surest first: digests, its ID, which may be such a digest, its tags. */
function namesOf(image: Pick<Image, 'id' | 'digests' | 'references'>): readonly string[] {
  return [...image.digests.map(digestOf), image.id, ...image.references];
}

/** A name that two records share proves nothing, so it leads to null. */
function indexRecords(records: Iterable<UseRecord>): ReadonlyMap<string, UseRecord | null> {
  const index = new Map<string, UseRecord | null>();
  for (const record of records) {
    const names = new Set(namesOf({ id: record.imageId, digests: record.digests, references: record.references }));
    for (const name of names) index.set(name, index.has(name) ? null : record);
  }
  return index;
}

function usedIdleMs(record: UseRecord): number {
  return record.lastUsed?.idleMs ?? Number.NEGATIVE_INFINITY;
}

/** A tag that moved: both have registry digests, and none in common. */
function areDifferent(record: UseRecord, image: Image): boolean {
  const known = new Set([record.imageId, ...record.digests.map(digestOf)]);
  const isSame = known.has(image.id) || image.digests.some((name) => known.has(digestOf(name)));
  return !isSame && record.digests.length > 0 && image.digests.length > 0;
}

function digestOf(name: string): string {
  return name.slice(name.indexOf('@') + 1);
}
