import type { IdleMs, ImageId, WallMs } from './brands.ts';
import type { Origin } from './inventory.ts';

/** One moment on both clocks: the idle clock, on which ages are counted, and the wall clock, for people. */
export interface Instant {
  readonly idleMs: IdleMs;
  readonly wallMs: WallMs;
}

/** Now, with whether the wall clock is known to be right; an end date passes only on a clock that is. */
export interface Now extends Instant {
  readonly isWallTrusted: boolean;
}

/** What is remembered of one image. Stamps only ever move forward. */
export interface UseRecord {
  readonly imageId: ImageId;
  readonly firstSeen: Instant;
  /** Null: sighted, but never seen in use. Its age then counts from `firstSeen`. */
  readonly lastUsed: Instant | null;
  /** How the image came here, once known; null before. */
  readonly origin: Origin | null;
  /** Names it had when last seen; they find the record again when a store changes all its IDs. */
  readonly references: readonly string[];
  readonly digests: readonly string[];
  /** Since when complete listings do not hold it; null while it is there. */
  readonly missingSince: Instant | null;
  /** A container needed it when last known. When a later look finds none, its end was missed, and it counts as used until then. */
  readonly isInUse: boolean;
}

/** All but the image and its first sight of a record that nothing more is known of. */
export const BLANK_RECORD = { lastUsed: null, origin: null, references: [], digests: [], missingSince: null, isInUse: false } as const;

/** The versions of one workload, or of one repository and tag stream. */
export interface Lineage {
  readonly name: string;
  readonly headImageId: ImageId;
  readonly previousImageId: ImageId | null;
  /** When the head took over. */
  readonly switchedAt: Instant;
  /** Whether the head has shown that it works; null is unknown. While it has not, the previous version is never removed. */
  readonly headConfirmed: boolean | null;
}

/** A person's wish to keep what a pattern names. */
export interface Pin {
  readonly pattern: string;
  readonly owner: string;
  readonly reason: string;
  /** Null: until it is taken back. */
  readonly until: WallMs | null;
}

/** The same pin as it is stored: who may take it back, and since when it stands. */
export interface StoredPin extends Pin {
  readonly createdAt: WallMs;
}

/**
 * How a use came to be known. `container`, `pull`, `tag`, `load` and `commit` are events of the engine; a `sighting` is a container found
 * in a listing, or one that was and is gone; a `build` is a new image on top of it; an `import` came from another program's record.
 */
export const USE_EVIDENCE = ['container', 'pull', 'tag', 'load', 'commit', 'sighting', 'build', 'import'] as const;

/** One of {@link USE_EVIDENCE}. */
export type UseEvidence = (typeof USE_EVIDENCE)[number];

/** One use as history shows it; uses of one image within a minute are one. */
export interface UseEntry {
  readonly imageId: ImageId;
  readonly references: readonly string[];
  readonly evidence: UseEvidence;
  readonly at: Instant;
}

/** All that is remembered of one engine's images. */
export interface UsageState {
  readonly records: ReadonlyMap<ImageId, UseRecord>;
  readonly lineages: ReadonlyMap<string, Lineage>;
  readonly failures: ReadonlyMap<ImageId, RemovalFailure>;
}

/** What one observation or one run changes in a {@link UsageState}; written in one transaction. */
export interface UsageChanges {
  readonly records: readonly UseRecord[];
  readonly forgotten: readonly ImageId[];
  readonly lineages: readonly Lineage[];
  readonly uses: readonly UseEntry[];
}

/** A removal that failed stays on the books and is tried again, ever less often. */
export interface RemovalFailure {
  readonly imageId: ImageId;
  /** Failures in a row, 1 or more. */
  readonly count: number;
  /** Not before this instant of the idle clock. */
  readonly retryAt: Instant;
  readonly message: string;
}
