import { idleAt, type WallMs, wallMs } from '../../model/brands.ts';
import { NO_HABITS, type UseHabits } from '../../model/use-habits.ts';
import { BLANK_RECORD, type Instant, type Lineage, type Now, type UsageState, type UseRecord } from '../../model/use-record.ts';
import { wallAt } from '../../usage/idle-clock.ts';
import { fail, type JsonObject, list, name, optional, type Read, readForm, readImageId, required, shape, time } from './form-reader.ts';
import { formatHabits, habitOfGaps, readGapSeconds, readHabits } from './habits-form.ts';
import { formatTime } from './rfc3339.ts';

/** The name and version of the form (`schema/imagegc.uses-1.schema.json`). */
export const USES_FORMAT = 'imagegc.uses/1';

/** What a file of uses holds; without lineages, versions rank by last use. */
export interface UsesForm extends Pick<UsageState, 'records' | 'lineages'> {
  /** What was learned of how images are used. */
  readonly habits: UseHabits;
}

/**
 * Reads use records for a what-if (`docs/design.md` §9). Its wall times are taken as true, so they stand on the idle clock as they are.
 *
 * @param options.at first sight of an image of which neither first sight nor use is told
 * @throws OperatingError `input`
 */
export function parseUses(file: string, json: string, options: { readonly at: WallMs }): UsesForm {
  const { records, lineages: told, habits } = readForm(file, USES_FORMAT, json, usesReader(instant(options.at)));
  const ofGaps = [...told.values()]
    .filter(({ gaps }) => gaps.length > 0)
    .map(({ gaps, ...lineage }) => habitOfGaps(lineage, gaps, records.get(lineage.headImageId)));
  return {
    records,
    lineages: new Map([...told].map(([key, { gaps, ...lineage }]) => [key, lineage])),
    habits: { ...habits, lineages: new Map([...ofGaps.map((habit) => [habit.name, habit] as const), ...habits.lineages]) },
  };
}

interface ToldLineage extends Lineage {
  readonly gaps: readonly number[];
}

/** A switch of unknown time counts as made just now, which keeps longest. */
function usesReader(now: Instant) {
  const readLineage = shape<ToldLineage>({
    gaps: optional([], readGapSeconds),
    name: required(name),
    headImageId: required(readImageId),
    previousImageId: optional(null, readImageId),
    switchedAt: optional(now, readInstant),
    headConfirmed: optional(null, (told) => (typeof told === 'boolean' ? told : fail('must be true, false or null'))),
  });
  const readLineages = byKey(readLineage, (lineage) => lineage.name);
  return shape({
    records: required(byKey(recordReader(now), ({ imageId }) => imageId)),
    lineages: optional(new Map<string, ToldLineage>(), readLineages),
    habits: optional(NO_HABITS, readHabits),
  });
}

const readInstant: Read<Instant> = (value) => instant(time(value));
const readTold = shape({
  lastUsedAt: optional(null, readInstant),
  imageId: required(readImageId),
  firstSeenAt: optional(null, readInstant),
});

function recordReader(now: Instant): Read<UseRecord> {
  return (value) => {
    const { imageId, firstSeenAt, lastUsedAt } = readTold(value);
    return { ...BLANK_RECORD, imageId, firstSeen: firstSeenAt ?? lastUsedAt ?? now, lastUsed: lastUsedAt };
  };
}

function instant(at: WallMs): Instant {
  return { idleMs: idleAt(at), wallMs: at };
}

function byKey<Key, Item>(read: Read<Item>, keyOf: (item: Item) => Key): Read<ReadonlyMap<Key, Item>> {
  return (value) => {
    const found = new Map<Key, Item>();
    for (const [at, item] of list(read)(value).entries()) {
      if (found.has(keyOf(item))) fail(`repeats ${keyOf(item)}`, `[${at}]`);
      found.set(keyOf(item), item);
    }
    return found;
  };
}

/** Writes use records with times that give the observed ages back: now less the age on the idle clock. */
export function formatUses({ records, lineages, habits = NO_HABITS }: Omit<UsesForm, 'habits'> & Partial<UsesForm>, now: Now): JsonObject {
  const timeOf = (at: Instant) => formatTime(wallMs(wallAt(at.idleMs, now)));
  return {
    format: USES_FORMAT,
    records: [...records.values()].map(({ imageId, firstSeen, lastUsed }) => ({
      imageId,
      firstSeenAt: timeOf(firstSeen),
      ...(lastUsed === null ? {} : { lastUsedAt: timeOf(lastUsed) }),
    })),
    lineages: [...lineages.values()].map(({ name, headImageId, previousImageId, switchedAt, headConfirmed }) => ({
      name,
      headImageId,
      ...(previousImageId === null ? {} : { previousImageId }),
      switchedAt: timeOf(switchedAt),
      headConfirmed,
      gaps: [],
    })),
    ...(habits.lineages.size === 0 ? {} : { habits: formatHabits(habits, now) }),
  };
}
