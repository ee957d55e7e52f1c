import { type CollectContext, type CollectReport, carryOut, prepareCollection } from '../../src/collect/collection.ts';
import type { Repair } from '../../src/collect/repair.ts';
import { durationMs, type ImageId, wallMs } from '../../src/model/brands.ts';
import type { ClockReading } from '../../src/model/clock.ts';
import type { OwnerState } from '../../src/model/hold.ts';
import { planCollection } from '../../src/plan/plan-collection.ts';
import { MemoryEngine } from '../../src/runtime/memory/memory-engine.ts';
import { openMemory } from '../../src/runtime/memory/memory-runtime.ts';
import { openMemoryStore } from '../../src/store/open-sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { DAY_MS, NOW_MS, POLICY } from './world.ts';

const MARKS = { first: 'aaaaaaaa-1-1-1-1', later: 'aaaaaaaa-2-1-2-2' } as const;

/** The memory engine with a collector beside it, whose clock a test moves. */
export interface CollectWorld {
  readonly engine: MemoryEngine;
  store: Store;
  /** Days since the world began, all of them with the host on. */
  day: number;
  /** Which run collects; a hold of `first` has a dead owner once `later` runs. */
  run: keyof typeof MARKS;
  judge: (mark: string) => OwnerState;
  readonly policy: CollectContext['policy'];
  readonly signal: AbortController;
}

/** Makes a world of no images, on its first day. */
export function collectWorld(policy: Partial<CollectContext['policy']> = {}, holds = true): CollectWorld {
  const world: CollectWorld = {
    engine: new MemoryEngine({ capacityBytes: 1e12, holds }),
    store: openMemoryStore(),
    day: 0,
    run: 'first',
    judge: (mark) => (mark === MARKS[world.run] ? 'own' : 'dead'),
    policy: { ...POLICY, ...policy },
    signal: new AbortController(),
  };
  return world;
}

/** Adds a pulled image of two layers, one of them shared by all. */
export function addImage({ engine }: CollectWorld, name: string, references: readonly string[], digests: readonly string[] = []): ImageId {
  return engine.addImage({
    layers: [
      ['base', 1000],
      [name, 10],
    ],
    references,
    digests,
  });
}

/** A digest that looks like one. */
export function digestOf(name: string): string {
  return `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64)}`;
}

/** What a collection of the world works with. */
export function contextOf(world: CollectWorld): CollectContext {
  return {
    runtime: openMemory(world.engine, () => wallMs(NOW_MS + world.day * DAY_MS)),
    store: world.store,
    mayWrite: true,
    policy: world.policy,
    readClock: () => clockAt(world.day),
    freeBytes: null,
    decide: planCollection,
    makeMark: () => MARKS[world.run],
    judgeOwner: world.judge,
    wait: () => Promise.resolve(),
    settleMs: durationMs(0),
    paceMs: durationMs(0),
    signal: world.signal.signal,
    onBatch: () => undefined,
  };
}

function clockAt(day: number): ClockReading {
  const sinceMs = day * DAY_MS;
  return {
    bootId: 'boot',
    bootTimeMs: durationMs(sinceMs),
    suspendedMs: durationMs(0),
    wallMs: wallMs(NOW_MS + sinceMs),
    isSynchronised: true,
  };
}

/** One whole collection. */
export async function collect(
  world: CollectWorld,
  change: Partial<CollectContext> = {},
): Promise<CollectReport & { repairs: readonly Repair[] }> {
  const context = { ...contextOf(world), ...change };
  const { look, repairs } = await prepareCollection(context);
  return { ...(await carryOut(look, context)), repairs };
}

/** Looks at everything for the first time, then lets eight days pass. */
export async function age(world: CollectWorld): Promise<void> {
  await prepareCollection(contextOf(world));
  world.day += 8;
}

/** Every name and what it points to. */
export function namesOf({ engine }: CollectWorld): Readonly<Record<string, string>> {
  return Object.fromEntries([...engine.names].toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

/** The outcome of each removal that was tried, by the image's first name. */
export function outcomesOf({ results }: CollectReport): Readonly<Record<string, string>> {
  return Object.fromEntries(results.map(({ removal, outcome }) => [removal.references[0] ?? removal.imageId, outcome.kind]));
}
