/** What a test did to an engine, from which follows what may be deleted there: kept apart from everything that imagegc remembers. */
import type { Deletion } from './engine-deletions.ts';

/** Why an image counts as used. */
export type UseKind = 'container' | 'pull' | 'load' | 'tag' | 'build';

interface Use {
  readonly imageId: string;
  readonly kind: UseKind;
  /** When it began, in milliseconds since 1970: it cannot be known any earlier. */
  readonly atMs: number;
  /** When it was done. */
  readonly doneMs: number;
}

interface LedgerContainer {
  readonly imageId: string;
  readonly createdMs: number;
  /** When its removal began; null while nobody removes it. */
  readonly removedMs: number | null;
}

/** What is deleted while one of these is under way is there again when it is done. */
const BRINGS: ReadonlySet<UseKind> = new Set(['pull', 'load']);
/** A build is seen by the image that comes of it, so one that begins within this of the deletion races with the collection. */
const BUILD_RACE_MS = 3_000;

/** Uses, containers and tags. */
export class UseLedger {
  readonly #uses: Use[] = [];
  readonly #containers = new Map<string, LedgerContainer>();
  readonly #tags = new Map<string, { readonly imageId: string; readonly atMs: number }>();

  get uses(): number {
    return this.#uses.length;
  }

  /** Containers that are there. */
  containers(): readonly string[] {
    return [...this.#containers].filter(([, { removedMs }]) => removedMs === null).map(([id]) => id);
  }

  /** Images that containers need. */
  needed(): ReadonlySet<string> {
    return new Set(this.containers().map((id) => this.#containers.get(id)?.imageId ?? ''));
  }

  use(kind: UseKind, imageId: string, atMs: number, doneMs = atMs): void {
    this.#uses.push({ kind, imageId, atMs, doneMs });
  }

  created(container: string, imageId: string, atMs: number): void {
    this.use('container', imageId, atMs);
    this.#containers.set(container, { imageId, createdMs: atMs, removedMs: null });
  }

  removing(container: string, atMs: number): void {
    const known = this.#containers.get(container);
    if (known === undefined) return;
    this.use('container', known.imageId, atMs);
    this.#containers.set(container, { ...known, removedMs: atMs });
  }

  /** @param atMs when it was done */
  tagged(name: string, imageId: string, atMs: number): void {
    this.#tags.set(name, { imageId, atMs });
  }

  /** The image that a name was last given to. */
  imageOf(name: string): string | undefined {
    return this.#tags.get(name)?.imageId;
  }

  /** The engine itself dropped an image, so nobody else can have deleted it, and nothing needs it there any more. */
  dropped(imageId: string): void {
    this.#uses.splice(0, this.#uses.length, ...this.#uses.filter((use) => use.imageId !== imageId));
    for (const [id, container] of this.#containers) if (container.imageId === imageId) this.#containers.delete(id);
  }

  /** Images that were used and, for all that was told, are not deleted. */
  believedPresent(deletions: readonly Deletion[]): ReadonlySet<string> {
    const isGone = ({ imageId, doneMs }: Use): boolean => deletions.some((each) => each.imageId === imageId && each.atMs > doneMs);
    return new Set(this.#uses.filter((use) => !isGone(use)).map(({ imageId }) => imageId));
  }

  /** Every tag that was given, with its image, unless that was deleted since. */
  expectedTags(deletions: readonly Deletion[]): ReadonlyMap<string, string> {
    const kept = [...this.#tags].filter(([, { imageId, atMs }]) => !deletions.some((each) => each.imageId === imageId && each.atMs > atMs));
    return new Map(kept.map(([name, { imageId }]) => [name, imageId]));
  }

  /** What must not have been deleted: by sentence, why. @param leastIdleMs since the last use */
  findWrong(deletions: readonly Deletion[], leastIdleMs: number): readonly string[] {
    return deletions.flatMap(({ imageId, atMs }) => {
      const users = [...this.#containers].filter(([, each]) => each.imageId === imageId && isThere(each, atMs));
      const wrong = users.map(([id]) => `${imageId} was deleted, and container ${id} needs it`);
      const last = this.#lastUse(imageId, atMs);
      if (last !== undefined && atMs - last.atMs < leastIdleMs) {
        wrong.push(`${imageId} was deleted ${Math.round(atMs - last.atMs)} ms after its last use (${last.kind})`);
      }
      return wrong;
    });
  }

  /** How long each image had been unused when it was deleted. */
  idleTimes(deletions: readonly Deletion[]): readonly number[] {
    return deletions.map(({ imageId, atMs }) => atMs - (this.#lastUse(imageId, atMs)?.atMs ?? Number.NaN));
  }

  #lastUse(image: string, beforeMs: number): Use | undefined {
    const mayRace = ({ kind, atMs, doneMs }: Use): boolean => {
      return (kind === 'build' && beforeMs - atMs < BUILD_RACE_MS) || (BRINGS.has(kind) && doneMs >= beforeMs);
    };
    const uses = this.#uses.filter((use) => use.imageId === image && use.atMs <= beforeMs && !mayRace(use));
    return uses.toSorted((left, right) => right.atMs - left.atMs)[0];
  }
}

function isThere({ createdMs, removedMs }: LedgerContainer, atMs: number): boolean {
  return createdMs <= atMs && (removedMs === null || removedMs > atMs);
}
