import type { ImageId } from '../model/brands.ts';
import type { Image, Inventory } from '../model/inventory.ts';
import type { UsageState, UseRecord } from '../model/use-record.ts';

/**
 * Finds again what was recorded of an image under its ID in another store of the same engine: a store change renames every
 * image (config digest to manifest digest and back; engines.md §0.4). A registry digest is compared first, then the tag.
 *
 * @returns records by the images' new IDs; an image that is known, or that two records claim by tag, is not in it
 */
export function findRenamed(inventory: Inventory, state: UsageState, otherStores: UsageState): ReadonlyMap<ImageId, UseRecord> {
  const found = new Map<ImageId, UseRecord>();
  if (otherStores.records.size === 0) return found;
  const index = indexRecords(otherStores.records.values());
  for (const image of inventory.images) {
    if (state.records.has(image.id)) continue;
    const record = namesOf(image)
      .map((name) => index.get(name))
      .find((match) => match != null);
    if (record != null) found.set(image.id, { ...record, missingSince: null });
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

function digestOf(name: string): string {
  return name.slice(name.indexOf('@') + 1);
}
