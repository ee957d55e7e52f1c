import type { CollectContext } from '../collect/collection.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Store } from '../store/store.ts';
import type { Log } from './log.ts';
import type { Schedule } from './schedule.ts';

/** What of the settings the daemon works by; a reload puts others in their place. */
export interface DaemonSettings extends Pick<CollectContext, 'policy' | 'paceMs' | 'findWorkloads' | 'askRegistry'> {
  readonly enabled: boolean;
  readonly schedule: Schedule;
}

/** Everything around the daemon. */
export interface DaemonTools extends Pick<CollectContext, 'readClock' | 'wait' | 'makeMark' | 'judgeOwner' | 'settleMs'> {
  readonly settings: () => DaemonSettings;
  /** What tells this host from all others; null: the engine's own ID has to. */
  readonly machineId: string | null;
  /** @throws OperatingError when no engine answers */
  readonly openRuntime: () => Promise<Runtime>;
  /** @throws OperatingError when the store cannot be had */
  readonly openStore: () => Store;
  /** Whether no other engine of this host is collected on now. */
  readonly mayCollect: () => boolean;
  /** @throws OperatingError `lock-held` that says who holds it */
  readonly lockEngine: (runtime: Runtime) => Promise<Disposable>;
  /** Gives back the memory that the work of a moment took, where the launcher has provided for it. */
  readonly releaseMemory: () => void;
  readonly log: Log;
}
