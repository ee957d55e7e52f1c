import { type ImageId, type WallMs, wallMs } from '../model/brands.ts';
import { formatAge, formatDuration } from '../model/duration.ts';
import { tagStream } from '../model/lineage-name.ts';
import type { Policy } from '../model/policy.ts';
import type { Instant, Now, UseRecord } from '../model/use-record.ts';
import { idleSince, wallAt } from '../usage/idle-clock.ts';
import type { Hold } from './hold.ts';
import { listRepositories, type Version, type VersionHistory } from './repositories.ts';

/** The versions of one lineage, and when the newest took over. */
interface Versions {
  readonly name: string;
  /** Newest first. Asked for only where they are to be held: ranking costs more than all the rest. */
  readonly rank: () => readonly ImageId[];
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
  const streams = listStreams(history, policy, now);
  for (const versions of listVersions(streams, history.lineages)) {
    const hold = holdFor(versions, policy, now);
    if (hold === null) continue;
    for (const image of versions.rank().slice(1, 1 + keepLast)) {
      if (holds.get(image)?.binds !== 'always') holds.set(image, hold);
    }
  }
  return holds;
}

function holdFor(versions: Versions, policy: Policy, now: Now): Hold | null {
  const { keepLastForMs } = policy.protect;
  const sinceMs = idleSince(versions.switchedAt.idleMs, now.idleMs);
  const isWithin = keepLastForMs === 'always' || sinceMs < keepLastForMs;
  if (!isWithin && versions.headConfirmed !== false) return null;
  const isFinal = versions.headConfirmed === true;
  const until: WallMs | null =
    isWithin && keepLastForMs !== 'always' ? wallMs(wallAt(versions.switchedAt.idleMs + keepLastForMs, now)) : null;
  const kept = isWithin && keepLastForMs !== 'always' ? `for ${formatDuration(keepLastForMs)} after the switch` : 'for a rollback';
  const state = isFinal ? 'replaced' : 'the newer one has not proven itself yet; replaced';
  const detail = `previous version of ${versions.name}, kept ${kept}; ${state} ${formatAge(sinceMs)} ago`;
  return { reason: 'rollback', detail, until, binds: isFinal ? 'age-rules' : 'always' };
}

function* listVersions(streams: readonly Stream[], lineages: VersionHistory['lineages']): Generator<Versions> {
  const known = new Map(streams.filter(({ name }) => lineages.has(name)).map(({ name, used }) => [name, used]));
  for (const { name, headImageId, previousImageId, switchedAt, headConfirmed } of lineages.values()) {
    const first = previousImageId === null ? [headImageId] : [headImageId, previousImageId];
    const rank = () => [...new Set([...first, ...rankByUse(known.get(name) ?? [])])];
    yield { name, rank, switchedAt, headConfirmed };
  }
  for (const { name, used } of streams) {
    const head = findHead(used);
    if (head === undefined || used.length < 2 || known.has(name)) continue;
    yield { name, rank: () => rankByUse(used), switchedAt: head.firstSeen, headConfirmed: null };
  }
}

/** The first of {@link rankByUse}; undefined when none was used. */
function findHead(used: readonly UseRecord[]): UseRecord | undefined {
  let head: UseRecord | undefined;
  for (const record of used) if (head === undefined || compareByUse(record, head) < 0) head = record;
  return head;
}

/** The last used first. */
function rankByUse(used: readonly UseRecord[]): readonly ImageId[] {
  return used.toSorted(compareByUse).map(({ imageId }) => imageId);
}

/** Of two used at once the one that came later is the newer version. */
function compareByUse(left: UseRecord, right: UseRecord): number {
  if (left.lastUsed === null || right.lastUsed === null) return 0;
  const byUse = right.lastUsed.idleMs - left.lastUsed.idleMs || right.firstSeen.idleMs - left.firstSeen.idleMs;
  return byUse || (left.imageId < right.imageId ? -1 : 1);
}

/** Images of one lineage that were ever used, each once: an image that never was is no version to go back to. */
interface Stream {
  readonly name: string;
  readonly used: readonly UseRecord[];
}

/** Repositories with one name are left out: nothing in them can be a previous version. Ordered as the listing first names them. */
function listStreams(history: VersionHistory, policy: Policy, now: Now): readonly Stream[] {
  const streams: Stream[] = [];
  for (const { name, last } of listRepositories(history, policy.protect, now)) {
    if (last.before !== undefined) divideByStream(name, last, streams);
  }
  return streams;
}

/** Adds one stream for each kind of tag in a repository. Written out, because naming costs more than all the rest of a large plan. */
function divideByStream(repository: string, last: Version, streams: Stream[]): void {
  const usedByTag = new Map<string | null, UseRecord[]>();
  for (let version: Version | undefined = last; version !== undefined; version = version.before) {
    const { name, record } = version;
    const tag = name[repository.length] === ':' ? tagStream(name.slice(repository.length + 1)) : null;
    let used = usedByTag.get(tag);
    if (used === undefined) {
      used = [];
      usedByTag.set(tag, used);
      streams.push({ name: tag === null ? repository : `${repository}:${tag}`, used });
    }
    // An image with two tags of one stream is one version of it.
    if (record !== undefined && record.lastUsed !== null && used.at(-1) !== record) used.push(record);
  }
}
