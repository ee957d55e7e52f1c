/**
 * The known word that a person most likely meant: one with the same last part, or one few typing errors away.
 *
 * @returns null when none is near
 */
export function didYouMean(word: string, known: readonly string[]): string | null {
  const sought = simplify(word);
  const sameEnd = known.find((candidate) => lastPart(simplify(candidate)) === lastPart(sought));
  if (sameEnd !== undefined) return sameEnd;
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(sought, simplify(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(2, Math.floor(sought.length / 4)) ? best.candidate : null;
}

/** Insertions, deletions and replacements of single characters that lead from one word to the other (Levenshtein). */
export function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [row, sign] of [...from].entries()) {
    const current = [row + 1];
    for (const [column, other] of [...to].entries()) {
      const replaced = (previous[column] ?? 0) + (sign === other ? 0 : 1);
      current.push(Math.min(replaced, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}

function simplify(word: string): string {
  return word.toLowerCase().replaceAll('-', '_');
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
