import { type ImageId, type WallMs, wallMs } from '../model/brands.ts';
import { formatAge, formatDuration } from '../model/duration.ts';
import type { Image, Inventory } from '../model/inventory.ts';
import { lineageName } from '../model/lineage-name.ts';
import type { Policy } from '../model/policy.ts';
import type { Instant, Lineage, Now, UseRecord } from '../model/use-record.ts';
import { idleSince, wallAt } from '../usage/idle-clock.ts';
import type { Hold } from './hold.ts';

/** What is known of versions: the records, and the lineages where switches were seen as they happened. */
export interface VersionHistory {
  readonly records: ReadonlyMap<ImageId, UseRecord>;
  readonly lineages: ReadonlyMap<string, Lineage>;
}

/** The versions of one lineage, newest first, and when the newest took over. */
interface Versions {
  readonly name: string;
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
export function holdPreviousVersions(inventory: Inventory, history: VersionHistory, policy: Policy, now: Now): ReadonlyMap<ImageId, Hold> {
  const holds = new Map<ImageId, Hold>();
  const { keepLast } = policy.protect;
  if (keepLast === 0) return holds;
  for (const versions of listVersions(inventory, history)) {
    const hold = holdFor(versions, policy, now);
    if (hold === null) continue;
    for (const image of versions.images.slice(1, 1 + keepLast)) {
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

function* listVersions(inventory: Inventory, history: VersionHistory): Generator<Versions> {
  const byName = groupByLineage(inventory);
  for (const lineage of history.lineages.values()) {
    const others = rankByUse(byName.get(lineage.name) ?? [], history.records);
    const ranked = [lineage.headImageId, ...(lineage.previousImageId === null ? [] : [lineage.previousImageId]), ...others];
    const { name, switchedAt, headConfirmed } = lineage;
    yield { name, images: [...new Set(ranked)], switchedAt, headConfirmed };
  }
  for (const [name, images] of byName) {
    if (images.length < 2 || history.lineages.has(name)) continue;
    const ranked = rankByUse(images, history.records);
    const head = ranked[0] === undefined ? undefined : history.records.get(ranked[0]);
    if (head !== undefined && ranked.length > 1) yield { name, images: ranked, switchedAt: head.firstSeen, headConfirmed: null };
  }
}

/** Versions that were used, the last used first; of two used at once the one that came later is the newer version. */
function rankByUse(images: readonly ImageId[], records: ReadonlyMap<ImageId, UseRecord>): readonly ImageId[] {
  const used = images.flatMap((image) => {
    const record = records.get(image);
    return record?.lastUsed == null ? [] : [{ image, used: record.lastUsed.idleMs, seen: record.firstSeen.idleMs }];
  });
  used.sort((left, right) => right.used - left.used || right.seen - left.seen || (left.image < right.image ? -1 : 1));
  return used.map(({ image }) => image);
}

/** A name whose lineage is of interest only once its repository has another; null when that was so. */
type Lone = { readonly name: string; readonly image: ImageId } | null;

/** Only repositories that occur more than once are named in full: naming costs more than all the rest of a large plan. */
function groupByLineage(inventory: Inventory): ReadonlyMap<string, ImageId[]> {
  const loneByRepository = new Map<string, Lone>();
  const byLineage = new Map<string, ImageId[]>();
  for (const image of inventory.images) {
    for (const name of versionNames(image)) {
      const repository = repositoryOf(name);
      const lone = loneByRepository.get(repository);
      if (lone === undefined) {
        loneByRepository.set(repository, { name, image: image.id });
        continue;
      }
      if (lone !== null) {
        addTo(byLineage, lineageName(lone.name), lone.image);
        loneByRepository.set(repository, null);
      }
      addTo(byLineage, lineageName(name), image.id);
    }
  }
  return byLineage;
}

/** Tags tell versions apart; an image held by digest alone is a version of its repository. */
function versionNames(image: Image): readonly string[] {
  return image.references.length > 0 ? image.references : image.digests;
}

function repositoryOf(name: string): string {
  const at = name.indexOf('@');
  return at < 0 ? name.slice(0, name.lastIndexOf(':')) : name.slice(0, at);
}

function addTo<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  // An image with two tags of one stream is one version of it.
  else if (list.at(-1) !== value) list.push(value);
}
