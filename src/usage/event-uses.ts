import type { ContainerId, ImageId, WallMs } from '../model/brands.ts';
import type { EngineEvent, EngineEventKind } from '../model/engine-event.ts';
import { parseHold } from '../model/hold.ts';
import { type Container, imagesOf, type Origin } from '../model/inventory.ts';
import type { Instant, UsageChanges, UseEntry, UseEvidence, UseRecord } from '../model/use-record.ts';
import { isSameMinute } from './coalesce.ts';

/** One image that an event shows to be needed. */
export interface EventUse {
  readonly imageId: ImageId;
  readonly evidence: UseEvidence;
  /** Where the event tells how the image came here. */
  readonly origin: Origin | null;
  /** A name that the image has by this event; null where it tells none. */
  readonly reference: string | null;
  /** On the engine's wall clock, for history. */
  readonly at: WallMs;
}

const MEANING: Readonly<Record<EngineEventKind, { readonly evidence: UseEvidence; readonly origin: Origin | null } | null>> = {
  'container-created': { evidence: 'container', origin: null },
  'container-started': { evidence: 'container', origin: null },
  'container-ended': { evidence: 'container', origin: null },
  'container-removed': { evidence: 'container', origin: null },
  'image-pulled': { evidence: 'pull', origin: 'pulled' },
  'image-tagged': { evidence: 'tag', origin: null },
  'image-loaded': { evidence: 'load', origin: 'local' },
  'image-committed': { evidence: 'commit', origin: 'local' },
  'image-removed': null,
};

/** A batch is over long before. A name that somebody moved is never given back, and whoever gives it to the image days later uses that. */
const HELD_MAX_MS = 10 * 60_000;

/**
 * Follows a stream of events: which images they show to be used, and which images containers need now. What imagegc itself causes (holds,
 * and the names it gives back) is no use.
 */
export class EventReader {
  /** Every container that is there, as far as a look and the events since tell. */
  readonly #containers = new Map<ContainerId, readonly ImageId[]>();
  /** By image, the names that a hold stands for, and since when: when such a name comes back, it is given back. */
  readonly #held = new Map<ImageId, Map<string, WallMs>>();
  /** What events said since {@link beginLook}; a listing may be older than they are. Null: no look is under way. */
  #sinceLook: Map<ContainerId, readonly ImageId[] | null> | null = null;

  /** To be called before an engine is listed. */
  beginLook(): void {
    this.#sinceLook = new Map();
  }

  /** Takes over the containers that a listing found; what events told meanwhile is newer. */
  endLook(containers: readonly Container[]): void {
    const since = this.#sinceLook ?? new Map();
    this.#sinceLook = null;
    this.#containers.clear();
    for (const container of containers) this.#containers.set(container.id, imagesOf(container));
    for (const [id, images] of since) this.#put(id, images);
  }

  /** Every image that a container needs now. */
  imagesInUse(): ReadonlySet<ImageId> {
    return new Set([...this.#containers.values()].flat());
  }

  /** @returns the images that the event shows to be used; none for what imagegc caused */
  read(event: EngineEvent): readonly EventUse[] {
    const meaning = MEANING[event.kind];
    this.#follow(event);
    if (meaning === null || this.#isOurs(event)) return [];
    const { reference, at } = event;
    return event.imageIds.map((imageId) => ({ imageId, ...meaning, reference, at }));
  }

  #follow({ kind, containerId, imageIds }: EngineEvent): void {
    if (kind === 'image-removed') for (const image of imageIds) this.#held.delete(image);
    if (containerId === null) return;
    const images = kind === 'container-removed' ? null : imageIds;
    this.#sinceLook?.set(containerId, images);
    this.#put(containerId, images);
  }

  #put(container: ContainerId, images: readonly ImageId[] | null): void {
    if (images === null) this.#containers.delete(container);
    else this.#containers.set(container, images);
  }

  #isOurs({ kind, reference, imageIds, at }: EngineEvent): boolean {
    const [image] = imageIds;
    if (kind !== 'image-tagged' || reference === null || image === undefined) return false;
    const names = this.#held.get(image) ?? new Map<string, WallMs>();
    const hold = parseHold(reference);
    if (hold === null) {
      const since = names.get(reference);
      names.delete(reference);
      return since !== undefined && Math.abs(at - since) < HELD_MAX_MS;
    }
    // From this mark on all names go: whoever gives one then is somebody else, until we hold them again.
    if (hold.isReleasing) names.clear();
    else names.set(hold.original, at);
    this.#held.set(image, names);
    return true;
  }
}

/**
 * Turns uses into what has to be written. Uses of one image within a minute are one; no stamp moves back; a use is never older than the
 * moment at which it became known, whatever the engine's clock says.
 *
 * @param known the records of the images, as far as there are any
 * @param inUse images that containers need now
 */
export function recordEventUses(
  uses: readonly EventUse[],
  known: ReadonlyMap<ImageId, UseRecord>,
  inUse: ReadonlySet<ImageId>,
  now: Instant,
): Pick<UsageChanges, 'records' | 'uses'> {
  const records = new Map<ImageId, UseRecord>();
  const entries: UseEntry[] = [];
  for (const use of uses) {
    const before = records.get(use.imageId) ?? known.get(use.imageId);
    const after = addUse(before ?? firstRecord(use, now), use, inUse.has(use.imageId), now);
    if (after === before) continue;
    records.set(use.imageId, after);
    if (after.lastUsed !== before?.lastUsed) entries.push(entryOf(use, after, now));
  }
  return { records: [...records.values()], uses: entries };
}

function firstRecord({ imageId, reference }: EventUse, now: Instant): UseRecord {
  const references = reference === null ? [] : [reference];
  return { imageId, firstSeen: now, lastUsed: null, origin: null, references, digests: [], missingSince: null, isInUse: false };
}

/** @returns the very record that was given when nothing worth a write has changed */
function addUse(record: UseRecord, use: EventUse, isInUse: boolean, now: Instant): UseRecord {
  const isNewMinute = record.lastUsed === null || !isSameMinute(record.lastUsed, now);
  // What was pulled once can be pulled again, whatever else happened to it since.
  const origin = record.origin === 'pulled' ? record.origin : (use.origin ?? record.origin);
  const isChanged = isNewMinute || origin !== record.origin || record.missingSince !== null || (isInUse && !record.isInUse);
  if (!isChanged) return record;
  const lastUsed = isNewMinute ? now : record.lastUsed;
  return { ...record, lastUsed, origin, missingSince: null, isInUse: record.isInUse || isInUse };
}

function entryOf({ imageId, evidence, reference, at }: EventUse, { references }: UseRecord, now: Instant): UseEntry {
  const names = reference === null || references.includes(reference) ? references : [...references, reference];
  return { imageId, references: names, evidence, at: { idleMs: now.idleMs, wallMs: at } };
}
