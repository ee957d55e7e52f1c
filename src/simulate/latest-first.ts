/** A queue that gives the latest first: a binary heap in two flat lists. What it holds is never changed; whoever takes something judges if it still holds. */
export class LatestFirst {
  readonly #items: number[] = [];
  readonly #times: number[] = [];

  add(item: number, at: number): void {
    let place = this.#items.length;
    for (; place > 0; ) {
      const parent = (place - 1) >> 1;
      if ((this.#times[parent] ?? 0) >= at) break;
      this.#move(parent, place);
      place = parent;
    }
    this.#items[place] = item;
    this.#times[place] = at;
  }

  /** @returns null when nothing is left */
  takeLatest(): { readonly item: number; readonly at: number } | null {
    const item = this.#items[0];
    const at = this.#times[0];
    const lastItem = this.#items.pop();
    const lastTime = this.#times.pop();
    if (item === undefined || at === undefined || lastItem === undefined || lastTime === undefined) return null;
    if (this.#items.length > 0) this.#sink(lastItem, lastTime);
    return { item, at };
  }

  clear(): void {
    this.#items.length = 0;
    this.#times.length = 0;
  }

  #sink(item: number, at: number): void {
    let place = 0;
    for (let child = 1; child < this.#items.length; child = 2 * place + 1) {
      if ((this.#times[child + 1] ?? -1) > (this.#times[child] ?? 0)) child += 1;
      if ((this.#times[child] ?? 0) <= at) break;
      this.#move(child, place);
      place = child;
    }
    this.#items[place] = item;
    this.#times[place] = at;
  }

  #move(from: number, to: number): void {
    this.#items[to] = this.#items[from] ?? 0;
    this.#times[to] = this.#times[from] ?? 0;
  }
}
