import type { EngineClient } from './engine-client.ts';
import { CursorKeeper, cursorAt, type EventResolver, type RawEvent } from './engine-events.ts';
import { GroupReader } from './group-reader.ts';
import type { EventWatcher } from './runtime.ts';

/** How one engine tells of its events. */
export interface EventSource {
  readonly client: EngineClient;
  readonly resolver: EventResolver;
  /** The path that streams events, beginning where the watcher wants it. */
  readonly path: string;
  readonly parse: (line: string) => RawEvent | null;
  /** By so much an event may be told after a later one. */
  readonly lagNano: bigint;
  /** Leaves out what did not happen after all. */
  readonly verify: (raws: readonly RawEvent[]) => Promise<readonly RawEvent[]>;
}

/** Follows an engine's stream of events as `Runtime.watch()` promises. */
export async function watchEvents(source: EventSource, { since, signal, onOpen, onEvents }: EventWatcher): Promise<void> {
  const broken = new AbortController();
  const keeper = new CursorKeeper(since, source.lagNano);
  // Lines that arrive while names are looked up wait, and are then one group.
  const reader = new GroupReader<RawEvent>(async (raws) => {
    const fresh = raws.filter((raw) => keeper.pass(raw));
    if (fresh.length > 0) onEvents(await source.resolver.resolve(await source.verify(fresh)), keeper.cursor());
  });
  const onLines = (lines: readonly string[]): void => {
    reader.add(lines.map(source.parse).filter((event) => event !== null)).catch((error: unknown) => broken.abort(error));
  };
  const opened = (date: string | undefined): void => onOpen(since ?? cursorAt(date));
  await source.client.stream(source.path, { signal: AbortSignal.any([signal, broken.signal]), onOpen: opened, onLines });
  if (broken.signal.aborted) throw broken.signal.reason;
}
