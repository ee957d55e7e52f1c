import * as v from 'valibot';
import { type ContainerId, containerId, type ImageId, imageId, wallMs } from '../../model/brands.ts';
import type { EngineEvent, EngineEventKind, EventCursor } from '../../model/engine-event.ts';
import { canonicalReference } from '../../model/reference.ts';
import type { ImageNames } from '../runtime.ts';
import type { ContainerSurveyor } from './container-uses.ts';

/** The actions that say something about use, as `type/action`; nothing else is asked for, health checks and execs above all. */
const KINDS: Readonly<Record<string, EngineEventKind>> = {
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
const FILTERS = JSON.stringify({
  type: ['container', 'image'],
  event: [...new Set(Object.keys(KINDS).map((key) => key.slice(key.indexOf('/') + 1)))],
});

/** One line of `GET /events`. `timeNano` does not fit a number, so it is read from the text. */
const eventLine = v.object({
  Type: v.string(),
  Action: v.string(),
  Actor: v.object({ ID: v.string(), Attributes: v.optional(v.nullable(v.record(v.string(), v.string())), null) }),
});
const TIME_NANO = /"timeNano":\s*([0-9]{1,20})/;
const cursorForm = v.object({ nano: v.string(), keys: v.array(v.string()) });
const NANOSECONDS_PER_MS = 1_000_000n;
const NANO_DIGITS = 9;

/** One event as Docker writes it. `kind` null: the line is of no form that is known, so what it told is lost. */
export interface RawEvent {
  readonly kind: EngineEventKind | null;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Nanoseconds since 1970, in digits. */
  readonly nano: string;
}

/** The path that streams events from a cursor on. */
export function eventsPath(since: EventCursor | null): string {
  const parameters = new URLSearchParams({ filters: FILTERS });
  const nano = readCursor(since)?.nano.padStart(NANO_DIGITS + 1, '0');
  if (nano !== undefined) parameters.set('since', `${nano.slice(0, -NANO_DIGITS)}.${nano.slice(-NANO_DIGITS)}`);
  return `/events?${parameters}`;
}

/** Reads one line; a line that is damaged costs only itself, and is told as lost. @returns null for what was not asked for */
export function parseEventLine(line: string): RawEvent | null {
  const nano = TIME_NANO.exec(line)?.[1] ?? '0';
  const lost = { kind: null, id: '', attributes: {}, nano };
  try {
    const parsed = v.safeParse(eventLine, JSON.parse(line));
    if (!parsed.success) return lost;
    const { Type, Action, Actor } = parsed.output;
    const kind = KINDS[`${Type}/${Action}`];
    return kind === undefined ? null : { kind, id: Actor.ID, attributes: Actor.Attributes ?? {}, nano };
  } catch {
    return lost;
  }
}

/** Follows the place in the stream. Docker's `since` is inclusive, and two events may have the same time. */
export class CursorKeeper {
  readonly #resumed: v.InferOutput<typeof cursorForm> | null;
  #nano = '';
  #keys: string[] = [];

  constructor(since: EventCursor | null) {
    this.#resumed = readCursor(since);
  }

  /** @returns false for an event that was told before */
  pass(event: RawEvent): boolean {
    const key = `${event.kind}/${event.id}`;
    if (this.#resumed?.nano === event.nano && this.#resumed.keys.includes(key)) return false;
    const isSame = event.nano === this.#nano;
    this.#nano = event.nano;
    this.#keys = isSame ? [...this.#keys, key] : [key];
    return true;
  }

  cursor(): EventCursor {
    return JSON.stringify({ nano: this.#nano, keys: this.#keys });
  }
}

/** The place in the stream at a time of the engine's own, in whole seconds: some events may be told twice, none is lost. @returns null for no time */
export function cursorAt(date: string | undefined): EventCursor | null {
  const ms = Date.parse(date ?? '');
  return Number.isNaN(ms) ? null : JSON.stringify({ nano: String(BigInt(ms) * NANOSECONDS_PER_MS), keys: [] });
}

function readCursor(cursor: EventCursor | null): v.InferOutput<typeof cursorForm> | null {
  if (cursor === null) return null;
  const parsed = v.safeParse(cursorForm, JSON.parse(cursor));
  return parsed.success ? parsed.output : null;
}

/**
 * Finds out which images events mean. Docker names a container's image as it was asked for, so a tag that has moved since would lead to
 * the wrong one: the container itself is asked; where it is gone already, every image that may have been meant counts.
 */
export class EventResolver {
  readonly #surveyor: ContainerSurveyor;
  readonly #resolveName: (name: string) => Promise<ImageId | null>;
  readonly #imagesOf = new Map<ContainerId, readonly ImageId[]>();
  /** What each name meant at this point of the stream. */
  readonly #named = new Map<string, ImageId>();

  /** @param resolveName the image that a name means now; null when there is none */
  constructor(surveyor: ContainerSurveyor, resolveName: (name: string) => Promise<ImageId | null>) {
    this.#surveyor = surveyor;
    this.#resolveName = resolveName;
  }

  /** Takes over what a listing found. */
  learnNames(named: Iterable<readonly [ImageId, ImageNames]>): void {
    for (const [id, { references, digests }] of named) for (const name of [...references, ...digests]) this.#named.set(name, id);
  }

  async resolve(raws: readonly RawEvent[]): Promise<readonly EngineEvent[]> {
    await this.#askContainers(raws);
    const events: EngineEvent[] = [];
    for (const raw of raws) events.push(await this.#resolveOne(raw));
    return events;
  }

  async #askContainers(raws: readonly RawEvent[]): Promise<void> {
    const isContainer = ({ kind }: RawEvent): boolean => kind !== 'container-removed' && kind?.startsWith('container-') === true;
    const unknown = new Set(raws.filter(isContainer).map(({ id }) => containerId(id))).difference(this.#imagesOf);
    for (const id of unknown) {
      const images = this.#surveyor.readImages(id);
      if (images === null) continue;
      this.#imagesOf.set(id, images);
      unknown.delete(id);
    }
    if (unknown.size === 0) return;
    const { containers } = await this.#surveyor.survey([...unknown]);
    for (const { id, imageId: root, mountedImageIds } of containers) {
      if (root !== null) this.#imagesOf.set(id, [root, ...mountedImageIds]);
    }
  }

  async #resolveOne(raw: RawEvent): Promise<EngineEvent> {
    const { kind, id, attributes, nano } = raw;
    const at = wallMs(Number(BigInt(nano) / NANOSECONDS_PER_MS));
    const base = { containerId: null, reference: null, at };
    switch (kind) {
      case null:
        return { ...base, kind: 'image-tagged', imageIds: [] };
      case 'image-pulled':
        return { ...base, kind, ...(await this.#pulled(id)) };
      case 'image-tagged': {
        const reference = canonicalReference(attributes['name'] ?? '');
        this.#named.set(reference, imageId(id));
        return { ...base, kind, imageIds: [imageId(id)], reference };
      }
      case 'image-loaded':
      case 'image-removed':
        return { ...base, kind, imageIds: [imageId(id)] };
      case 'image-committed':
        return { ...base, kind, imageIds: attributes['imageID'] === undefined ? [] : [imageId(attributes['imageID'])] };
      default:
        return { ...base, kind, containerId: containerId(id), imageIds: await this.#imagesOfContainer(raw) };
    }
  }

  async #pulled(name: string): Promise<Pick<EngineEvent, 'imageIds' | 'reference'>> {
    const reference = canonicalReference(name);
    const found = await this.#resolveName(reference);
    if (found !== null) this.#named.set(reference, found);
    return { reference, imageIds: found === null ? [] : [found] };
  }

  async #imagesOfContainer({ kind, id, attributes }: RawEvent): Promise<readonly ImageId[]> {
    const known = this.#imagesOf.get(containerId(id));
    if (kind === 'container-removed') this.#imagesOf.delete(containerId(id));
    return known ?? (await this.#candidates(attributes['image'] ?? ''));
  }

  /** What the name meant when the container was made, as far as the stream tells, and what it means now. */
  async #candidates(asked: string): Promise<readonly ImageId[]> {
    if (asked === '') return [];
    const name = canonicalReference(asked);
    const then = this.#named.get(name) ?? this.#named.get(`${name}:latest`);
    const now = await this.#resolveName(asked);
    return [...new Set([then, now])].filter((image) => image !== undefined && image !== null);
  }
}
