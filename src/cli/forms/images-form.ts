import type { Look } from '../../collect/look.ts';
import { wallMs } from '../../model/brands.ts';
import type { Image } from '../../model/inventory.ts';
import type { Instant, Now } from '../../model/use-record.ts';
import { wallAt } from '../../usage/idle-clock.ts';
import { factsOf, findHolds, type ImageFacts } from '../image-facts.ts';
import { formatTime } from './rfc3339.ts';

/** What `imagegc images --json` prints (`docs/json.md`). Times are as in an export: now less the observed age. */
export function formatImages(images: readonly Image[], facts: ImageFacts, extra: (image: Image) => object = () => ({})): object {
  const verdicts = new Map(facts.plan.verdicts.map((verdict) => [verdict.imageId, verdict]));
  const rows = images.map((image) => {
    const record = facts.records.get(image.id);
    const verdict = verdicts.get(image.id);
    return {
      imageId: image.id,
      references: image.references,
      digests: image.digests,
      origin: record?.origin ?? image.origin,
      firstSeenAt: timeOf(record?.firstSeen, facts.now),
      lastUsedAt: timeOf(record?.lastUsed, facts.now),
      exclusiveBytes: facts.exclusiveBytes.get(image.id) ?? null,
      verdict: verdict?.verdict ?? null,
      reason: verdict?.reason ?? null,
      detail: verdict?.detail ?? null,
      until: verdict?.until == null ? null : formatTime(verdict.until),
      ...extra(image),
    };
  });
  return { format: 'imagegc.images/1', at: formatTime(facts.now.wallMs), images: rows };
}

/** What `imagegc why --json` prints: with all that keeps each image. */
export function formatWhy(images: readonly Image[], seen: Look): object {
  const holdsOf = findHolds(seen);
  return formatImages(images, factsOf(seen), (image) => ({ holds: holdsOf(image) }));
}

function timeOf(at: Instant | null | undefined, now: Now): string | null {
  return at == null ? null : formatTime(wallMs(wallAt(at.idleMs, now)));
}
