/**
 * Sorts indices by the number of each, the smallest first, and those with the same number by `compareTied`.
 *
 * Numbers alone are sorted natively, and each index then looks for the place of its number: a sort of 100,000 would call a comparison
 * 1.6 million times.
 *
 * @param numbers by index; none is NaN
 */
export function sortByNumber(
  indices: readonly number[],
  numbers: ArrayLike<number>,
  compareTied: (left: number, right: number) => number,
): readonly number[] {
  if (indices.length < 2) return indices;
  const sorted = new Float64Array(indices.length);
  for (let at = 0; at < indices.length; at++) sorted[at] = numbers[indices[at] ?? 0] ?? 0;
  sorted.sort();
  const taken = new Int32Array(indices.length);
  const ordered = indices.slice();
  for (let at = 0; at < indices.length; at++) {
    const index = indices[at] ?? 0;
    const place = findFirst(sorted, numbers[index] ?? 0);
    const before = taken[place] ?? 0;
    taken[place] = before + 1;
    ordered[place + before] = index;
  }
  for (let from = 0; from < ordered.length; from += taken[from] ?? 1) {
    const tied = taken[from] ?? 1;
    if (tied < 2) continue;
    const group = ordered.slice(from, from + tied).sort(compareTied);
    for (let at = 0; at < tied; at++) ordered[from + at] = group[at] ?? 0;
  }
  return ordered;
}

/** The first place at which a number stands, among sorted ones that have it. */
function findFirst(sorted: Float64Array, number: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
