import type { Image, WorkloadNeed } from '../model/inventory.ts';
import { matchesImage, parseReferencePattern, type ReferencePattern } from '../model/pattern.ts';
import { canonicalReference } from '../model/reference.ts';

/** What workloads need, to be asked image by image: whole names are looked up, so that a host may have as many of both as it likes. */
export class WorkloadNeeds {
  readonly #named = new Map<string, WorkloadNeed[]>();
  readonly #patterns: { readonly pattern: ReferencePattern; readonly need: WorkloadNeed }[] = [];

  constructor(needs: readonly WorkloadNeed[]) {
    for (const need of needs) {
      const name = canonicalReference(need.pattern);
      const pattern = parseReferencePattern(need.pattern);
      const isWhole = /:[^/]*$/.test(name) && !/[*?@]/.test(name);
      if (isWhole) this.#named.set(name, [...(this.#named.get(name) ?? []), need]);
      else if (pattern.ok) this.#patterns.push({ pattern: pattern.value, need });
    }
  }

  /** Who needs the image, the first by name, and how many more do. */
  of(image: Image): { readonly need: WorkloadNeed | undefined; readonly more: number } {
    if (this.#named.size === 0 && this.#patterns.length === 0) return NOBODY;
    const named = image.references.flatMap((reference) => this.#named.get(reference) ?? []);
    const matching = this.#patterns.filter(({ pattern }) => matchesImage(pattern, image)).map(({ need }) => need);
    const [need, ...others] = [...named, ...matching];
    return { need, more: others.length };
  }
}

const NOBODY = { need: undefined, more: 0 } as const;
