import { type Look, look } from '../../collect/look.ts';
import { OperatingError } from '../../model/error.ts';
import type { Image } from '../../model/inventory.ts';
import { assess, gatherCircumstances } from '../../plan/assess.ts';
import { findImages } from '../../plan/find-image.ts';
import { exclusiveBytes } from '../../plan/layer-counts.ts';
import { indexStandings } from '../../usage/habit-learner.ts';
import { formatImages } from '../forms/images-form.ts';
import type { ImageFacts } from '../image-facts.ts';
import { renderImages, renderWhy } from '../output/render-images.ts';
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

const NAMES_HINT = 'names are taken as engines take them ("app" is docker.io/library/app:latest); "imagegc images" lists all';
