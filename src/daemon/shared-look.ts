import type { Look } from '../collect/look.ts';
import { OperatingError } from '../model/error.ts';
import type { DaemonTools } from './daemon-tools.ts';

/** Looks for those who watch are at least so far apart, whatever they ask for… */
const EVERY_MS = 15_000;
/** …and take at most this share of the time: one can take 15 s of all cores (Docker's containerd store). */
const LOOK_SHARE = 20;
/** What nobody has asked for so long is not kept. */
const KEPT_MS = 60_000;

/** Where looks come from, and what is made of them. */
export interface SharedLookTools<Page> extends Pick<DaemonTools, 'readClock' | 'releaseMemory'> {
  /** Null: not now. @throws OperatingError when the engine or the store fails */
  readonly look: () => Promise<Look | null>;
  /** Grows with whatever makes an earlier look an old one. */
  readonly countChanges: () => number;
  readonly render: (look: Look) => Page;
}

/** One look for all who watch: none while nobody asks, and nothing of it is kept for longer than somebody asks. */
export class SharedLook<Page> {
  readonly #tools: SharedLookTools<Page>;
  #page: Page | null = null;
  #looking: Promise<void> | null = null;
  #next = { atMs: 0, changes: -1 };
  #drop: NodeJS.Timeout | undefined;

  constructor(tools: SharedLookTools<Page>) {
    this.#tools = tools;
  }

  /** The last look, taken anew where that may be. @returns null while there was none */
  async read(): Promise<Page | null> {
    if (this.#isDue()) {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = null;
      });
    }
    await this.#looking;
    clearTimeout(this.#drop);
    // Not before the next one may be taken: whoever comes back in between shall see something.
    this.#drop = setTimeout(() => this.#forget(), Math.max(KEPT_MS, this.#next.atMs - this.#nowMs())).unref();
    return this.#page;
  }

  #isDue(): boolean {
    return this.#nowMs() >= this.#next.atMs || this.#tools.countChanges() !== this.#next.changes;
  }

  async #look(): Promise<void> {
    const beganMs = this.#nowMs();
    const changes = this.#tools.countChanges();
    try {
      const seen = await this.#tools.look();
      if (seen === null) return;
      this.#page = this.#tools.render(seen);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
    }
    const endedMs = this.#nowMs();
    this.#next = { atMs: endedMs + Math.max(EVERY_MS, (endedMs - beganMs) * LOOK_SHARE), changes };
  }

  #forget(): void {
    this.#page = null;
    this.#tools.releaseMemory();
  }

  #nowMs(): number {
    return this.#tools.readClock().bootTimeMs;
  }
}
