import { OperatingError } from '../../model/error.ts';
import { controlPath } from '../daemon-client.ts';
import type { Desk } from '../session.ts';

/** `imagegc dashboard`: asks the daemon for the address of its page, and for the token. @throws OperatingError where no daemon answers */
export async function runDashboard({ world, loaded, options: { json } }: Desk): Promise<number> {
  const path = controlPath(loaded.settings['store.path']);
  const status = await world.askDaemon(path, { do: 'dashboard', json }, world);
  if (status !== null) return status;
  const hint = 'start "imagegc daemon"; only who may open its socket is told';
  throw new OperatingError({ kind: 'permission', operation: 'ask the daemon', subject: path, problem: 'no daemon answers there', hint });
}
