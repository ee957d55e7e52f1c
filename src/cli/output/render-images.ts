import { type Bytes, type DurationMs, durationMs } from '../../model/brands.ts';
import { formatByteSize } from '../../model/byte-size.ts';
import { formatAge } from '../../model/duration.ts';
import type { Image, Inventory } from '../../model/inventory.ts';
import type { Removal, Verdict } from '../../model/plan.ts';
import type { Now, UseRecord } from '../../model/use-record.ts';
import type { Hold } from '../../plan/hold.ts';
import { explainHabit } from '../../plan/reuse-rate.ts';
import { findStandings } from '../../plan/standings.ts';
import { formatTime } from '../forms/rfc3339.ts';
import type { ImageFacts } from '../image-facts.ts';
import { imageName, shortId } from './image-name.ts';
import { type Look, paint, printable } from './style.ts';
import { type Cell, rigidColumn, tableOf, textColumn } from './table.ts';

/** Prints every image with its last use, its own bytes, its verdict and when it would go. */
export function renderImages(inventory: Inventory, facts: ImageFacts, look: Look): string {
  const verdicts = new Map(facts.plan.verdicts.map((verdict) => [verdict.imageId, verdict]));
  const rows = tableOf<Image>(inventory.images, look, [
    [textColumn('IMAGE', 1, 12, 'middle'), (image) => imageName(image, image.id)],
    [rigidColumn('ID', 6, 'left'), ({ id }) => shortId(id)],
    [rigidColumn('LAST USED', 3, 'left'), ({ id }) => lastUsedCell(facts.records.get(id), facts.now)],
    [rigidColumn('EXCLUSIVE', 4), ({ id }) => formatByteSize(facts.exclusiveBytes.get(id) ?? null)],
    [rigidColumn('VERDICT', 2, 'left'), ({ id }) => verdictCell(verdicts.get(id))],
    [rigidColumn('WOULD GO', 5, 'left'), ({ id }) => whenGone(verdicts.get(id), facts.now)],
  ]);
  return rows || 'There are no images.\n';
}

/**
 * Prints all that is known of one image and why it gets its verdict.
 *
 * @param holds everything that keeps it, the verdict's own reason among them
 */
export function renderWhy(image: Image, facts: ImageFacts, look: Look, holds: readonly Hold[] = []): string {
  const verdict = facts.plan.verdicts.find(({ imageId }) => imageId === image.id);
  const removal = facts.plan.removals.find(({ imageId }) => imageId === image.id);
  const record = facts.records.get(image.id);
  const names = [...image.references, ...image.digests];
  const [standing] = findStandings([image], facts.habits.lineages);
  const habit = explainHabit(standing, facts.now.idleMs);
  const habits: [string, string][] = habit === '' ? [] : [['habit', habit]];
  const lines: [string, string][] = [
    ['verdict', verdict === undefined ? 'unknown' : `${verdict.verdict}: ${verdict.reason}`],
    ['because', verdict?.detail ?? ''],
    ...holds.filter((hold) => !isReasonOf(verdict, hold)).map(({ reason, detail }): [string, string] => ['and', `${reason}: ${detail}`]),
    ['would go', whenGone(verdict, facts.now) + (verdict?.until == null ? '' : `, at ${formatTime(verdict.until)}`)],
    ['last used', describeUse(record, facts.now)],
    ...habits,
    ['first seen', record === undefined ? 'now' : `${formatAge(ageOf(record.firstSeen, facts.now))} ago`],
    ['origin', record?.origin ?? image.origin ?? 'unknown'],
    ['frees', describeBytes(removal, facts.exclusiveBytes.get(image.id) ?? null)],
    ['id', image.id],
    ['names', names.length === 0 ? 'none (dangling)' : names.join(', ')],
  ];
  const title = paint('bold', printable(imageName(image, image.id)), look);
  return `${[title, ...lines.map(([key, value]) => `  ${key.padEnd(11)}${printable(value)}`)].join('\n')}\n`;
}

function isReasonOf(verdict: Verdict | undefined, { reason, detail }: Hold): boolean {
  return verdict?.reason === reason && verdict.detail === detail;
}

function describeBytes(removal: Removal | undefined, exclusive: Bytes | null): string {
  const alone = `${formatByteSize(exclusive)} if it goes alone`;
  return removal === undefined ? alone : `${formatByteSize(removal.freesBytes)} in this plan, ${alone}`;
}

function describeUse(record: UseRecord | undefined, now: Now): string {
  if (record === undefined) return 'never seen used, first seen now';
  if (record.lastUsed !== null) return `${formatAge(ageOf(record.lastUsed, now))} ago`;
  return `never seen used, first seen ${formatAge(ageOf(record.firstSeen, now))} ago`;
}

function lastUsedCell(record: UseRecord | undefined, now: Now): string {
  if (record?.lastUsed != null) return `${formatAge(ageOf(record.lastUsed, now))} ago`;
  return record === undefined ? 'never, seen now' : `never, seen ${formatAge(ageOf(record.firstSeen, now))}`;
}

function ageOf({ idleMs }: Pick<Now, 'idleMs'>, now: Now): DurationMs {
  return durationMs(now.idleMs - idleMs);
}

function verdictCell(verdict: Verdict | undefined): Cell {
  if (verdict === undefined) return 'unknown';
  return { text: `${verdict.verdict}: ${verdict.reason}`, style: verdict.verdict === 'remove' ? 'yellow' : 'dim' };
}

function whenGone(verdict: Verdict | undefined, now: Now): string {
  if (verdict?.verdict === 'remove') return 'now';
  if (verdict === undefined || verdict.until === null) return '–';
  return `in ${formatAge(durationMs(verdict.until - now.wallMs))}`;
}
