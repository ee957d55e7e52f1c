import type { Bytes, DurationMs } from './brands.ts';
import type { Removal } from './plan.ts';
import type { Instant } from './use-record.ts';

/**
 * What became of one planned removal. All are expected outcomes; only `failed` means that something is wrong.
 *
 * - `removed`: the engine removed the image.
 * - `already-gone`: someone else had removed it.
 * - `in-use`: a container needs it by now.
 * - `changed`: its names are no longer those of the plan.
 * - `refused`: the engine declined; every name was given back.
 * - `failed`: an error, or a name that could not be given back.
 */
export const OUTCOME_KINDS = ['removed', 'already-gone', 'in-use', 'changed', 'refused', 'failed'] as const;

/** One of {@link OUTCOME_KINDS}. */
export type OutcomeKind = (typeof OUTCOME_KINDS)[number];

/** The outcome of one planned removal, with what a person needs to know of it. */
export interface Outcome {
  readonly kind: OutcomeKind;
  /** What happened; names what is missing when names were lost. Empty when there is nothing to add. */
  readonly message: string;
  /** Bytes of the layers that the engine says really went; null where it does not say. */
  readonly freedBytes: Bytes | null;
}

/** A removal about to be tried, stored before the first call, so that a crash can be repaired. */
export interface RemovalIntent extends Pick<Removal, 'imageId' | 'references' | 'digests' | 'rule' | 'freesBytes'> {
  /** The owner mark of the run that intends it. */
  readonly mark: string;
  readonly at: Instant;
  /** For how long the image was unused, as far as was known then; a use that is known later may be older than `at`. Absent: an earlier build wrote it. */
  readonly idleMs?: DurationMs | undefined;
  /** All names that are missing from here on may be missing because of us, without a hold that tells of it. */
  readonly isReleasing?: boolean | undefined;
}

/** One line of the removal history; names its digests so that the image can be pulled again. */
export interface RemovalEntry extends RemovalIntent {
  readonly outcome: OutcomeKind;
  readonly message: string;
}
