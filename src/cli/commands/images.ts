import { look } from '../../collect/look.ts';
import { OperatingError } from '../../model/error.ts';
import { findImages } from '../../plan/find-image.ts';
import { formatImages, formatWhy } from '../forms/images-form.ts';
import { factsOf, findHolds } from '../image-facts.ts';
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
  const holdsOf = findHolds(seen);
  return answer(desk, {
    json: () => formatWhy(images, seen),
    text: () => images.map((image) => renderWhy(image, factsOf(seen), desk.look, holdsOf(image))).join(''),
  });
}

const NAMES_HINT = 'names are taken as engines take them ("app" is docker.io/library/app:latest); "imagegc images" lists all';
