import * as v from 'valibot';
import { idleMs } from '../model/brands.ts';
import { GAP_BUCKETS, type HostHabit, type LineageHabit } from '../model/use-habits.ts';
import { type SealedForm, sealedForm } from './sealed-json.ts';

const number = v.pipe(v.number(), v.finite());
const gaps = v.array(v.tuple([v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(GAP_BUCKETS - 1)), number]));
const lineageForm = v.tuple([v.string(), gaps, number, v.string(), v.array(v.tuple([v.string(), number, number])), number, number]);
const hostForm = v.tuple([gaps, number, number, number, number, number]);

/** {@link LineageHabit}, sealed: as a list, with only the buckets that are not empty, so that it stays under 1 KiB. */
export const HABIT_FORM: SealedForm<LineageHabit> = sealedForm(
  ({ name, gaps: counts, lastUsedMs, headKey, pastVersions, uses, sameImageUses }) => {
    const past = pastVersions.map(({ key, lastUsedMs: used, supersededMs }) => [key, used, supersededMs]);
    return [name, listGaps(counts), lastUsedMs, headKey, past, round(uses), round(sameImageUses)];
  },
  (content) => {
    if (!v.is(lineageForm, content)) return null;
    const [name, counts, used, headKey, past, uses, sameImageUses] = content;
    const pastVersions = past.map(([key, usedLast, superseded]) => ({
      key,
      lastUsedMs: idleMs(usedLast),
      supersededMs: idleMs(superseded),
    }));
    return { name, gaps: readGaps(counts), lastUsedMs: idleMs(used), headKey, pastVersions, uses, sameImageUses };
  },
);

/** {@link HostHabit} and the minute up to which it was learned, sealed. */
export const HOST_HABIT_FORM: SealedForm<HostHabit & { readonly learnedMinute: number }> = sealedForm(
  ({ gaps: counts, superseded, returned, uses, sameImageUses, learnedMinute }) => {
    return [listGaps(counts), superseded, returned, uses, sameImageUses, learnedMinute];
  },
  (content) => {
    if (!v.is(hostForm, content)) return null;
    const [counts, superseded, returned, uses, sameImageUses, learnedMinute] = content;
    return { gaps: readGaps(counts), superseded, returned, uses, sameImageUses, learnedMinute };
  },
);

function listGaps(counts: readonly number[]): readonly (readonly [bucket: number, count: number])[] {
  return counts.flatMap((count, bucket) => (round(count) === 0 ? [] : [[bucket, round(count)] as const]));
}

function readGaps(listed: readonly (readonly [bucket: number, count: number])[]): readonly number[] {
  const counts = new Array<number>(GAP_BUCKETS).fill(0);
  for (const [bucket, count] of listed) counts[bucket] = count;
  return counts;
}

/** Counts are halved again and again: what is left behind the second decimal decides nothing, and would fill the row. */
function round(count: number): number {
  return Math.round(count * 100) / 100;
}
