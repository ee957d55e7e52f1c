import type { WallMs } from '../model/brands.ts';
import type { KeepReason } from '../model/plan.ts';

/**
 * One reason that keeps an image. `always`: no rule takes it. `age-rules`: the age rules leave it, and a target takes it,
 * `last` in the tier given.
 */
export interface Hold {
  readonly reason: KeepReason;
  readonly detail: string;
  readonly until: WallMs | null;
  readonly binds: 'always' | 'age-rules';
}

/** Ordinary images go first, then confirmed previous versions, then those that no registry can give back. */
export const TIERS = { ordinary: 0, rollback: 1, local: 2 } as const;
