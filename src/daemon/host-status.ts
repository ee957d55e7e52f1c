import type { EngineStatus, HostProblem, HostStatus } from './daemon-status.ts';
import type { HealthProblem } from './health.ts';

/**
 * What is to be told of a host by what its engines tell: it is ready when all are, and what is wrong with one is wrong.
 *
 * @param own what is wrong, and concerns all
 */
export function combineStatus(engines: readonly EngineStatus[], own: readonly HealthProblem[]): HostStatus {
  const [only, second] = engines;
  const titles = engines.map(({ engine, address }) => engine ?? `${address} (away)`);
  return {
    isReady: only !== undefined && engines.every(({ isReady }) => isReady),
    isCollecting: engines.some(({ isCollecting }) => isCollecting),
    engine: second === undefined ? (only?.engine ?? null) : titles.join(', '),
    problems: [...own.map((problem) => ({ ...problem, engine: null })), ...problemsOf(engines)],
    lastRunAt: earliest(engines.map(({ lastRunAt }) => lastRunAt)),
    nextRunAt: earliest(engines.map(({ nextRunAt }) => nextRunAt)),
    engines,
  };
}

/** All engines have one store, so what is wrong with that is said once. */
function problemsOf(engines: readonly EngineStatus[]): readonly HostProblem[] {
  const all = engines.flatMap(({ address, problems }) =>
    problems.map((problem) => ({ ...problem, engine: problem.subject === 'store' ? null : address })),
  );
  return [...new Map(all.map((each) => [`${each.engine} ${each.subject} ${each.problem}`, each])).values()];
}

function earliest<Time extends number>(times: readonly (Time | null)[]): Time | null {
  return times.reduce((least, time) => (time !== null && (least === null || time < least) ? time : least), null);
}
