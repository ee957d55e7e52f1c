import type { DaemonStatus, HostStatus } from '../../daemon/daemon-status.ts';
import type { WallMs } from '../../model/brands.ts';
import { formatTime } from './rfc3339.ts';

/**
 * What the daemon serves as its health: that of all engines together, and of each.
 *
 * @param shown address of the engine that a page shows, which needs no way to get there; null: there is no page
 */
export function formatStatus(status: HostStatus, shown: string | null = null): object {
  const { isReady, isCollecting, engine, problems, engines } = status;
  return {
    format: 'imagegc.status/1',
    ready: isReady,
    collecting: isCollecting,
    engine,
    problems,
    events: sumOf(engines, 'events'),
    uses: sumOf(engines, 'uses'),
    unwrittenUses: sumOf(engines, 'pending'),
    ...formatRuns(status),
    engines: engines.map((each) => ({
      address: each.address,
      engine: each.engine,
      ready: each.isReady,
      collecting: each.isCollecting,
      ...formatRuns(each),
      ...(shown !== null && { page: each.address === shown ? null : `?engine=${encodeURIComponent(each.address)}` }),
    })),
  };
}

/** @returns null while none of them is connected */
function sumOf(engines: HostStatus['engines'], count: 'events' | 'uses' | 'pending'): number | null {
  const known = engines.flatMap(({ counts }) => counts?.[count] ?? []);
  return known.length === 0 ? null : known.reduce((sum, each) => sum + each, 0);
}

function formatRuns({ lastRunAt, nextRunAt }: Pick<DaemonStatus, 'lastRunAt' | 'nextRunAt'>): object {
  const time = (at: WallMs | null): string | null => (at === null ? null : formatTime(at));
  return { lastRunAt: time(lastRunAt), nextRunAt: time(nextRunAt) };
}
