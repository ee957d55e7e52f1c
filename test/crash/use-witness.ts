import type { ImageId } from '../../src/model/brands.ts';
import { parseHold } from '../../src/model/hold.ts';
import type { MemoryEngine } from '../../src/runtime/memory/memory-engine.ts';

/** Sees everything that happens on an engine, and knows therefore what nobody may remove yet. */
export class UseWitness {
  /** What was removed against the rules, in words. */
  readonly faults: string[] = [];
  readonly removed: ImageId[] = [];
  readonly #engine: MemoryEngine;
  readonly #lastUsed = new Map<ImageId, number>();

  /** @param limitMs no image may go before it was unused for so long */
  constructor(engine: MemoryEngine, limitMs: number) {
    this.#engine = engine;
    engine.events.listen((told) => {
      if (told === null) return;
      const { kind, imageIds, at } = told.event;
      for (const id of imageIds) {
        if (kind === 'image-removed') this.#judge(id, at - limitMs);
        // names come and go while an image is held
        else if (kind !== 'image-tagged') this.#lastUsed.set(id, at);
      }
    });
  }

  #judge(id: ImageId, oldestMs: number): void {
    this.removed.push(id);
    const user = this.#engine.containers.values().find(({ imageId, mountedImageIds }) => imageId === id || mountedImageIds.includes(id));
    if (user !== undefined) this.faults.push(`${id} was removed although ${user.name} uses it`);
    const tooEarlyMs = (this.#lastUsed.get(id) ?? 0) - oldestMs;
    if (tooEarlyMs > 0) this.faults.push(`${id} was removed ${tooEarlyMs} ms too early`);
  }
}

/** What is wrong with the names of an engine: holds that are left, and names that images had before and have no more. */
export function findNameFaults(engine: MemoryEngine, before: ReadonlyMap<string, ImageId>): readonly string[] {
  const lost = [...before].filter(([name, id]) => engine.images.has(id) && engine.names.get(name) !== id);
  const holds = [...engine.names.keys()].filter((name) => parseHold(name) !== null);
  return [...lost.map(([name]) => `${name} is lost`), ...holds.map((name) => `${name} is left`)];
}

/** Every name that an engine was ever given, holds apart; the last owner counts. */
export function namesEverGiven(engine: MemoryEngine): ReadonlyMap<string, ImageId> {
  const given = new Map<string, ImageId>();
  const note = (): void => {
    for (const [name, id] of engine.names) if (parseHold(name) === null) given.set(name, id);
  };
  note();
  engine.events.listen(note);
  return given;
}
