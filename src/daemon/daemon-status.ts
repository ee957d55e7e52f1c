import type { WallMs } from '../model/brands.ts';
import type { HealthProblem } from './health.ts';
import type { RecorderCounts } from './use-recorder.ts';

/** What the daemon says of itself, and of the one engine that it watches. */
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

/** The same of one engine among several. */
export interface EngineStatus extends DaemonStatus {
  /** `unix:///var/run/docker.sock` */
  readonly address: string;
}

/** Something that is wrong on a host. */
export interface HostProblem extends HealthProblem {
  /** The address of the engine with which it is wrong; null: it concerns all. */
  readonly engine: string | null;
}

/** What is to be told of all engines of a host. */
export interface HostStatus extends Omit<DaemonStatus, 'counts'> {
  /** In the order in which they were found; empty: none was. */
  readonly engines: readonly EngineStatus[];
  readonly problems: readonly HostProblem[];
}
