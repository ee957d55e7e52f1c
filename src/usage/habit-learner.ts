import type { IdleMs, ImageId } from '../model/brands.ts';
import { GAP_BUCKETS, type HostHabit, type LineageHabit, type PastVersion, type UseHabits, versionKey } from '../model/use-habits.ts';
import { gapBucket } from './gap-buckets.ts';

/** What was learned of a lineage, its gaps as a list or, while they are counted, as numbers in a row. */
type Habit = Omit<LineageHabit, 'gaps'> & { readonly gaps: ArrayLike<number> };

/** The lineage that an image was last used for, and since when a newer version is used instead; null: it is the newest. */
export interface Standing {
  readonly habit: Habit;
  /** By this lineage. */
  readonly lastUsedMs: IdleMs;
  readonly supersededMs: IdleMs | null;
}

/** Beyond this the counts of a lineage are halved, so that it may change its ways. */
const GAPS_MAX = 40;
const USES_MAX = 50;
/** A longer list would take a lineage over its 1 KiB; nobody goes back that far (eviction.md §1). */
const PAST_VERSIONS_MAX = 8;

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };
interface Counts extends Mutable<Omit<LineageHabit, 'gaps' | 'pastVersions'>> {
  readonly gaps: Float64Array;
  pastVersions: PastVersion[];
  gapCount: number;
}

/**
 * Learns from uses, one by one in their order: how long a lineage is left alone between two of them, and whether the next is of the same
 * image. What it knows can be asked for at any time.
 */
export class HabitLearner {
  readonly host: Mutable<HostHabit> & { readonly gaps: number[] };
  readonly #lineages = new Map<string, Counts>();
  readonly #standings = new Map<string, Mutable<Standing>>();
  readonly #changed = new Set<string>();

  constructor({ host, lineages }: UseHabits) {
    this.host = { ...host, gaps: [...host.gaps] };
    for (const habit of lineages.values()) {
      const gapCount = habit.gaps.reduce((sum, count) => sum + count, 0);
      this.#lineages.set(habit.name, { ...habit, gaps: new Float64Array(habit.gaps), pastVersions: [...habit.pastVersions], gapCount });
    }
    eachVersion(this.#lineages.values(), (key, habit, lastUsedMs, supersededMs) => {
      if (isLastUse(lastUsedMs, this.#standings.get(key))) this.#stand(key, habit, lastUsedMs, supersededMs);
    });
  }

  /** Images by {@link versionKey}: of several lineages, the one that used it last. Each is kept up to date, so nobody need ask twice. */
  get standings(): ReadonlyMap<string, Standing> {
    return this.#standings;
  }

  /** Lineages whose habit is another than in the beginning. */
  get changed(): readonly LineageHabit[] {
    return [...this.#changed].flatMap((name) => this.#lineages.get(name) ?? []).map((habit) => ({ ...habit, gaps: [...habit.gaps] }));
  }

  /** @param lineage what asked for the image */
  use(lineage: string, image: ImageId, at: IdleMs): void {
    const key = versionKey(image);
    let habit = this.#lineages.get(lineage);
    if (habit === undefined) {
      habit = newHabit(lineage, key, at);
      this.#lineages.set(lineage, habit);
    } else {
      this.#countGap(habit, at);
      this.#countSame(habit, key);
      if (habit.headKey !== key) this.#switch(habit, key, at);
      habit.lastUsedMs = at;
    }
    this.#stand(key, habit, at, null);
    this.#changed.add(lineage);
  }

  #countGap(habit: Counts, at: IdleMs): void {
    const bucket = gapBucket(Math.max(0, at - habit.lastUsedMs));
    habit.gaps[bucket] = (habit.gaps[bucket] ?? 0) + 1;
    this.host.gaps[bucket] = (this.host.gaps[bucket] ?? 0) + 1;
    habit.gapCount += 1;
    if (habit.gapCount <= GAPS_MAX) return;
    for (let each = 0; each < GAP_BUCKETS; each++) habit.gaps[each] = (habit.gaps[each] ?? 0) / 2;
    habit.gapCount /= 2;
  }

  #countSame(habit: Counts, key: string): void {
    const same = habit.headKey === key ? 1 : 0;
    habit.uses += 1;
    habit.sameImageUses += same;
    this.host.uses += 1;
    this.host.sameImageUses += same;
    if (habit.uses <= USES_MAX) return;
    habit.uses /= 2;
    habit.sameImageUses /= 2;
  }

  /** A rollback teaches that versions come back. */
  #switch(habit: Counts, key: string, at: IdleMs): void {
    const { headKey, lastUsedMs } = habit;
    const others = habit.pastVersions.filter((past) => past.key !== key);
    if (others.length < habit.pastVersions.length) this.host.returned += 1;
    this.host.superseded += 1;
    habit.pastVersions = [...others, { key: headKey, lastUsedMs, supersededMs: at }].slice(-PAST_VERSIONS_MAX);
    habit.headKey = key;
    // One that another lineage used since is not past there.
    if (this.#standings.get(headKey)?.habit === habit) this.#stand(headKey, habit, lastUsedMs, at);
  }

  #stand(key: string, habit: Habit, lastUsedMs: IdleMs, supersededMs: IdleMs | null): void {
    const known = this.#standings.get(key);
    if (known === undefined) {
      this.#standings.set(key, { habit, lastUsedMs, supersededMs });
      return;
    }
    known.habit = habit;
    known.lastUsedMs = lastUsedMs;
    known.supersededMs = supersededMs;
  }
}

function newHabit(name: string, headKey: string, lastUsedMs: IdleMs): Counts {
  const gaps = new Float64Array(GAP_BUCKETS);
  return { name, gaps, gapCount: 0, lastUsedMs, headKey, pastVersions: [], uses: 0, sameImageUses: 0 };
}

/** Of several lineages with one image, it stands as the one has it that used it last. @param known what another one has; undefined: none has */
export function isLastUse(lastUsedMs: IdleMs, known: Standing | undefined): boolean {
  return known === undefined || known.lastUsedMs <= lastUsedMs;
}

/** Calls back with every version of every lineage, by its {@link versionKey}, and when another one took over from it; null: it is the newest. */
export function eachVersion(
  lineages: Iterable<Habit>,
  found: (key: string, habit: Habit, lastUsedMs: IdleMs, supersededMs: IdleMs | null) => void,
): void {
  for (const habit of lineages) {
    for (const { key, lastUsedMs, supersededMs } of habit.pastVersions) found(key, habit, lastUsedMs, supersededMs);
    found(habit.headKey, habit, habit.lastUsedMs, null);
  }
}
