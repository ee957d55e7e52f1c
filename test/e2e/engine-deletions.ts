/** Which images an engine deletes, and when, as it tells itself: read past the product. */
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import * as v from 'valibot';
import type { LabEngine } from '../lab/lab.ts';

/** One image that is gone. */
export interface Deletion {
  readonly imageId: string;
  /** When it lost its last name, in milliseconds since 1970: the engine tells that it is gone when its layers are, too. */
  readonly atMs: number;
}

const told = v.object({
  Action: v.string(),
  Actor: v.object({ ID: v.string(), Attributes: v.optional(v.nullable(v.record(v.string(), v.string())), null) }),
  timeNano: v.number(),
});
const FILTERS = JSON.stringify({ type: ['image'], event: ['delete', 'tag', 'untag', 'load', 'pull'] });
const HOLD = /:imagegc\.hold\./;
const NANOSECONDS_PER_MS = 1_000_000;

/** A follower that goes on over restarts of the engine. */
export interface DeletionFollower extends AsyncDisposable {
  readonly deletions: () => readonly Deletion[];
  /** How many names of ours were put on to hold an image. */
  readonly holds: () => number;
  /** When an image lost a name last, in milliseconds since 1970. */
  readonly unnamedMs: (imageId: string) => number | undefined;
  /** When the last of these was told, in milliseconds since 1970: all that was before it was told, too. */
  readonly broughtMs: (kind: 'load' | 'pull') => number | undefined;
}

/** Follows from now on. What an engine deletes in the moment in which it is killed it may tell nobody. */
export function followDeletions(engine: LabEngine): DeletionFollower {
  const since = Math.floor(Date.now() / 1_000);
  const seen = new Map<string, Deletion>();
  const holds = new Set<number>();
  const unnamed = new Map<string, number>();
  const brought = new Map<string, number>();
  const closing = new AbortController();
  const take = (line: string): void => {
    const { Action, Actor, timeNano } = v.parse(told, JSON.parse(line));
    const atMs = timeNano / NANOSECONDS_PER_MS;
    if (Action === 'delete') seen.set(`${Actor.ID} ${timeNano}`, { imageId: Actor.ID, atMs: unnamed.get(Actor.ID) ?? atMs });
    else if (Action === 'untag') unnamed.set(Actor.ID, atMs);
    else if (Action !== 'tag') brought.set(Action, atMs);
    else if (HOLD.test(Actor.Attributes?.['name'] ?? '')) holds.add(timeNano);
  };
  const follow = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await readOnce(engine.socketPath, `/events?since=${since}&filters=${encodeURIComponent(FILTERS)}`, closing.signal, take);
      const { promise, resolve } = Promise.withResolvers<void>();
      // waits: the engine is down
      setTimeout(resolve, 20);
      await promise;
    }
  };
  const ended = follow();
  return {
    deletions: () => [...seen.values()],
    holds: () => holds.size,
    unnamedMs: (imageId) => unnamed.get(imageId),
    broughtMs: (kind) => brought.get(kind),
    async [Symbol.asyncDispose]() {
      closing.abort();
      await ended;
    },
  };
}

/** Until the connection breaks, whatever breaks it. */
async function readOnce(socketPath: string, path: string, signal: AbortSignal, take: (line: string) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const asked = request({ socketPath, path, agent: false, signal }, (answer) => {
    answer.on('error', () => undefined).on('close', resolve);
    const lines = createInterface({ input: answer });
    lines.on('error', () => undefined).on('line', take);
  });
  asked.on('error', () => resolve()).end();
  await promise;
}
