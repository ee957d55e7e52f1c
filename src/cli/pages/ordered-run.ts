import type { CollectReport } from '../../collect/collection.ts';
import type { HostDaemon } from '../../daemon/host-daemon.ts';
import type { CollectOptions } from '../commands/collect.ts';
import { EXIT, outcomeOf } from '../output/error-text.ts';
import { addressesOf, type Desk } from '../session.ts';

/** A collection on one engine that a person ordered of the daemon, counted like any. @returns the exit status */
export async function runOrdered(desk: Desk, options: CollectOptions, daemon: HostDaemon): Promise<number> {
  // Loaded by the first order, because most daemons get none.
  const { runCollect } = await import('../commands/collect.ts');
  const reports: CollectReport[] = [];
  const world = { ...desk.world, noteReport: (report: CollectReport): void => void reports.push(report) };
  let status: number = EXIT.failed;
  const { ledger } = daemon.engineAt(addressesOf(desk)[0] ?? null).daemon;
  await ledger.run('ordered', world.readClock, async () => {
    status = await outcomeOf(() => runCollect({ ...desk, world }, options), world);
    const [report] = reports;
    if (report !== undefined) return { report, plan: report.plan };
    return status === EXIT.done ? 'nothing' : status === EXIT.keptBack ? 'refused' : 'failed';
  });
  return status;
}
