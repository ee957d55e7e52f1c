import { createHash } from 'node:crypto';
import type { Store } from '../../src/store/store.ts';
import { KEY } from '../worlds/daemon-world.ts';

/** History is compared as far back as this: all of it would be read again for every acknowledgement. */
const NEWEST = 400;

/** What a store holds of the memory engine, as one text: equal texts, equal stores. */
function describeStore(store: Store): string {
  const { records, lineages, failures } = store.readUsage(KEY);
  const { layersByImage, sizeByLayer } = store.readLayerFacts(KEY);
  return JSON.stringify({
    clock: store.readClock(),
    watch: store.readWatchState(KEY),
    pins: store.listPins(),
    records: sorted(records),
    lineages: sorted(lineages),
    failures: sorted(failures),
    intents: sorted(new Map(store.readIntents(KEY).map((intent) => [intent.imageId, intent]))),
    removals: store.readRemovals(KEY, NEWEST),
    uses: store.readUses(KEY, NEWEST),
    layers: [sorted(layersByImage), sorted(sizeByLayer)],
  });
}

/** The same in few bytes. */
export function digestStore(store: Store): string {
  return createHash('sha1').update(describeStore(store)).digest('hex');
}

function sorted(map: ReadonlyMap<string, unknown>): readonly unknown[] {
  return [...map].toSorted(([left], [right]) => (left < right ? -1 : 1));
}

const WRITES: ReadonlySet<string> = new Set([
  ...['writeClock', 'writeUsage', 'writeWatchState', 'addLayerFacts', 'putPin', 'removePin'],
  ...['addIntents', 'finishRemovals', 'dropIntents'],
]);

/** A store that calls `acknowledge` whenever a write has returned, and `around` before and after every call. */
export function acknowledging(store: Store, acknowledge: (store: Store, write: string) => void, around = (): void => undefined): Store {
  /** What was written in a step that is under way. */
  let step: string[] | null = null;
  return new Proxy(store, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      return (...given: readonly unknown[]): unknown => {
        around();
        const isStep = property === 'atomically';
        if (isStep) step = [];
        const answer: unknown = Reflect.apply(value, target, given);
        const written: readonly string[] = isStep ? (step ?? []) : WRITES.has(String(property)) ? [String(property)] : [];
        if (isStep) step = null;
        if (step !== null) step.push(...written);
        else if (written.length > 0) acknowledge(target, written.join('+'));
        around();
        return answer;
      };
    },
  });
}
