import { OperatingError } from '../../model/error.ts';
import { type EngineLock, type HeldBy, isHeld } from '../../runtime/engine-lock.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { Desk } from '../session.ts';
import type { World } from '../world.ts';

/** Takes the engine's lock. @throws OperatingError `lock-held` that says who holds it */
export async function lockFor(world: World, { identity }: Runtime): Promise<Disposable> {
  const hint = 'wait until it has finished; nothing was removed by this run';
  const told = { operation: 'collect', subject: identity.title, hint };
  return keepLock(await world.lockEngine(identity.engineId), 'is collecting on this engine', told);
}

/** Keeps a lock until it is disposed of. @param does of whoever else holds it. @throws OperatingError `lock-held` that says who does */
export function keepLock(
  lock: EngineLock | HeldBy,
  does: string,
  told: Pick<OperatingError, 'operation' | 'subject' | 'hint'>,
): Disposable {
  if (!isHeld(lock)) return { [Symbol.dispose]: () => lock.release() };
  throw new OperatingError({ kind: 'lock-held', ...told, problem: `${describeHolder(lock)} ${does}` });
}

/** The lock that a daemon holds on its store for as long as it runs. */
export function lockStore({ world, loaded }: Desk): Promise<EngineLock | HeldBy> {
  return world.lockEngine(`daemon of the store ${loaded.settings['store.path']}`);
}

/** Says who holds a lock, as far as it told. */
export function describeHolder({ pid, command, startedAt }: HeldBy): string {
  return pid === null ? 'another process' : `process ${pid} (${command ?? 'unknown command'}), since ${startedAt ?? 'unknown'},`;
}
