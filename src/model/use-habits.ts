import type { IdleMs, ImageId } from './brands.ts';

/** How many buckets times between uses are counted in; half an octave each, so that 40 reach from a minute to 15 months. */
export const GAP_BUCKETS = 40;

/** A version of a lineage that another one took over from. */
export interface PastVersion {
  /** {@link versionKey} of its image. */
  readonly key: string;
  /** When this lineage used it last. */
  readonly lastUsedMs: IdleMs;
  readonly supersededMs: IdleMs;
}

/** What was learned of one lineage: how often it is used, and by which image. */
export interface LineageHabit {
  readonly name: string;
  /** Times between uses, counted by bucket (`usage/gap-buckets.ts`); aged by halving, so not whole. */
  readonly gaps: readonly number[];
  readonly lastUsedMs: IdleMs;
  /** {@link versionKey} of the image that was used last. */
  readonly headKey: string;
  /** The newest last; those before them are forgotten. */
  readonly pastVersions: readonly PastVersion[];
  /** Uses after the first, and how many of them were of the very image that was used before; aged likewise. */
  readonly uses: number;
  readonly sameImageUses: number;
}

/** What was learned of all lineages of a host together: what is expected of one that nothing is known of. */
export interface HostHabit extends Pick<LineageHabit, 'gaps' | 'uses' | 'sameImageUses'> {
  /** Images that a newer version took over from, and how many of them were used again. */
  readonly superseded: number;
  readonly returned: number;
}

/** All that was learned of how images of one engine are used. */
export interface UseHabits {
  readonly host: HostHabit;
  readonly lineages: ReadonlyMap<string, LineageHabit>;
  /** Up to which minute of the idle clock the uses in history are learned; -1: none. */
  readonly learnedMinute: number;
}

/**
 * Before anything was learned. Of 2,478 updates that were measured 1.7 % were rolled back (eviction.md §1): one half of 30 is that, and soon
 * outweighed by what a host does itself.
 */
export const NO_HABITS: UseHabits = {
  host: { gaps: new Array<number>(GAP_BUCKETS).fill(0), superseded: 30, returned: 0.5, uses: 2, sameImageUses: 1 },
  lineages: new Map(),
  learnedMinute: -1,
};

/** Enough of an image ID to tell versions apart; whole ones would take most of what a lineage may take in the store (1 KiB). */
export function versionKey(image: ImageId): string {
  return image.slice(-VERSION_KEY_CHARACTERS);
}

/** How long a {@link versionKey} is, where the ID is as long. */
export const VERSION_KEY_CHARACTERS = 16;
