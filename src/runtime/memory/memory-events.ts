import type { EngineEvent } from '../../model/engine-event.ts';

/** As many events as Docker keeps, of any kind (engines.md §5). */
const KEPT_MAX = 256;

/** One event with its place in the stream. */
export interface NumberedEvent {
  readonly number: number;
  readonly event: EngineEvent;
}

/** Who listens; told `null` when the engine ends the stream. */
export type EventListener = (event: NumberedEvent | null) => void;

/** What a {@link MemoryEngine} tells as it happens, and what it remembers of it. */
export class MemoryEvents {
  #kept: NumberedEvent[] = [];
  #count = 0;
  readonly #listeners = new Set<EventListener>();

  emit(event: EngineEvent): void {
    const numbered = { number: ++this.#count, event };
    this.#kept.push(numbered);
    if (this.#kept.length > KEPT_MAX) this.#kept.shift();
    for (const listener of this.#listeners) listener(numbered);
  }

  /** What is still remembered from behind a number on; from now on with null. */
  since(number: number | null): readonly NumberedEvent[] {
    return number === null ? [] : this.#kept.filter((kept) => kept.number > number);
  }

  /** The last number given. */
  get count(): number {
    return this.#count;
  }

  listen(listener: EventListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  /** Ends every stream; a restarted engine has forgotten its events, one whose connection broke has not. */
  breakStreams({ isForgotten }: { readonly isForgotten: boolean }): void {
    if (isForgotten) this.#kept = [];
    for (const listener of [...this.#listeners]) listener(null);
  }
}
