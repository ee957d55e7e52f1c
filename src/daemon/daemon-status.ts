import type { WallMs } from '../model/brands.ts';
import type { HealthProblem } from './health.ts';
import type { RecorderCounts } from './use-recorder.ts';

/** What the daemon says of itself. */
export interface DaemonStatus {
  /** Whether an engine is watched, and everything on it was looked at once. */
  readonly isReady: boolean;
  readonly engine: string | null;
  readonly problems: readonly HealthProblem[];
  readonly counts: RecorderCounts | null;
  readonly isCollecting: boolean;
  readonly lastRunAt: WallMs | null;
  readonly nextRunAt: WallMs | null;
}
