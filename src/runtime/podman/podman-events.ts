import type { EventCursor } from '../../model/engine-event.ts';
import { type EventKinds, eventFilters, parseEventLine, type RawEvent, sinceNano } from '../engine-events.ts';
import { fullId } from './podman-answers.ts';

const KINDS: EventKinds = {
  'container/create': 'container-created',
  'container/start': 'container-started',
  'container/restart': 'container-started',
  'container/died': 'container-ended',
  'container/remove': 'container-removed',
  'container/commit': 'image-committed',
  'image/build': 'image-committed',
  'image/pull': 'image-pulled',
  'image/tag': 'image-tagged',
  'image/loadfromarchive': 'image-loaded',
  'image/import': 'image-loaded',
  'image/remove': 'image-removed',
};
/** Every process of Podman writes its events itself, at the end of what they tell of: one may stand behind a later one. */
export const LAG_NANO = 2_000_000_000n;
const NANOSECONDS_PER_MS = 1_000_000n;
const NANO_DIGITS = 9;

/**
 * The path that streams events from a cursor on. Never with `until`: Podman then loses most of what it tells (measured). Never without
 * `since`: what happens between its answer and its first look at the log would be lost.
 */
export function podmanEventsPath(since: EventCursor | null): string {
  const nano = sinceNano(since) ?? BigInt(Date.now()) * NANOSECONDS_PER_MS;
  const seconds = new Date(Number(nano / NANOSECONDS_PER_MS)).toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length);
  const fraction = nano.toString().padStart(NANO_DIGITS, '0').slice(-NANO_DIGITS);
  return `/events?${new URLSearchParams({ stream: 'true', since: `${seconds}.${fraction}Z`, filters: eventFilters(KINDS) })}`;
}

/** Reads one line, and makes it what Docker would have written. Podman 4.3 does not say which image it pulled or loaded. */
export function parsePodmanEvent(line: string): RawEvent | null {
  const event = parseEventLine(line, KINDS);
  if (event === null) return null;
  const { kind, attributes } = event;
  const id = fullId(event.id);
  const named: RawEvent['attributes'] = id === '' ? {} : { imageID: id };
  if (kind === 'image-pulled') return { ...event, id: attributes['name'] ?? '', attributes: named };
  // A commit names the container, a build the image.
  if (kind === 'image-committed') return { ...event, attributes: attributes['image'] === '' ? named : {} };
  return kind?.startsWith('image-') ? { ...event, id } : event;
}
