import { type ImageId, idleAt, imageId, type WallMs, wallMs } from '../../model/brands.ts';
import { NO_HABITS, type UseHabits } from '../../model/use-habits.ts';
import type { Instant, Lineage, Now, UsageState, UseRecord } from '../../model/use-record.ts';
import { wallAt } from '../../usage/idle-clock.ts';
import { fail, type JsonObject, list, name, object, optional, readForm, required, time } from './form-reader.ts';
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
  return readForm(file, USES_FORMAT, json, (value) => {
    const form = object(value);
    const records = required(form, 'records', list(recordReader(options.at)));
    const told = optional(form, 'lineages', [], list(lineageReader(options.at)));
    const learned = optional(form, 'habits', NO_HABITS, readHabits);
    const byImage = index('records', records, (record) => record.imageId);
    const ofGaps = told
      .filter(({ gaps }) => gaps.length > 0)
      .map(({ lineage, gaps }) => habitOfGaps(lineage, gaps, byImage.get(lineage.headImageId)));
    const lineages = new Map([...ofGaps.map((habit) => [habit.name, habit] as const), ...learned.lineages]);
    return {
      records: byImage,
      lineages: index(
        'lineages',
        told.map(({ lineage }) => lineage),
        (lineage) => lineage.name,
      ),
      habits: { ...learned, lineages },
    };
  });
}

function recordReader(at: WallMs): (value: unknown) => UseRecord {
  return (value) => {
    const from = object(value);
    const lastUsed = optional(from, 'lastUsedAt', null, readInstant);
    return {
      imageId: required(from, 'imageId', readImageId),
      firstSeen: optional(from, 'firstSeenAt', lastUsed ?? instant(at), readInstant),
      lastUsed,
      origin: null,
      references: [],
      digests: [],
      missingSince: null,
      isInUse: false,
    };
  };
}

/** A switch of unknown time counts as made just now, which keeps longest. */
function lineageReader(at: WallMs): (value: unknown) => { readonly lineage: Lineage; readonly gaps: readonly number[] } {
  return (value) => {
    const from = object(value);
    const gaps = optional(from, 'gaps', [], readGapSeconds);
    const lineage = {
      name: required(from, 'name', name),
      headImageId: required(from, 'headImageId', readImageId),
      previousImageId: optional(from, 'previousImageId', null, readImageId),
      switchedAt: optional(from, 'switchedAt', instant(at), readInstant),
      headConfirmed: optional(from, 'headConfirmed', null, (confirmed) =>
        typeof confirmed === 'boolean' ? confirmed : fail('must be true, false or null'),
      ),
    };
    return { lineage, gaps };
  };
}

function readImageId(value: unknown): ImageId {
  return imageId(name(value));
}

function readInstant(value: unknown): Instant {
  return instant(time(value));
}

function instant(at: WallMs): Instant {
  return { idleMs: idleAt(at), wallMs: at };
}

function index<Key, Item>(key: string, items: readonly Item[], keyOf: (item: Item) => Key): ReadonlyMap<Key, Item> {
  const found = new Map<Key, Item>();
  for (const [at, item] of items.entries()) {
    if (found.has(keyOf(item))) fail(`repeats ${keyOf(item)}`, `.${key}[${at}]`);
    found.set(keyOf(item), item);
  }
  return found;
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
