import { type IdleMs, idleAt, wallMs } from '../../model/brands.ts';
import { GAP_BUCKETS, type LineageHabit, NO_HABITS, type PastVersion, type UseHabits, versionKey } from '../../model/use-habits.ts';
import type { Lineage, Now, UseRecord } from '../../model/use-record.ts';
import { gapBucket } from '../../usage/gap-buckets.ts';
import { wallAt } from '../../usage/idle-clock.ts';
import { count, fail, type JsonObject, list, name, object, type Read, required, time } from './form-reader.ts';
import { formatTime } from './rfc3339.ts';

const MS_PER_SECOND = 1_000;

/** Reads what a host learned of how its images are used. */
export const readHabits: Read<UseHabits> = (value) => {
  const from = object(value);
  const host = required(from, 'host', (each) => {
    const { superseded, returned, ...counts } = readCounts(each, ['superseded', 'returned']);
    return { ...counts, superseded: superseded ?? 1, returned: returned ?? 0 };
  });
  const lineages = required(from, 'lineages', list(readLineage));
  return { host, lineages: new Map(lineages.map((habit) => [habit.name, habit])), learnedMinute: NO_HABITS.learnedMinute };
};

const readLineage: Read<LineageHabit> = (value) => {
  const from = object(value);
  const head = { name: required(from, 'name', name), headKey: required(from, 'headVersion', name) };
  const lastUsedMs = required(from, 'lastUsedAt', readIdle);
  const pastVersions = required(from, 'pastVersions', list(readPast));
  const { gaps, uses, sameImageUses } = readCounts(value, []);
  return { ...head, lastUsedMs, pastVersions, gaps, uses, sameImageUses };
};

const readPast: Read<PastVersion> = (value) => {
  const from = object(value);
  const times = { lastUsedMs: required(from, 'lastUsedAt', readIdle), supersededMs: required(from, 'supersededAt', readIdle) };
  return { key: required(from, 'version', name), ...times };
};

function readCounts<Key extends string>(
  value: unknown,
  more: readonly Key[],
): { gaps: readonly number[]; uses: number; sameImageUses: number } & Partial<Record<Key, number>> {
  const from = object(value);
  const gaps = new Array<number>(GAP_BUCKETS).fill(0);
  for (const { bucket, weight } of required(from, 'gaps', list(readGap))) gaps[bucket] = weight;
  const others: Partial<Record<Key, number>> = {};
  for (const key of more) others[key] = required(from, key, amount);
  return { gaps, uses: required(from, 'uses', amount), sameImageUses: required(from, 'sameImageUses', amount), ...others };
}

const readGap: Read<{ bucket: number; weight: number }> = (value) => {
  const from = object(value);
  const bucket = required(from, 'bucket', count);
  if (bucket >= GAP_BUCKETS) return fail(`must be below ${GAP_BUCKETS}`, '.bucket');
  return { bucket, weight: required(from, 'count', amount) };
};

function amount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : fail('must be a number of 0 or more');
}

function readIdle(value: unknown): IdleMs {
  return idleAt(time(value));
}

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
