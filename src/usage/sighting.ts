import type { ImageId } from '../model/brands.ts';
import { type Doubt, type Image, type Inventory, imagesOf } from '../model/inventory.ts';
import type { Instant, UsageChanges, UsageState, UseEntry, UseRecord } from '../model/use-record.ts';
import { type ChainOf, findBuildBases } from './build-bases.ts';
import { isSameMinute } from './coalesce.ts';
import { sightLineages } from './lineage-sighting.ts';
import { findRenamed, type RenamingInput } from './renamed.ts';

/**
 * What one complete look at an engine is compared with. The records of `state` may leave out images that are not listed and have been missing
 * for less than {@link FORGET_AFTER_MS}.
 */
export interface SightingInput extends RenamingInput {
  readonly now: Instant;
  /** When the listing began: what was recorded since then is newer than it. */
  readonly listedSince: Pick<Instant, 'idleMs'>;
  /** Chains as far as they are known, and which of them this look has learned. */
  readonly chainOf: ChainOf;
  readonly newChains: ReadonlySet<ImageId>;
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
export const FORGET_AFTER_MS: number = 24 * 3_600_000;

/**
 * Turns one complete inventory into use records: an unknown image is first seen now; used now is one that a container in any state
 * needs, one that a container needed when last known (nobody saw when that ended), and one that a new image was built on; one that is
 * missing twice, a day apart, is forgotten. No stamp is ever moved back, and no listing ends a use that another process recorded after it
 * began: the next look tells.
 *
 * @returns the new state with the changes that lead to it; an empty listing where images were known is a doubt and changes nothing
 */
export function sight(input: SightingInput): Sighting {
  const { inventory, state } = input;
  const isPresent = (record: UseRecord): boolean => record.missingSince === null;
  if (inventory.images.length === 0 && [...state.records.values()].some(isPresent)) {
    return { state, changes: NO_CHANGES, doubts: [EMPTY_LISTING] };
  }
  const { records, uses } = sightImages(input);
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
  return new Set(inventory.containers.flatMap(imagesOf));
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

function sightImages(input: SightingInput): { records: UseRecord[]; uses: UseEntry[] } {
  const { inventory, state, now } = input;
  const records: UseRecord[] = [];
  const uses: UseEntry[] = [];
  const renamed = findRenamed(input);
  const inUse = imagesInUse(inventory);
  const bases = basesOfNew(input);
  for (const image of inventory.images) {
    const known = renamed.get(image.id) ?? state.records.get(image.id);
    const evidence = inUse.has(image.id) || known?.isInUse === true ? 'sighting' : bases.has(image.id) ? 'build' : null;
    const isUsed = evidence !== null || isBack(known) || (input.areRecordsLost && known === undefined);
    const isInUse = inUse.has(image.id) || outrunsListing(known, input);
    const record = sightImage(image, known, { isUsed, isInUse, now });
    if (record !== state.records.get(image.id)) records.push(record);
    const isNewUse = evidence !== null && record.lastUsed !== known?.lastUsed;
    if (isNewUse) uses.push({ imageId: image.id, references: image.references, evidence, at: now });
  }
  return { records, uses };
}

/** An image that comes back was pulled, loaded or built again: a use, which restarts its grace as well. */
function isBack(known: UseRecord | undefined): boolean {
  return known !== undefined && known.missingSince !== null;
}

/** Whether the use under way was recorded so late that the listing may be older. A stamp may be older than the use by the minute that is one write. */
function outrunsListing(known: UseRecord | undefined, { listedSince }: SightingInput): boolean {
  return known?.isInUse === true && known.lastUsed !== null && isSameMinute(known.lastUsed, listedSince);
}

/** At the first look of all every image is new, and none tells when it was built. */
function basesOfNew({ inventory, state, isFirst, chainOf, newChains }: SightingInput): ReadonlySet<ImageId> {
  if (isFirst) return new Set();
  const isNew = ({ id }: Image): boolean => {
    const known = state.records.get(id);
    return known === undefined || isBack(known) || (newChains.has(id) && known.origin !== 'pulled');
  };
  return findBuildBases(inventory.images, isNew, chainOf);
}

/** @returns the very record that was given when nothing worth a write has changed */
function sightImage(image: Image, known: UseRecord | undefined, { isUsed, isInUse, now }: Sight): UseRecord {
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
    known.isInUse === isInUse &&
    isSameList(known.references, image.references) &&
    isSameList(known.digests, image.digests);
  if (isUnchanged) return known;
  const { id, references, digests } = image;
  return { imageId: id, firstSeen: known?.firstSeen ?? now, lastUsed, origin, references, digests, missingSince: null, isInUse };
}

/** What a look shows of one image. */
interface Sight {
  readonly isUsed: boolean;
  readonly isInUse: boolean;
  readonly now: Instant;
}

function later(known: Instant | null, now: Instant): Instant {
  return known !== null && known.idleMs > now.idleMs ? known : now;
}

function sightMissing(input: SightingInput): { records: UseRecord[]; forgotten: ImageId[] } {
  const present = new Set(input.inventory.images.map((image) => image.id));
  const records: UseRecord[] = [];
  const forgotten: ImageId[] = [];
  for (const record of input.state.records.values()) {
    if (present.has(record.imageId) || outrunsListing(record, input)) continue;
    if (record.missingSince === null) records.push({ ...record, missingSince: input.now, isInUse: false });
    else if (input.now.idleMs - record.missingSince.idleMs >= FORGET_AFTER_MS) forgotten.push(record.imageId);
  }
  return { records, forgotten };
}

function isSameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((text, index) => text === right[index]);
}
