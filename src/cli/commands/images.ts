import { type Look, look } from '../../collect/look.ts';
import { wallMs } from '../../model/brands.ts';
import { OperatingError } from '../../model/error.ts';
import type { Image } from '../../model/inventory.ts';
import type { Instant, Now } from '../../model/use-record.ts';
import { assess, gatherCircumstances } from '../../plan/assess.ts';
import { findImages } from '../../plan/find-image.ts';
import { exclusiveBytes } from '../../plan/layer-counts.ts';
import { indexStandings } from '../../usage/habit-learner.ts';
import { wallAt } from '../../usage/idle-clock.ts';
import { formatTime } from '../forms/rfc3339.ts';
import { type ImageFacts, renderImages, renderWhy } from '../output/render-images.ts';
import { answer, type Desk, lookContext, openSession } from '../session.ts';

/** `imagegc images`: every image with its last use, its own bytes, its verdict, and when it would go. */
export async function runImages(desk: Desk): Promise<number> {
  using session = await openSession(desk, 'read');
  const seen = await look(lookContext(session, null));
  const facts = factsOf(seen);
  const { inventory } = seen;
  return answer(desk, { json: () => formatImages(inventory.images, facts), text: () => renderImages(inventory, facts, desk.look) });
}

/** `imagegc why IMAGE`: the full reasoning for one image. @throws OperatingError `not-found` */
export async function runWhy(desk: Desk, text: string): Promise<number> {
  using session = await openSession(desk, 'read');
  const seen = await look(lookContext(session, null));
  const images = findImages(seen.inventory, text);
  if (images.length === 0) {
    const problem = 'no image has this name, digest or ID';
    throw new OperatingError({ kind: 'not-found', operation: 'find the image', subject: text, problem, hint: NAMES_HINT });
  }
  const facts = factsOf(seen);
  return answer(desk, {
    json: () => formatImages(images, facts, (image) => ({ holds: holdsOf(image, seen) })),
    text: () => images.map((image) => renderWhy(image, facts, desk.look, holdsOf(image, seen))).join(''),
  });
}

function factsOf({ plan, input, inventory }: Look): ImageFacts {
  const standings = indexStandings(input.habits.lineages.values());
  return { plan, records: input.records, exclusiveBytes: exclusiveBytes(inventory), standings, now: input.now };
}

/** Everything that keeps the image, not only the first reason. */
function holdsOf(image: Image, { input }: Look): ReturnType<typeof assess>['holds'] {
  return assess(image, input.records.get(image.id), gatherCircumstances(input)).holds;
}

/** What `imagegc images --json` and `imagegc why --json` print (`docs/json.md`). Times are as in an export: now less the observed age. */
function formatImages(images: readonly Image[], facts: ImageFacts, extra: (image: Image) => object = () => ({})): object {
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

function timeOf(at: Instant | null | undefined, now: Now): string | null {
  return at == null ? null : formatTime(wallMs(wallAt(at.idleMs, now)));
}

const NAMES_HINT = 'names are taken as engines take them ("app" is docker.io/library/app:latest); "imagegc images" lists all';
