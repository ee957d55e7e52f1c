import type { DaemonStatus } from '../../daemon/daemon-status.ts';
import type { WallMs } from '../../model/brands.ts';
import { formatTime } from './rfc3339.ts';

/** What the daemon serves as its health. */
export function formatStatus(status: DaemonStatus): object {
  const time = (at: WallMs | null): string | null => (at === null ? null : formatTime(at));
  const { isReady, isCollecting, engine, problems, counts, lastRunAt, nextRunAt } = status;
  return {
    format: 'imagegc.status/1',
    ready: isReady,
    collecting: isCollecting,
    engine,
    problems,
    events: counts?.events ?? null,
    uses: counts?.uses ?? null,
    unwrittenUses: counts?.pending ?? null,
    lastRunAt: time(lastRunAt),
    nextRunAt: time(nextRunAt),
  };
}
