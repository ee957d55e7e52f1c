import type { Bytes, DurationMs, ImageId, WallMs } from './brands.ts';
import type { Container, Doubt } from './inventory.ts';
import type { Instant } from './use-record.ts';

/** Which rule caused a removal. */
export type RuleName = 'unused-for' | 'dangling' | 'disk' | 'free';

/** The reasons that only order, delay or limit removals, in order of precedence. */
export const DELAY_REASONS = [
  'too-young',
  'not-recorded',
  'held',
  'recently-used',
  'has-children',
  'capped',
  'target-reached',
  'no-rule',
] as const;

/**
 * Why an image is kept, in order of precedence: when several hold, the first is given. The same words stand in output,
 * metrics and documents (`docs/design.md` §9).
 */
export const KEEP_REASONS = [
  'doubt',
  'in-use',
  'sandbox',
  'pinned',
  'leased',
  'read-only',
  'protected',
  'rollback',
  'local',
  'unrestorable',
  ...DELAY_REASONS,
] as const;

/** One of {@link KEEP_REASONS}. */
export type KeepReason = (typeof KEEP_REASONS)[number];

/** Keep, with the one reason that counts. */
export interface KeepVerdict {
  readonly imageId: ImageId;
  readonly verdict: 'keep';
  readonly reason: KeepReason;
  /** One clause for a person: "container web (exited)". */
  readonly detail: string;
  /** When the verdict may change, on the wall clock; null is unknown. */
  readonly until: WallMs | null;
}

/** Remove, with the rule that asks for it. */
export interface RemoveVerdict {
  readonly imageId: ImageId;
  readonly verdict: 'remove';
  readonly reason: RuleName;
  readonly detail: string;
  readonly until: null;
}

/** Every image gets exactly one. */
export type Verdict = KeepVerdict | RemoveVerdict;

/** One removal, in the order it is to be carried out. */
export interface Removal {
  readonly imageId: ImageId;
  readonly references: readonly string[];
  readonly digests: readonly string[];
  readonly rule: RuleName;
  /** How long the image has not been used, on the idle clock. */
  readonly idleMs: DurationMs;
  /** What this removal frees after those before it; null when a layer's size is unknown. */
  readonly freesBytes: Bytes | null;
}

/** An exited container that is removed before any image; its images age from then on. */
export interface ContainerRemoval extends Pick<Container, 'id' | 'name' | 'labels'> {
  /** The images that nothing else needs. */
  readonly imageIds: readonly ImageId[];
  readonly endedForMs: DurationMs;
}

/** What the disk rule or `--free` asks of images; what the build cache gives up goes off it. */
export interface Target {
  /** Bytes to free; 0 when only a number of images is asked for. */
  readonly bytes: Bytes;
  /** Images to remove at least; 0 when only bytes are asked for. */
  readonly images: number;
  readonly reached: boolean;
}

/**
 * Bytes that stay, and why: each kept layer counts once, for the strongest reason among the images that need it. `other-data` is whatever
 * else lies on the filesystem of the images, writable layers of containers included.
 */
export interface HeldBytes {
  readonly reason: KeepReason | 'build-cache' | 'other-data';
  readonly bytes: Bytes;
}

/** What would be done now. Plain data: it prints, compares, stores and replays. */
export interface Plan {
  readonly at: Instant;
  /** False when a size that the plan needed is unknown. */
  readonly complete: boolean;
  /** Why nothing at all is removed; null when the plan stands. */
  readonly refusal: Doubt | null;
  readonly expectedFreedBytes: Bytes;
  readonly target: Target | null;
  /** What the engine's build cache holds, and what of it is pruned before any image goes; null is unknown. */
  readonly buildCache: { readonly sizeBytes: Bytes | null; readonly prunedBytes: Bytes } | null;
  readonly containers: readonly ContainerRemoval[];
  readonly removals: readonly Removal[];
  readonly verdicts: readonly Verdict[];
  readonly held: readonly HeldBytes[];
  /** Bytes that go as soon as `protect.local` is "no". */
  readonly heldByLocalBytes: Bytes;
}
