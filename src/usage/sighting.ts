import type { ImageId } from '../model/brands.ts';
import type { Doubt, Image, Inventory } from '../model/inventory.ts';
import type { Instant, UsageChanges, UsageState, UseEntry, UseRecord } from '../model/use-record.ts';
import { isSameMinute } from './coalesce.ts';
import { sightLineages } from './lineage-sighting.ts';
import { findRenamed } from './renamed.ts';

/** What one complete look at an engine is compared with. */
export interface SightingInput {
  readonly inventory: Inventory;
  readonly state: UsageState;
  /** What is remembered of the same engine's other stores. */
  readonly otherStores: UsageState;
  readonly now: Instant;
  /** The records were lost: everything counts as used now (design §3.5). */
  readonly areRecordsLost: boolean;
}

/** What a sighting changes, and what about it is doubtful. */
export interface Sighting {
  readonly state: UsageState;
  readonly changes: UsageChanges;
  readonly doubts: readonly Doubt[];
}

/** A record is forgotten when complete listings at least this far apart do not hold its image (design §3.6). */
const FORGET_AFTER_MS = 24 * 3_600_000;

/**
 * Turns one complete inventory into use records: an unknown image is first seen now, one that a container in any state
 * needs is used now, and one that is missing twice, a day apart, is forgotten. No stamp is ever moved back.
 *
 * @returns the new state with the changes that lead to it; an empty listing where images were known is a doubt and changes nothing
 */
export function sight(input: SightingInput): Sighting {
  const { inventory, state } = input;
  const isPresent = (record: UseRecord): boolean => record.missingSince === null;
  if (inventory.images.length === 0 && [...state.records.values()].some(isPresent)) {
    return { state, changes: NO_CHANGES, doubts: [EMPTY_LISTING] };
  }
  const used = imagesInUse(inventory);
  const { records, uses } = sightImages(input, used);
  const missing = sightMissing(input);
  const lineages = sightLineages(inventory, state.lineages, input.now);
  const changes: UsageChanges = { records: [...records, ...missing.records], forgotten: missing.forgotten, lineages, uses };
  return { state: applyChanges(state, changes), changes, doubts: [] };
}

/** Nothing changed. */
const NO_CHANGES: UsageChanges = { records: [], forgotten: [], lineages: [], uses: [] };

const EMPTY_LISTING: Doubt = {
  kind: 'empty-listing',
  message: 'the engine lists no image at all, though images were known; it may have been reset or may not be ready',
};

/** Every image that a container in any state needs, as its root or as a mount. */
export function imagesInUse(inventory: Inventory): ReadonlySet<ImageId> {
  const used = new Set<ImageId>();
  for (const container of inventory.containers) {
    if (container.imageId !== null) used.add(container.imageId);
    for (const mounted of container.mountedImageIds) used.add(mounted);
  }
  return used;
}

/** The state after the changes. */
function applyChanges(state: UsageState, changes: UsageChanges): UsageState {
  const records = new Map(state.records);
  for (const record of changes.records) records.set(record.imageId, record);
  for (const image of changes.forgotten) records.delete(image);
  const lineages = new Map(state.lineages);
  for (const lineage of changes.lineages) lineages.set(lineage.name, lineage);
  return { records, lineages, failures: state.failures };
}

function sightImages(input: SightingInput, used: ReadonlySet<ImageId>): { records: UseRecord[]; uses: UseEntry[] } {
  const records: UseRecord[] = [];
  const uses: UseEntry[] = [];
  const renamed = findRenamed(input.inventory, input.state, input.otherStores);
  for (const image of input.inventory.images) {
    const known = input.state.records.get(image.id);
    // An image that comes back was pulled, loaded or built again: a use, which restarts its grace as well.
    const isBack = known !== undefined && known.missingSince !== null;
    const isUsed = used.has(image.id) || isBack || (input.areRecordsLost && known === undefined);
    const record = sightImage(image, renamed.get(image.id) ?? known, isUsed, input.now);
    if (record !== known) records.push(record);
    const isNewUse = used.has(image.id) && record.lastUsed !== known?.lastUsed;
    if (isNewUse) uses.push({ imageId: image.id, references: image.references, evidence: 'sighting', at: input.now });
  }
  return { records, uses };
}

/** @returns the very record that was given when nothing worth a write has changed */
function sightImage(image: Image, known: UseRecord | undefined, isUsed: boolean, now: Instant): UseRecord {
  const lastUsed =
    isUsed && (known?.lastUsed == null || !isSameMinute(known.lastUsed, now))
      ? later(known?.lastUsed ?? null, now)
      : (known?.lastUsed ?? null);
  const origin = known?.origin ?? image.origin;
  const isUnchanged =
    known !== undefined &&
    known.imageId === image.id &&
    lastUsed === known.lastUsed &&
    origin === known.origin &&
    known.missingSince === null &&
    isSameList(known.references, image.references) &&
    isSameList(known.digests, image.digests);
  if (isUnchanged) return known;
  const { id, references, digests } = image;
  return { imageId: id, firstSeen: known?.firstSeen ?? now, lastUsed, origin, references, digests, missingSince: null };
}

function later(known: Instant | null, now: Instant): Instant {
  return known !== null && known.idleMs > now.idleMs ? known : now;
}

function sightMissing(input: SightingInput): { records: UseRecord[]; forgotten: ImageId[] } {
  const present = new Set(input.inventory.images.map((image) => image.id));
  const records: UseRecord[] = [];
  const forgotten: ImageId[] = [];
  for (const record of input.state.records.values()) {
    if (present.has(record.imageId)) continue;
    if (record.missingSince === null) records.push({ ...record, missingSince: input.now });
    else if (input.now.idleMs - record.missingSince.idleMs >= FORGET_AFTER_MS) forgotten.push(record.imageId);
  }
  return { records, forgotten };
}

function isSameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((text, index) => text === right[index]);
}
