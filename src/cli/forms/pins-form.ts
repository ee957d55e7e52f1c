import type { StoredPin } from '../../model/use-record.ts';
import { formatTime } from './rfc3339.ts';

/** What `imagegc pin --json` prints (`docs/json.md`). */
export function formatPins(pins: readonly StoredPin[]): object {
  const rows = pins.map(({ pattern, owner, reason, until, createdAt }) => {
    return { pattern, owner, reason, until: until === null ? null : formatTime(until), createdAt: formatTime(createdAt) };
  });
  return { format: 'imagegc.pins/1', pins: rows };
}
