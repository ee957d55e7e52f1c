import { type WallMs, wallMs } from '../../model/brands.ts';
import { parseDuration } from '../../model/duration.ts';
import { OperatingError } from '../../model/error.ts';
import { parseReferencePattern } from '../../model/pattern.ts';
import type { StoredPin } from '../../model/use-record.ts';
import { formatPins } from '../forms/pins-form.ts';
import { formatTime, parseTime } from '../forms/rfc3339.ts';
import { usageError } from '../output/error-text.ts';
import type { Look } from '../output/style.ts';
import { rigidColumn, tableOf, textColumn } from '../output/table.ts';
import { answer, type Desk, openStore } from '../session.ts';

/** Options of `imagegc pin`. */
export interface PinOptions {
  readonly owner?: string;
  readonly reason?: string;
  /** RFC 3339, a day, or a duration from now. */
  readonly until?: string;
}

/** `imagegc pin [PATTERN]`: keeps what the pattern names; without one, lists the pins. Needs no engine. */
export function runPin(desk: Desk, text: string | undefined, options: PinOptions): number {
  const { world } = desk;
  if (text === undefined) {
    using store = openStore(desk, 'read-only');
    const pins = store.listPins();
    return answer(desk, { json: () => formatPins(pins), text: () => renderPins(pins, desk.look) });
  }
  const pattern = parseReferencePattern(text);
  if (!pattern.ok) throw usageError('pin', text, pattern.problem);
  const until = options.until === undefined ? null : readEnd(options.until, world.readClock().wallMs);
  const owner = options.owner ?? world.environment['SUDO_USER'] ?? world.environment['USER'] ?? `user ${world.userId}`;
  const pin: StoredPin = { pattern: text, owner, reason: options.reason ?? 'no reason given', until, createdAt: world.readClock().wallMs };
  using store = openStore(desk, 'read-write');
  store.putPin(pin);
  const end = until === null ? '' : ` until ${formatTime(until)}`;
  return answer(desk, { json: () => formatPins([pin]), text: () => `Pinned ${text}${end}.\n` });
}

/** `imagegc unpin PATTERN`: takes a pin back. @throws OperatingError `not-found` */
export function runUnpin(desk: Desk, pattern: string): number {
  using store = openStore(desk, 'read-write');
  if (!store.removePin(pattern)) {
    const hint = '"imagegc pin" lists all, word for word';
    throw new OperatingError({ kind: 'not-found', operation: 'unpin', subject: pattern, problem: 'there is no such pin', hint });
  }
  return answer(desk, { json: () => formatPins(store.listPins()), text: () => `${pattern} is no longer pinned.\n` });
}

function renderPins(pins: readonly StoredPin[], look: Look): string {
  const rows = tableOf<StoredPin>(pins, look, [
    [textColumn('PATTERN', 1, 12, 'middle'), ({ pattern }) => pattern],
    [textColumn('OWNER', 2, 6), ({ owner }) => owner],
    [rigidColumn('UNTIL', 1, 'left'), ({ until }) => (until === null ? 'taken back' : formatTime(until))],
    [textColumn('REASON', 3, 8), ({ reason }) => reason],
  ]);
  return rows || 'There are no pins.\n';
}

/** A day ends at its midnight in UTC; a duration counts from now. */
function readEnd(text: string, now: WallMs): WallMs {
  const time = parseTime(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
  const duration = parseDuration(text);
  if (!time.ok && !duration.ok)
    throw usageError('pin', `--until ${text}`, 'write a day (2027-01-31), a time (2027-01-31T12:00:00Z) or a duration (30d)');
  const end = time.ok ? time.value : wallMs(now + (duration.ok ? duration.value : 0));
  if (end <= now) throw usageError('pin', `--until ${text}`, 'this is in the past; write a moment to come');
  return end;
}
