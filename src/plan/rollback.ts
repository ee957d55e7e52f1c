import { type DurationMs, type ImageId, type WallMs, wallMs } from '../model/brands.ts';
import { formatAge, formatDuration } from '../model/duration.ts';
import { tagStream } from '../model/lineage-name.ts';
import type { Policy } from '../model/policy.ts';
import type { Instant, Now } from '../model/use-record.ts';
import { idleSince, wallAt } from '../usage/idle-clock.ts';
import type { Hold } from './hold.ts';
import { listRepositories, type Version, type VersionHistory } from './repositories.ts';
import { VersionStream } from './version-stream.ts';

/** The versions of one lineage, and when the newest took over. */
interface Versions {
  readonly name: string;
  /** Newest first: the current one, and as many before it as `keep_last` says. */
  readonly images: readonly ImageId[];
  readonly switchedAt: Instant;
  readonly headConfirmed: boolean | null;
}

/**
 * Finds the previous versions that a rollback would need: `keep_last` used versions beside the current one, for `keep_last_for`
 * after the switch. While the head has not shown that it works, they are never removed; a confirmed head's
 * predecessors go after all ordinary images, when room is needed. (Of 43 measured rollbacks all went to the version
 * directly before, the slowest after 6.7 days: eviction.md §1.)
 */
export function holdPreviousVersions(history: VersionHistory, policy: Policy, now: Now): ReadonlyMap<ImageId, Hold> {
  const holds = new Map<ImageId, Hold>();
  const { keepLast } = policy.protect;
  if (keepLast === 0) return holds;
  for (const versions of listVersions(listStreams(history, policy, now), history.lineages)) {
    const hold = holdFor(versions, policy, now);
    if (hold === null) continue;
    for (const image of versions.images.slice(1, keepLast + 1)) if (holds.get(image)?.binds !== 'always') holds.set(image, hold);
  }
  return holds;
}

/** The same holds, asked for image by image, where each one's streams are known and no switch was recorded. */
export function askPreviousVersions(
  streams: ReadonlyMap<ImageId, readonly VersionStream[]>,
  policy: Policy,
  now: Now,
): Pick<ReadonlyMap<ImageId, Hold>, 'get'> {
  const get = (image: ImageId): Hold | undefined => {
    for (const stream of streams.get(image) ?? []) {
      const isPrevious = stream.size > 1 && stream.newest.findIndex(({ imageId }) => imageId === image) > 0;
      const versions = isPrevious ? versionsOf(stream) : null;
      const hold = versions === null ? null : holdFor(versions, policy, now);
      if (hold !== null) return hold;
    }
    return undefined;
  };
  return { get };
}

function holdFor(versions: Versions, policy: Policy, now: Now): Hold | null {
  const { keepLastForMs } = policy.protect;
  const sinceMs = idleSince(versions.switchedAt.idleMs, now.idleMs);
  const isWithin = keepLastForMs === 'always' || sinceMs < keepLastForMs;
  if (!isWithin && versions.headConfirmed !== false) return null;
  return new RollbackHold(versions, isWithin ? keepLastForMs : 'always', now);
}

/** Worded only where it is shown, because most of a large plan are not. */
class RollbackHold implements Hold {
  readonly reason = 'rollback';
  readonly binds: Hold['binds'];
  readonly until: WallMs | null;
  readonly #versions: Versions;
  readonly #keptForMs: Policy['protect']['keepLastForMs'];
  readonly #sinceMs: DurationMs;

  constructor(versions: Versions, keptForMs: Policy['protect']['keepLastForMs'], now: Now) {
    this.#versions = versions;
    this.#keptForMs = keptForMs;
    this.#sinceMs = idleSince(versions.switchedAt.idleMs, now.idleMs);
    this.binds = versions.headConfirmed === true ? 'age-rules' : 'always';
    this.until = keptForMs === 'always' ? null : wallMs(wallAt(versions.switchedAt.idleMs + keptForMs, now));
  }

  get detail(): string {
    const kept = this.#keptForMs === 'always' ? 'for a rollback' : `for ${formatDuration(this.#keptForMs)} after the switch`;
    const state = this.binds === 'age-rules' ? 'replaced' : 'the newer one has not proven itself yet; replaced';
    return `previous version of ${this.#versions.name}, kept ${kept}; ${state} ${formatAge(this.#sinceMs)} ago`;
  }
}

function* listVersions(streams: readonly VersionStream[], lineages: VersionHistory['lineages']): Generator<Versions> {
  const known = new Map<string, VersionStream>();
  if (lineages.size > 0) for (const stream of streams) if (lineages.has(stream.name)) known.set(stream.name, stream);
  for (const { name, headImageId, previousImageId, switchedAt, headConfirmed } of lineages.values()) {
    const first = previousImageId === null ? [headImageId] : [headImageId, previousImageId];
    const used = (known.get(name)?.newest ?? []).map(({ imageId }) => imageId);
    yield { name, images: [...new Set([...first, ...used])], switchedAt, headConfirmed };
  }
  for (const stream of streams) {
    const versions = known.size > 0 && known.has(stream.name) ? null : versionsOf(stream);
    if (versions !== null) yield versions;
  }
}

/** Null: there is no previous one. */
function versionsOf(stream: VersionStream): Versions | null {
  const { name, newest } = stream;
  const head = newest[0];
  if (head === undefined || stream.size < 2) return null;
  return { name, images: newest.map(({ imageId }) => imageId), switchedAt: head.firstSeen, headConfirmed: null };
}

/** Repositories with one name are left out: nothing in them can be a previous version. Ordered as the listing first names them. */
function listStreams(history: VersionHistory, policy: Policy, now: Now): readonly VersionStream[] {
  const streams: VersionStream[] = [];
  for (const { name, last } of listRepositories(history, policy.protect, now)) {
    if (last.before !== undefined) divideByStream(name, last, policy.protect.keepLast, streams);
  }
  return streams;
}

/** Adds one stream for each kind of tag in a repository. Written out, because naming costs more than all the rest of a large plan. */
function divideByStream(repository: string, last: Version, keepLast: number, streams: VersionStream[]): void {
  const byTag = new Map<string | null, VersionStream>();
  for (let version: Version | undefined = last; version !== undefined; version = version.before) {
    const { name, record } = version;
    const tag = name[repository.length] === ':' ? tagStream(name.slice(repository.length + 1)) : null;
    let stream = byTag.get(tag);
    if (stream === undefined) {
      stream = new VersionStream(tag === null ? repository : `${repository}:${tag}`, keepLast);
      byTag.set(tag, stream);
      streams.push(stream);
    }
    if (record !== undefined) stream.add(record);
  }
}
