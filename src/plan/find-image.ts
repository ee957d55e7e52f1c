import type { Image, Inventory } from '../model/inventory.ts';
import { matchesImage, parseReferencePattern } from '../model/pattern.ts';
import { canonicalReference, parseReference } from '../model/reference.ts';

/**
 * The images a person means: by a name (`latest` when no tag is given, as engines do), a digest, or an ID of 4 or more characters.
 *
 * @returns all that match; a person who wrote a short ID may have to write more of it
 */
export function findImages(inventory: Inventory, text: string): readonly Image[] {
  const reference = parseReference(text);
  if (reference.ok) {
    const { tag, digest } = reference.value;
    const name = canonicalReference(tag === null && digest === null ? `${text}:latest` : text);
    const named = inventory.images.filter(({ references, digests }) => references.includes(name) || digests.includes(name));
    if (named.length > 0) return named;
  }
  const byId = inventory.images.filter(({ id }) => isIdPrefix(text) && id.replace(/^sha256:/, '').startsWith(text.replace(/^sha256:/, '')));
  if (byId.length > 0) return byId;
  const pattern = parseReferencePattern(text);
  return pattern.ok ? inventory.images.filter((image) => matchesImage(pattern.value, image)) : [];
}

function isIdPrefix(text: string): boolean {
  return /^(?:sha256:)?[0-9a-f]{4,64}$/.test(text);
}
