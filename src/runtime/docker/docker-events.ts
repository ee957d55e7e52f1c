import type { EventCursor } from '../../model/engine-event.ts';
import { type EventKinds, eventFilters, sinceNano } from '../engine-events.ts';

/** The actions that say something about use, as `type/action`; nothing else is asked for, health checks and execs above all. */
export const KINDS: EventKinds = {
  'container/create': 'container-created',
  'container/start': 'container-started',
  'container/die': 'container-ended',
  'container/destroy': 'container-removed',
  'container/commit': 'image-committed',
  'image/pull': 'image-pulled',
  'image/tag': 'image-tagged',
  'image/load': 'image-loaded',
  'image/import': 'image-loaded',
  'image/delete': 'image-removed',
};
const NANO_DIGITS = 9;

/** The path that streams events from a cursor on. */
export function eventsPath(since: EventCursor | null): string {
  const parameters = new URLSearchParams({ filters: eventFilters(KINDS) });
  const nano = sinceNano(since)
    ?.toString()
    .padStart(NANO_DIGITS + 1, '0');
  if (nano !== undefined) parameters.set('since', `${nano.slice(0, -NANO_DIGITS)}.${nano.slice(-NANO_DIGITS)}`);
  return `/events?${parameters}`;
}
