import type { ImageId } from '../../model/brands.ts';
import { familiarReference } from '../../model/reference.ts';

const SHORT_LENGTH = 12;

/** The first characters of an image ID, as engines print them. */
export function shortId(id: ImageId): string {
  return id.replace(/^[a-z0-9]+:/, '').slice(0, SHORT_LENGTH);
}

/** What a person calls an image: its first tag in the familiar form and how many more there are, else its digest, else its ID. */
export function imageName(image: { readonly references: readonly string[]; readonly digests: readonly string[] }, id: ImageId): string {
  const [first] = image.references;
  if (first !== undefined) return familiarReference(first) + more(image.references);
  const [digest] = image.digests;
  if (digest === undefined) return `<none> ${shortId(id)}`;
  return familiarReference(digest).replace(/(@[a-z0-9]+:[0-9a-f]{12})[0-9a-f]+$/, '$1') + more(image.digests);
}

function more(names: readonly string[]): string {
  return names.length > 1 ? ` (+${names.length - 1})` : '';
}
