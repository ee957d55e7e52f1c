import { type WallMs, wallMs } from '../../model/brands.ts';
import { parseDuration } from '../../model/duration.ts';
import { OperatingError } from '../../model/error.ts';
import { parseReferencePattern } from '../../model/pattern.ts';
import type { StoredPin } from '../../model/use-record.ts';
import { formatTime, parseTime } from '../forms/rfc3339.ts';
import { EXIT } from '../output/error-text.ts';
import { printable } from '../output/style.ts';
import { rigidColumn, table, textColumn } from '../output/table.ts';
import { type Desk, openStore, writeJson } from '../session.ts';

/** Options of `imagegc pin`. */
export interface PinOptions {
  readonly owner: string | undefined;
  readonly reason: string | undefined;
  /** RFC 3339, a day, or a duration from now. */
  readonly until: string | undefined;
}

/** `imagegc pin [PATTERN]`: keeps what the pattern names; without one, lists the pins. Needs no engine. */
export function runPin(desk: Desk, text: string | undefined, options: PinOptions): number {
  const { world } = desk;
  if (text === undefined) {
    using store = openStore(desk, 'read-only');
    return listPins(desk, store.listPins());
  }
  const pattern = parseReferencePattern(text);
  if (!pattern.ok) throw usage('pin', text, pattern.problem);
  const until = options.until === undefined ? null : readEnd(options.until, world.readClock().wallMs);
  const owner = options.owner ?? world.environment['SUDO_USER'] ?? world.environment['USER'] ?? `user ${world.userId}`;
  const pin: StoredPin = { pattern: text, owner, reason: options.reason ?? 'no reason given', until, createdAt: world.readClock().wallMs };
  using store = openStore(desk, 'read-write');
  store.putPin(pin);
  if (desk.options.json) writeJson(desk, formatPins([pin]));
  else world.out.write(`Pinned ${text}${until === null ? '' : ` until ${formatTime(until)}`}.\n`);
  return EXIT.done;
}

/** `imagegc unpin PATTERN`: takes a pin back. @throws OperatingError `not-found` */
export function runUnpin(desk: Desk, pattern: string): number {
  using store = openStore(desk, 'read-write');
  if (!store.removePin(pattern)) {
    throw new OperatingError({
      kind: 'not-found',
      operation: 'unpin',
      subject: pattern,
      problem: 'there is no such pin',
      hint: '"imagegc pin" lists all, word for word',
    });
  }
  if (desk.options.json) writeJson(desk, formatPins(store.listPins()));
  else desk.world.out.write(`${pattern} is no longer pinned.\n`);
  return EXIT.done;
}

function listPins(desk: Desk, pins: readonly StoredPin[]): number {
  const columns = [
    textColumn('PATTERN', 1, 12, 'middle'),
    textColumn('OWNER', 2, 6),
    rigidColumn('UNTIL', 1, 'left'),
    textColumn('REASON', 3, 8),
  ];
  const rows = pins.map((pin) => [
    printable(pin.pattern),
    printable(pin.owner),
    pin.until === null ? 'taken back' : formatTime(pin.until),
    printable(pin.reason),
  ]);
  if (desk.options.json) writeJson(desk, formatPins(pins));
  else desk.world.out.write(rows.length === 0 ? 'There are no pins.\n' : table(columns, rows, desk.look));
  return EXIT.done;
}

function formatPins(pins: readonly StoredPin[]): object {
  const rows = pins.map(({ pattern, owner, reason, until, createdAt }) => {
    return { pattern, owner, reason, until: until === null ? null : formatTime(until), createdAt: formatTime(createdAt) };
  });
  return { format: 'imagegc.pins/1', pins: rows };
}

/** A day ends at its midnight in UTC; a duration counts from now. */
function readEnd(text: string, now: WallMs): WallMs {
  const time = parseTime(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
  const duration = parseDuration(text);
  if (!time.ok && !duration.ok)
    throw usage('pin', `--until ${text}`, 'write a day (2027-01-31), a time (2027-01-31T12:00:00Z) or a duration (30d)');
  const end = time.ok ? time.value : wallMs(now + (duration.ok ? duration.value : 0));
  if (end <= now) throw usage('pin', `--until ${text}`, 'this is in the past; write a moment to come');
  return end;
}

function usage(operation: string, subject: string, problem: string): OperatingError {
  return new OperatingError({ kind: 'settings', operation, subject, problem, hint: null });
}
