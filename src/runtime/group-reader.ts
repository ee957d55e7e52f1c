/**
 * Hands items over in groups, in order: what arrives while one group is worked on is the next. After an error nothing more is handed
 * over.
 */
export class GroupReader<Item> {
  readonly #work: (items: readonly Item[]) => Promise<void>;
  #waiting: Item[] = [];
  #working: Promise<void> | null = null;
  #isBroken = false;

  constructor(work: (items: readonly Item[]) => Promise<void>) {
    this.#work = work;
  }

  /** @returns when all that was added up to now has been worked on @throws the first error */
  add(items: readonly Item[]): Promise<void> {
    if (this.#isBroken || items.length === 0) return this.#working ?? Promise.resolve();
    this.#waiting.push(...items);
    this.#working ??= this.#drain();
    return this.#working;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#work(group);
      } catch (error) {
        this.#isBroken = true;
        this.#waiting = [];
        throw error;
      }
    }
    // In the same breath as the last look at what waits: an item added from here on begins a new group.
    this.#working = null;
  }
}
