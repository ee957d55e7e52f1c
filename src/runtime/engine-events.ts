import * as v from 'valibot';
import { type ContainerId, containerId, type ImageId, imageId, wallMs } from '../model/brands.ts';
import type { EngineEvent, EngineEventKind, EventCursor } from '../model/engine-event.ts';
import { canonicalReference } from '../model/reference.ts';
import type { ContainerLookup } from './container-survey.ts';
import type { ImageNames } from './runtime.ts';

/** The actions of an engine that say something about use, as `type/action`. */
export type EventKinds = Readonly<Record<string, EngineEventKind>>;

/** One line of `GET /events`. `timeNano` does not fit a number, so it is read from the text. */
const eventLine = v.object({
  Type: v.string(),
  Action: v.string(),
  Actor: v.object({ ID: v.string(), Attributes: v.optional(v.nullable(v.record(v.string(), v.string())), null) }),
});
const TIME_NANO = /"timeNano":\s*([0-9]{1,20})/;
const cursorForm = v.object({ nano: v.string(), keys: v.array(v.string()) });
const NANOSECONDS_PER_MS = 1_000_000n;

/** One event as the engine writes it. `kind` null: the line is of no form that is known, so what it told is lost. */
export interface RawEvent {
  readonly kind: EngineEventKind | null;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Nanoseconds since 1970, in digits. */
  readonly nano: string;
}

/** The value of `filters` that asks for nothing else, health checks and execs above all. */
export function eventFilters(kinds: EventKinds): string {
  const event = [...new Set(Object.keys(kinds).map((key) => key.slice(key.indexOf('/') + 1)))];
  return JSON.stringify({ type: ['container', 'image'], event });
}

/** Where a stream is to begin, in nanoseconds since 1970; null: from now on. */
export function sinceNano(since: EventCursor | null): bigint | null {
  const nano = readCursor(since)?.nano;
  return nano === undefined ? null : BigInt(nano);
}

/** Reads one line; a line that is damaged costs only itself, and is told as lost. @returns null for what was not asked for */
export function parseEventLine(line: string, kinds: EventKinds): RawEvent | null {
  const nano = TIME_NANO.exec(line)?.[1] ?? '0';
  const lost = { kind: null, id: '', attributes: {}, nano };
  try {
    const parsed = v.safeParse(eventLine, JSON.parse(line));
    if (!parsed.success) return lost;
    const { Type, Action, Actor } = parsed.output;
    const kind = kinds[`${Type}/${Action}`];
    return kind === undefined ? null : { kind, id: Actor.ID, attributes: Actor.Attributes ?? {}, nano };
  } catch {
    return lost;
  }
}

/**
 * Follows the place in the stream. An engine's `since` is inclusive, two events may have the same time, and one may be told after another
 * that is later by less than `lagNano`.
 */
export class CursorKeeper {
  readonly #lagNano: bigint;
  readonly #resumed: ReadonlySet<string>;
  /** What was told at the cursor's time and later. */
  readonly #told = new Map<string, bigint>();
  #latest = 0n;

  constructor(since: EventCursor | null, lagNano = 0n) {
    const { nano = '0', keys = [] } = readCursor(since) ?? {};
    this.#lagNano = lagNano;
    this.#resumed = new Set(keys);
    for (const key of keys) this.#note(key, BigInt(nano));
  }

  /** @returns false for an event that was told before */
  pass({ kind, id, nano }: RawEvent): boolean {
    const key = `${nano}/${kind}/${id}`;
    if (this.#resumed.has(key)) return false;
    this.#note(key, BigInt(nano));
    return true;
  }

  cursor(): EventCursor {
    const nano = this.#latest - this.#lagNano;
    return JSON.stringify({ nano: String(nano < 0n ? 0n : nano), keys: [...this.#told.keys()] });
  }

  #note(key: string, nano: bigint): void {
    if (nano > this.#latest) this.#latest = nano;
    this.#told.set(key, nano);
    for (const [each, at] of this.#told) if (at < this.#latest - this.#lagNano) this.#told.delete(each);
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
  readonly #surveyor: ContainerLookup;
  readonly #resolveName: (name: string) => Promise<ImageId | null>;
  readonly #imagesOf = new Map<ContainerId, readonly ImageId[]>();
  /** What each name meant at this point of the stream. */
  readonly #named = new Map<string, ImageId>();

  /** @param resolveName the image that a name means now; null when there is none */
  constructor(surveyor: ContainerLookup, resolveName: (name: string) => Promise<ImageId | null>) {
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
    for (const { id, imageId: root, mountedImageIds } of containers) if (root !== null) this.#imagesOf.set(id, [root, ...mountedImageIds]);
  }

  async #resolveOne(raw: RawEvent): Promise<EngineEvent> {
    const { kind, id, attributes, nano } = raw;
    const at = wallMs(Number(BigInt(nano) / NANOSECONDS_PER_MS));
    const base = { containerId: null, reference: null, at };
    switch (kind) {
      case null:
        return { ...base, kind: 'image-tagged', imageIds: [] };
      case 'image-pulled':
        return { ...base, kind, ...(await this.#pulled(id, attributes['imageID'])) };
      case 'image-tagged': {
        const reference = canonicalReference(attributes['name'] ?? '');
        this.#named.set(reference, imageId(id));
        return { ...base, kind, imageIds: [imageId(id)], reference };
      }
      case 'image-loaded':
      case 'image-removed':
        return { ...base, kind, imageIds: id === '' ? [] : [imageId(id)] };
      case 'image-committed':
        return { ...base, kind, imageIds: attributes['imageID'] === undefined ? [] : [imageId(attributes['imageID'])] };
      default:
        return { ...base, kind, containerId: containerId(id), imageIds: await this.#imagesOfContainer(raw) };
    }
  }

  /** @param id which image that was, where the engine says */
  async #pulled(name: string, id: string | undefined): Promise<Pick<EngineEvent, 'imageIds' | 'reference'>> {
    const reference = canonicalReference(name);
    const found = id === undefined ? await this.#resolveName(reference) : imageId(id);
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
