/** What is durable of something on a disk, and the changes since, of which a power cut may lose any. */
export class UnsyncedChanges<Content, Change> {
  readonly #apply: (content: Content, changes: readonly Change[]) => Content;
  #synced: Content;
  #pending: Change[] = [];

  /** @param apply changes to a content, which stays as it is */
  constructor(synced: Content, apply: (content: Content, changes: readonly Change[]) => Content) {
    this.#synced = synced;
    this.#apply = apply;
  }

  get isSynced(): boolean {
    return this.#pending.length === 0;
  }

  get pending(): readonly Change[] {
    return this.#pending;
  }

  add(change: Change): void {
    this.#pending.push(change);
  }

  sync(): void {
    if (this.isSynced) return;
    this.#synced = this.whole();
    this.#pending = [];
  }

  /** After a power cut that lost all it could. */
  synced(): Content {
    return this.#synced;
  }

  /** As a process sees it; after one was killed too. */
  whole(): Content {
    return this.with(this.#pending);
  }

  /** After a power cut that left these changes only. */
  with(changes: readonly Change[]): Content {
    return this.#apply(this.#synced, changes);
  }
}
