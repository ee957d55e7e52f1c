import { UnsyncedChanges } from './unsynced-changes.ts';

/** What a disk writes at once or not at all. */
const SECTOR_BYTES = 512;

/** Numbers from 0 to 1. */
export type Chance = () => number;

/** Data at a place, or a new size. */
type Change = { readonly offset: number; readonly data: Buffer } | { readonly size: number };

/** A file of which only what was synced is sure to outlive a power cut. */
export class SimulatedFile {
  readonly kind = 'file';
  readonly changes: UnsyncedChanges<Buffer, Change>;

  constructor(content: Buffer = Buffer.alloc(0)) {
    this.changes = new UnsyncedChanges(content, changed);
  }

  /** After a power cut that lost a part: each sector is as it was at some moment since the last sync, and so is the size. */
  partly(chance: Chance): Buffer {
    const { pending } = this.changes;
    const count = pending.length;
    const lasts = new Map<number, number>();
    const lastOf = (sector: number): number => {
      const last = lasts.get(sector) ?? someMoment(count, chance);
      lasts.set(sector, last);
      return last;
    };
    const sizedUntil = someMoment(count, chance);
    const kept = pending.flatMap((change, index): readonly Change[] => {
      if ('size' in change) return index < sizedUntil ? [change] : [];
      return sectorsOf(change).filter(({ sector }) => index < lastOf(sector));
    });
    return this.changes.with(kept);
  }
}

/** None, all, or so many of the changes. */
function someMoment(count: number, chance: Chance): number {
  const kind = chance();
  return kind < 1 / 3 ? 0 : kind < 2 / 3 ? count : Math.floor(chance() * (count + 1));
}

function changed(before: Buffer, changes: readonly Change[]): Buffer {
  const ends = changes.map((change) => ('size' in change ? change.size : change.offset + change.data.length));
  const content = Buffer.alloc(Math.max(before.length, ...ends));
  before.copy(content);
  let size = before.length;
  for (const change of changes) {
    if ('size' in change) {
      content.fill(0, Math.min(change.size, size));
      size = change.size;
    } else {
      change.data.copy(content, change.offset);
      size = Math.max(size, change.offset + change.data.length);
    }
  }
  return content.subarray(0, size);
}

function sectorsOf({ offset, data }: { readonly offset: number; readonly data: Buffer }) {
  const parts: { readonly sector: number; readonly offset: number; readonly data: Buffer }[] = [];
  for (let from = offset; from < offset + data.length; ) {
    const sector = Math.floor(from / SECTOR_BYTES);
    const to = Math.min(offset + data.length, (sector + 1) * SECTOR_BYTES);
    parts.push({ sector, offset: from, data: data.subarray(from - offset, to - offset) });
    from = to;
  }
  return parts;
}
