import { lineageName } from '../model/lineage-name.ts';
import type { UseEntry } from '../model/use-record.ts';

/** What asked for an image: its name when it was used. Null: it had none, and nothing tells that it is a version of anything. */
export function lineageOfUse({ references }: Pick<UseEntry, 'references'>): string | null {
  const [reference] = references;
  return reference === undefined ? null : lineageName(reference);
}
