import type { ImageId } from '../../src/model/brands.ts';
import { OperatingError } from '../../src/model/error.ts';
import type { Policy } from '../../src/model/policy.ts';
import type { RemovalEntry, RemovalIntent } from '../../src/model/removal-record.ts';
import type { RemovalFailure } from '../../src/model/use-record.ts';
import type { MemoryCall, MemoryEngine } from '../../src/runtime/memory/memory-engine.ts';
import type { RemoveOutcome } from '../../src/runtime/runtime.ts';
import type { StoreCondition, StoreKey } from '../../src/store/store.ts';
import { type MapFile, MapStore } from '../worlds/map-store.ts';

/** One process that may remove images: a life of the daemon, or a person's `imagegc collect`. Killed, it still comes to its next pause; its calls and writes lead nowhere. */
export class Actor {
  readonly mark: string;
  readonly abort = new AbortController();
  isDead = false;
  /** The event behind which a daemon before this one has stored its place, so that this one can go on from there; null: none has. */
  watchedFrom: number | null = null;
  /** What it goes by, since its collection began. */
  policy: Policy;
  /** The steps of the world up to which it has seen the images, and the containers. */
  sawImages = 0;
  sawContainers = 0;
  /** The listing of containers that one image's fate was decided by: the last one before its names were read. */
  readonly sawUses = new Map<string, number>();
  /** The same of the names of one image, and of what one name points to. */
  readonly sawNames = new Map<string, number>();
  /** Events that it was told. */
  readonly told = new Set<number>();
  /** Its last write failed, so something it was told may wait. */
  isBehind = false;

  constructor(life: number, policy: Policy) {
    this.mark = `aaaaaaaa-${life.toString(36)}-1-1-${life.toString(36)}`;
    this.policy = policy;
  }
}

/** What an actor's calls meet on their way. */
export interface Surroundings {
  readonly engine: MemoryEngine;
  readonly file: MapFile;
  /** Around every call of the engine. Never resolves for whoever is dead. */
  atCall(actor: Actor, call: MemoryCall, phase: 'before' | 'after'): void | Promise<void>;
  /** Before and after every write. @throws OperatingError as a store does */
  atWrite(actor: Actor, phase: 'before' | 'after'): void;
  /** Removes by a name or an ID. */
  remove(actor: Actor, subject: string, work: () => RemoveOutcome): RemoveOutcome;
  /** Gives a name, which may belong to another image. */
  name(actor: Actor, image: ImageId, reference: string): void;
  /** @param file where they were written */
  noteIntents(actor: Actor, intents: readonly RemovalIntent[], file: MapFile): void;
  /** What a person reads in the history of removals. */
  hear(complaint: string): void;
}

/** An actor's own handle of the one store. */
export class ActorStore extends MapStore {
  readonly #actor: Actor;
  readonly #around: Surroundings;

  constructor(actor: Actor, around: Surroundings, condition: StoreCondition) {
    super(around.file, condition);
    this.#actor = actor;
    this.#around = around;
  }

  override isInPlace(): boolean {
    return this.file === this.#around.file;
  }

  override addIntents(key: StoreKey, intents: readonly RemovalIntent[]): void {
    super.addIntents(key, intents);
    this.#around.noteIntents(this.#actor, intents, this.file);
  }

  override finishRemovals(key: StoreKey, entries: readonly RemovalEntry[], failures: readonly RemovalFailure[]): void {
    const { removals } = this.file.shelf(key);
    const known = removals.length;
    super.finishRemovals(key, entries, failures);
    // Whoever is killed right after the write has told all the same.
    for (const { outcome, message } of removals.slice(known)) if (outcome === 'failed') this.#around.hear(message);
  }

  protected override write(work: () => void): void {
    this.#actor.isBehind = true;
    this.#around.atWrite(this.#actor, 'before');
    if (this.#actor.isDead) return;
    work();
    this.#actor.isBehind = false;
    this.#around.atWrite(this.#actor, 'after');
  }
}

/** The engine as one actor sees it: its calls can be told from others', and fail with it. */
export function engineSeenBy(actor: Actor, around: Surroundings): MemoryEngine {
  const { engine } = around;
  const events = seen(engine.events, {
    listen: (listener) =>
      engine.events.listen((event) => {
        if (actor.isDead) return;
        if (event !== null) actor.told.add(event.number);
        listener(event);
      }),
    // Whatever the engine remembers could have been asked for.
    since: (number) => {
      const told = engine.events.since(number);
      for (const event of actor.watchedFrom === null ? told : engine.events.since(actor.watchedFrom)) actor.told.add(event.number);
      return told;
    },
  });
  return seen(engine, {
    events,
    onCall: (call, phase) => around.atCall(actor, call, phase),
    removeName: (reference) => around.remove(actor, reference, () => engine.removeName(reference)),
    tag: (image, reference) => around.name(actor, image, reference),
    removeImage: (id) => around.remove(actor, id, () => engine.removeImage(id)),
  });
}

/** A thing with some of its members replaced. */
export function seen<Thing extends object>(thing: Thing, replaced: Partial<Thing>): Thing {
  const bound = new Map<PropertyKey, unknown>(Object.entries(replaced));
  return new Proxy(thing, {
    get: (target, property) => {
      if (bound.has(property)) return bound.get(property);
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      const method: unknown = value.bind(target);
      bound.set(property, method);
      return method;
    },
  });
}

/** An engine that does not answer. */
export function engineGone(): OperatingError {
  return new OperatingError({ kind: 'engine-unreachable', operation: 'ask', subject: 'memory engine', problem: 'gone', hint: null });
}

/** A store on a full disk. */
export function storeFull(path: string): OperatingError {
  return new OperatingError({ kind: 'disk-full', operation: 'write the store', subject: path, problem: 'no space left', hint: null });
}

/** What whoever is dead waits for. */
export function never(): Promise<never> {
  return Promise.withResolvers<never>().promise;
}
