import { type ImageId, type WallMs, wallMs } from '../model/brands.ts';
import { formatAge, formatDuration } from '../model/duration.ts';
import type { Image } from '../model/inventory.ts';
import { tagStream } from '../model/lineage-name.ts';
import type { Policy } from '../model/policy.ts';
import type { Instant, Lineage, Now, UseRecord } from '../model/use-record.ts';
import { idleSince, wallAt } from '../usage/idle-clock.ts';
import type { Hold } from './hold.ts';

/** What is known of versions: the images, and the lineages where switches were seen as they happened. */
export interface VersionHistory {
  readonly images: readonly Image[];
  /** One for each image, at its index. Undefined: first seen now. */
  readonly records: readonly (UseRecord | undefined)[];
  readonly lineages: ReadonlyMap<string, Lineage>;
}

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
  const streams = listStreams(history, findChanging(history, policy, now));
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

/**
 * The repositories in which a previous version may have to be held: where a switch was recorded, or where an image came within the
 * time that one is kept. On most hosts that is few, and naming streams costs more than all the rest of a large plan.
 *
 * @returns null when all may
 */
function findChanging({ images, records, lineages }: VersionHistory, policy: Policy, now: Now): ReadonlySet<string> | null {
  const { keepLastForMs } = policy.protect;
  if (keepLastForMs === 'always') return null;
  // A lineage by digest is named as its repository, and others as repository and tag; a colon may also stand before a port.
  const changing = new Set([...lineages.keys()].flatMap((name) => [name, name.slice(0, Math.max(0, name.lastIndexOf(':')))]));
  for (const [at, image] of images.entries()) {
    const seen = records[at]?.firstSeen;
    if (seen === undefined || idleSince(seen.idleMs, now.idleMs) >= keepLastForMs) continue;
    for (const name of versionNames(image)) changing.add(repositoryOf(name));
  }
  return changing;
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

/** One name of an image, and the name before it in the same repository. */
interface Version {
  readonly name: string;
  readonly record: UseRecord | undefined;
  readonly before: Version | undefined;
}

/** Repositories with one name are left out: nothing in them can be a previous version. */
function listStreams({ images, records }: VersionHistory, changing: ReadonlySet<string> | null): readonly Stream[] {
  if (changing?.size === 0) return [];
  const newest = new Map<string, Version>();
  for (const [at, image] of images.entries()) {
    for (const name of versionNames(image)) {
      const repository = repositoryOf(name);
      if (changing !== null && !changing.has(repository)) continue;
      newest.set(repository, { name, record: records[at], before: newest.get(repository) });
    }
  }
  const streams: Stream[] = [];
  for (const [repository, version] of newest) {
    if (version.before !== undefined) divideByStream(repository, version, streams);
  }
  return streams;
}

/** Adds one stream for each kind of tag in a repository. Written out, because naming costs more than all the rest of a large plan. */
function divideByStream(repository: string, last: Version, streams: Stream[]): void {
  const usedBySuffix = new Map<string, UseRecord[]>();
  for (let version: Version | undefined = last; version !== undefined; version = version.before) {
    const { name, record } = version;
    const suffix = name[repository.length] === ':' ? `:${tagStream(name.slice(repository.length + 1))}` : '';
    let used = usedBySuffix.get(suffix);
    if (used === undefined) {
      used = [];
      usedBySuffix.set(suffix, used);
    }
    // An image with two tags of one stream is one version of it.
    if (record !== undefined && record.lastUsed !== null && used.at(-1) !== record) used.push(record);
  }
  for (const [suffix, used] of usedBySuffix) streams.push({ name: repository + suffix, used });
}

/** Tags tell versions apart; an image held by digest alone is a version of its repository. */
function versionNames(image: Image): readonly string[] {
  return image.references.length > 0 ? image.references : image.digests;
}

function repositoryOf(name: string): string {
  const at = name.indexOf('@');
  return at < 0 ? name.slice(0, name.lastIndexOf(':')) : name.slice(0, at);
}
