import { storeKey } from '../collect/look.ts';
import type { ImageId } from '../model/brands.ts';
import type { EngineEvent, EventCursor } from '../model/engine-event.ts';
import type { Container } from '../model/inventory.ts';
import type { Instant, UsageChanges, UseRecord } from '../model/use-record.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Store } from '../store/store.ts';
import { isSameMinute } from '../usage/coalesce.ts';
import { EventReader, type EventUse, recordEventUses } from '../usage/event-uses.ts';
import type { EngineChanges } from './disk-pressure.ts';
import type { StoreKeeper, Told } from './store-keeper.ts';

/** How many events were told, and how many uses they were. */
export interface RecorderCounts {
  readonly events: number;
  readonly uses: number;
  /** Uses that are known but could not be written yet. */
  readonly pending: number;
  /** Events by which images came, and containers went. */
  readonly changes: EngineChanges;
}

/**
 * Makes uses of what one engine tells, and writes them at once. What cannot be written waits, one use per image, and is written when the
 * store can be had again; the place in the stream is not moved past it.
 */
export class UseRecorder {
  readonly #key: string;
  readonly #keeper: StoreKeeper;
  readonly #reader = new EventReader();
  readonly #told: Told;
  /** Images whose last container went, and when, or null until that use is written; written a minute later, because most come back. */
  readonly #ended = new Map<ImageId, Instant | null>();
  /** The store on whose clock they are. */
  #endsOf = -1;
  #counts = { events: 0, uses: 0, changes: { arrivals: 0, departures: 0 } };
  #hasNewImages = false;

  constructor(runtime: Runtime, keeper: StoreKeeper) {
    this.#key = storeKey(runtime);
    this.#keeper = keeper;
    this.#told = keeper.toldBy(this.#key);
  }

  /** Up to where all that was told is on stable storage; null while something waits. */
  get cursor(): EventCursor | null {
    return this.#told.pending.size === 0 ? this.#told.cursor : null;
  }

  /** Up to where this process was told, whatever of it is written; null before the first connection. */
  get toldUpTo(): EventCursor | null {
    return this.#told.cursor;
  }

  get counts(): RecorderCounts {
    return { ...this.#counts, pending: this.#told.pending.size };
  }

  /** Whether images came that no look has seen. */
  get hasNewImages(): boolean {
    return this.#hasNewImages;
  }

  /** The same; asking answers once. */
  takeNewImages(): boolean {
    const hasNew = this.#hasNewImages;
    this.#hasNewImages = false;
    return hasNew;
  }

  /** The stream begins. @param from a place before all that it will tell */
  begin(from: EventCursor | null): void {
    this.#told.cursor = from;
  }

  /** Takes over events, and writes the uses among them. */
  take(events: readonly EngineEvent[], cursor: EventCursor): void {
    const uses = events.flatMap((event) => this.#reader.read(event));
    const departures = events.filter(({ kind }) => kind === 'container-removed');
    this.#counts.events += events.length;
    this.#counts.uses += uses.length;
    const { arrivals, departures: gone } = this.#counts.changes;
    const brought = uses.filter(({ evidence }) => evidence !== 'container');
    this.#counts.changes = { arrivals: arrivals + brought.length, departures: gone + departures.length };
    // An event whose image is not known any more is made up for by a look.
    if (events.some(({ imageIds }) => imageIds.length === 0)) this.#hasNewImages = true;
    for (const use of uses) this.#told.pending.set(use.imageId, mergeUses(this.#told.pending.get(use.imageId), use));
    this.#told.cursor = cursor;
    for (const image of departures.flatMap(({ imageIds }) => imageIds)) this.#ended.set(image, null);
    this.write();
  }

  /** Writes what waits. */
  write(): void {
    if (this.#told.pending.size === 0) return;
    // Asked for only in there: the store that is opened for this may have another clock.
    let now: Instant | null = null;
    const isWritten = this.#update((store) => {
      now = this.#keeper.instant();
      const known = store.readRecords(this.#key, this.#told.pending.keys());
      const changes = recordEventUses([...this.#told.pending.values()], known, this.#reader.imagesInUse(), now);
      this.#hasNewImages ||= changes.records.some(({ imageId }) => !known.has(imageId));
      return changes;
    });
    if (!isWritten) return;
    this.#told.pending.clear();
    for (const [image, at] of this.#ended) if (at === null) this.#ended.set(image, now);
  }

  /** To be called before the engine is listed. */
  beginLook(): void {
    this.#reader.beginLook();
  }

  /** Takes over what a look found, and puts right what it could not see: containers that came since it listed them. */
  endLook(containers: readonly Container[]): void {
    this.#reader.endLook(containers);
    this.assertInUse();
  }

  /** Marks as in use what containers need now, whatever a listing that is older says. */
  assertInUse(): void {
    this.#mark(this.#reader.imagesInUse(), (record) => (record.isInUse ? null : { ...record, isInUse: true }));
  }

  /** Marks as no longer in use what no container has needed for a minute. @param isLast whatever the time: there will be no later call */
  releaseEnded(isLast = false): void {
    const now = this.#keeper.instant();
    const inUse = this.#reader.imagesInUse();
    for (const image of this.#ended.keys()) if (inUse.has(image)) this.#ended.delete(image);
    const over = [...this.#ended].filter(([, at]) => at !== null && (isLast || !isSameMinute(at, now)));
    const due = new Set(over.map(([image]) => image));
    const isDone = this.#mark(due, (record) => endOfUse(record, this.#ended.get(record.imageId)));
    if (isDone) for (const image of due) this.#ended.delete(image);
  }

  /** Leaves it to the next look which images are in use no longer. */
  forgetEnds(): void {
    this.#ended.clear();
    this.#endsOf = this.#keeper.generation;
  }

  #mark(images: ReadonlySet<ImageId>, change: (record: UseRecord) => UseRecord | null): boolean {
    if (images.size === 0) return true;
    return this.#update((store) => {
      const records = [...store.readRecords(this.#key, images).values()].map(change).filter((record) => record !== null);
      return { records, uses: [] };
    });
  }

  /** Reads and writes in one step. @returns whether it could be done */
  #update(change: (store: Store) => Pick<UsageChanges, 'records' | 'uses'>): boolean {
    const done = this.#keeper.change((store) => {
      if (this.#endsOf !== this.#keeper.generation) this.forgetEnds();
      if (this.#keeper.awaitsLook) return null;
      const changes = change(store);
      // Also where a use seems to be of the same minute as the last one: an open gap may lie between them.
      if (changes.records.length === 0 && !this.#keeper.isGapOpen) return { isWritten: false, clock: null };
      const clock = this.#keeper.clockToWrite();
      store.writeUsage(this.#key, { ...changes, forgotten: [], lineages: [] }, clock);
      return { isWritten: true, clock };
    });
    // Only now is it on the disk.
    if (done?.value?.isWritten === true) this.#keeper.wrote(done.value.clock);
    return done?.value != null;
  }
}

/** What a pull told of the origin must not be lost to a later event of the same image. */
function mergeUses(before: EventUse | undefined, use: EventUse): EventUse {
  const origin = before?.origin === 'pulled' ? before.origin : (use.origin ?? before?.origin ?? null);
  return { ...use, origin, reference: use.reference ?? before?.reference ?? null };
}

function endOfUse(record: UseRecord, at: Instant | null | undefined): UseRecord | null {
  if (!record.isInUse || at == null) return null;
  const isLater = record.lastUsed === null || at.idleMs > record.lastUsed.idleMs;
  return { ...record, isInUse: false, lastUsed: isLater ? at : record.lastUsed };
}
