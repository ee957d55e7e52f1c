import { type IdleMs, idleAt, wallMs } from '../../model/brands.ts';
import { GAP_BUCKETS, type LineageHabit, NO_HABITS, type PastVersion, type UseHabits, versionKey } from '../../model/use-habits.ts';
import type { Lineage, Now, UseRecord } from '../../model/use-record.ts';
import { gapBucket } from '../../usage/gap-buckets.ts';
import { wallAt } from '../../usage/idle-clock.ts';
import { count, fail, type JsonObject, list, name, type Read, required, shape, time } from './form-reader.ts';
import { formatTime } from './rfc3339.ts';

const MS_PER_SECOND = 1_000;

const readIdle: Read<IdleMs> = (value) => idleAt(time(value));

function amount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : fail('must be a number of 0 or more');
}

function bucketNumber(value: unknown): number {
  const bucket = count(value);
  return bucket < GAP_BUCKETS ? bucket : fail(`must be below ${GAP_BUCKETS}`);
}

const readGap = shape({ bucket: required(bucketNumber), count: required(amount) });

function readGaps(value: unknown): readonly number[] {
  const gaps = new Array<number>(GAP_BUCKETS).fill(0);
  for (const { bucket, count: weight } of list(readGap)(value)) gaps[bucket] = weight;
  return gaps;
}

const COUNTS = { gaps: required(readGaps), uses: required(amount), sameImageUses: required(amount) };

const readPast = shape<PastVersion>({
  lastUsedMs: required(readIdle, 'lastUsedAt'),
  supersededMs: required(readIdle, 'supersededAt'),
  key: required(name, 'version'),
});

const readLineage = shape<LineageHabit>({
  name: required(name),
  headKey: required(name, 'headVersion'),
  lastUsedMs: required(readIdle, 'lastUsedAt'),
  pastVersions: required(list(readPast)),
  ...COUNTS,
});

const readHost = shape<UseHabits['host']>({ ...COUNTS, superseded: required(amount), returned: required(amount) });

const readLearned = shape({ host: required(readHost), lineages: required(list(readLineage)) });

/** Reads what a host learned of how its images are used. */
export const readHabits: Read<UseHabits> = (value) => {
  const { host, lineages } = readLearned(value);
  return { host, lineages: new Map(lineages.map((habit) => [habit.name, habit])), learnedMinute: NO_HABITS.learnedMinute };
};

/** Reads the times between uses that a lineage of a what-if tells, in seconds. */
export const readGapSeconds: Read<readonly number[]> = list(amount);

/** What the gaps of a lineage say of its habit: its head was used last when its record says so, and each of the gaps led to the same image. */
export function habitOfGaps(lineage: Lineage, gapSeconds: readonly number[], head: UseRecord | undefined): LineageHabit {
  const { name: lineageName, headImageId, previousImageId, switchedAt } = lineage;
  const gaps = new Array<number>(GAP_BUCKETS).fill(0);
  for (const seconds of gapSeconds) {
    const bucket = gapBucket(seconds * MS_PER_SECOND);
    gaps[bucket] = (gaps[bucket] ?? 0) + 1;
  }
  const switchedMs = switchedAt.idleMs;
  const past = previousImageId === null ? [] : [{ key: versionKey(previousImageId), lastUsedMs: switchedMs, supersededMs: switchedMs }];
  const lastUsedMs = head?.lastUsed?.idleMs ?? switchedMs;
  const uses = { uses: gapSeconds.length, sameImageUses: gapSeconds.length };
  return { name: lineageName, gaps, lastUsedMs, headKey: versionKey(headImageId), pastVersions: past, ...uses };
}

/** Writes what was learned, with times that give the observed ages back. */
export function formatHabits({ host, lineages }: UseHabits, now: Now): JsonObject {
  const timeOf = (at: IdleMs): string => formatTime(wallMs(wallAt(at, now)));
  return {
    host: { ...host, gaps: formatGaps(host.gaps) },
    lineages: [...lineages.values()].map((habit) => ({
      name: habit.name,
      headVersion: habit.headKey,
      lastUsedAt: timeOf(habit.lastUsedMs),
      gaps: formatGaps(habit.gaps),
      uses: habit.uses,
      sameImageUses: habit.sameImageUses,
      pastVersions: habit.pastVersions.map(({ key, lastUsedMs, supersededMs }) => {
        return { version: key, lastUsedAt: timeOf(lastUsedMs), supersededAt: timeOf(supersededMs) };
      }),
    })),
  };
}

function formatGaps(gaps: readonly number[]): readonly JsonObject[] {
  return gaps.flatMap((weight, bucket) => (weight === 0 ? [] : [{ bucket, count: weight }]));
}
