import type { Bytes, DurationMs } from './brands.ts';
import type { LabelPattern, ReferencePattern } from './pattern.ts';

/**
 * The order in which images go. `next-use`: the least likely to be needed soon first, by what was learned of this host (`docs/policy.md`);
 * `lru`: the longest unused first.
 */
export type RemovalOrder = 'next-use' | 'lru';

/** When the image filesystem is too full, and how far to free it. A null key is off. Fractions lie in (0, 1]. */
export interface DiskRule {
  readonly highFraction: number | null;
  readonly lowFraction: number | null;
  readonly highInodesFraction: number | null;
  readonly lowInodesFraction: number | null;
  readonly maxImageBytes: Bytes | null;
  readonly minFreeBytes: Bytes | null;
  /** Images that may stay; null is no limit. */
  readonly maxImages: number | null;
}

/** What is never removed, or only last. */
export interface Protection {
  readonly references: readonly ReferencePattern[];
  readonly labels: readonly LabelPattern[];
  /** Used versions per lineage kept beside the current one. */
  readonly keepLast: number;
  readonly keepLastForMs: DurationMs | 'always';
  readonly local: 'keep' | 'last' | 'no';
  /** `check`: a pulled image goes only when its registry has said that it can be pulled again. */
  readonly restorable: 'assume' | 'check';
}

/** All that decides, made from the settings. A null duration: the rule is off ("never"). */
export interface Policy {
  readonly scope: 'all' | 'recorded';
  readonly unusedForMs: DurationMs | null;
  readonly danglingUnusedForMs: DurationMs | null;
  /** The engine's build cache is pruned of what it has not used for so long; by the engine, on its own clock. */
  readonly buildCacheUnusedForMs: DurationMs | null;
  /** Containers that ended so long ago, and hold images, are removed. */
  readonly containersExitedForMs: DurationMs | null;
  /** Grace since first seen and since last use; binds every rule. */
  readonly minAgeMs: DurationMs;
  /** Per run; 0 is no cap. */
  readonly maxRemovals: number;
  readonly order: RemovalOrder;
  readonly disk: DiskRule;
  readonly protect: Protection;
}
