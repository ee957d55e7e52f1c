import type { HostStatus } from '../../daemon/daemon-status.ts';
import type { DaemonSettings } from '../../daemon/daemon-tools.ts';
import type { HostDaemon } from '../../daemon/host-daemon.ts';
import type { HttpAnswer, HttpRoutes } from '../../daemon/http-server.ts';
import { formatStatus } from '../forms/status-form.ts';
import { VERSION } from '../version.ts';
import type { World } from '../world.ts';

const MICROSECONDS = 1_000_000;
/** Whoever is asked for ever shall not grow with it; to give memory back takes as long as a few answers. */
const SCRAPES_PER_RELEASE = 10;

/** What the daemon tells of itself to whoever watches over it: health, readiness, metrics. */
export function healthPages(
  daemon: HostDaemon,
  settings: () => DaemonSettings,
  { releaseMemory }: Pick<World, 'releaseMemory'>,
): HttpRoutes {
  let scrapes = 0;
  const startedAtSeconds = Math.floor(Date.now() / 1_000 - process.uptime());
  const answerIf = (isWell: (status: HostStatus) => boolean) => (): HttpAnswer => {
    const status = daemon.status();
    return { status: isWell(status) ? 200 : 503, body: formatStatus(status) };
  };
  return {
    '/healthz': answerIf(({ problems }) => problems.length === 0),
    '/readyz': answerIf(({ isReady }) => isReady),
    '/metrics': async () => {
      // Loaded by the first who asks: most daemons are asked by nobody.
      const { formatMetrics } = await import('../../daemon/metrics.ts');
      scrapes += 1;
      if (scrapes % SCRAPES_PER_RELEASE === 0) setImmediate(releaseMemory);
      const { user, system } = process.cpuUsage();
      const own = { rssBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / MICROSECONDS, startedAtSeconds };
      const engines = daemon.engines.map((each) => ({ address: each.address, status: each.daemon.status(), ledger: each.daemon.ledger }));
      const facts = { engines, problems: daemon.status().problems, rule: settings().policy.disk, version: VERSION, process: own };
      return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: formatMetrics(facts) };
    },
  };
}
