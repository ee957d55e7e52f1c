import type { ContainerId } from '../model/brands.ts';
import type { EndedContainer } from '../model/ended-container.ts';
import { inFlight } from '../model/in-flight.ts';
import type { Container } from '../model/inventory.ts';
import type { ContainerRemoval, Plan } from '../model/plan.ts';
import type { Outcome } from '../model/removal-record.ts';
import type { Instant } from '../model/use-record.ts';
import { mayBeDone } from '../plan/ended-containers.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Store } from '../store/store.ts';
import { idleSince } from '../usage/idle-clock.ts';

/** What became of one planned removal of a container. */
export interface ContainerResult {
  readonly removal: ContainerRemoval;
  readonly outcome: Pick<Outcome, 'kind' | 'message'>;
}

/** An engine answers so many questions at once about as fast as one. */
const ASKED_AT_ONCE = 8;

/** What {@link noteEnded} works with. */
export interface EndedContext {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly key: string;
  readonly mayWrite: boolean;
}

/**
 * Asks of each exited container whether it has ended for good, and remembers since when it was seen so: its age is counted on the idle
 * clock, from the first look that found it. One that is gone, or ran meanwhile, is forgotten.
 *
 * @returns the same containers, with how long they have ended
 */
export async function noteEnded(
  containers: readonly Container[],
  now: Instant,
  { runtime, store, key, mayWrite }: EndedContext,
): Promise<readonly Container[]> {
  const ends = await readEnds(containers.filter(mayBeDone), runtime);
  const note = (): ReadonlyMap<ContainerId, EndedContainer> => {
    const known = store.readEnded(key);
    const asOf = (id: ContainerId, end: string): EndedContainer => {
      const before = known.get(id);
      return before?.end === end ? before : { end, since: now };
    };
    const all = new Map([...ends].map(([id, end]) => [id, asOf(id, end)]));
    const isChanged = all.size !== known.size || [...all].some(([id, each]) => known.get(id) !== each);
    if (mayWrite && isChanged) store.writeEnded(key, all);
    return all;
  };
  const ended = mayWrite ? store.atomically(note) : note();
  return containers.map((container) => {
    const since = ended.get(container.id)?.since;
    return since === undefined ? container : { ...container, endedForMs: idleSince(since.idleMs, now.idleMs) };
  });
}

async function readEnds(containers: readonly Container[], runtime: Runtime): Promise<ReadonlyMap<ContainerId, string>> {
  const ends = new Map<ContainerId, string>();
  await inFlight(containers, ASKED_AT_ONCE, async ({ id }) => {
    const end = await runtime.readEnd(id);
    if (end !== null) ends.set(id, end);
  });
  return ends;
}

/**
 * Removes the exited containers of a plan, each looked at again right before: one that ran since, or is to be started again by something, stays. The
 * engine itself refuses one that runs.
 */
export async function removeContainers({ containers }: Plan, { runtime, store, key }: EndedContext): Promise<readonly ContainerResult[]> {
  if (containers.length === 0) return [];
  const known = store.readEnded(key);
  const results: ContainerResult[] = [];
  for (const removal of containers) {
    const end = await runtime.readEnd(removal.id);
    const isSame = end !== null && end === known.get(removal.id)?.end;
    results.push({ removal, outcome: isSame ? await removeOne(removal, runtime) : CHANGED });
  }
  return results;
}

const CHANGED = { kind: 'changed', message: 'it ran again, or is to be started again, or is gone' } as const;

async function removeOne({ id }: ContainerRemoval, runtime: Runtime): Promise<ContainerResult['outcome']> {
  const outcome = await runtime.removeContainer(id);
  if (outcome.kind === 'done') return { kind: 'removed', message: '' };
  return outcome.kind === 'gone' ? { kind: 'already-gone', message: '' } : outcome;
}
