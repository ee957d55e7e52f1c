/**
 * Sorts indices by the number of each, the smallest first, and those with the same number by `compareTied`.
 *
 * Numbers alone are sorted natively, because a sort of 100,000 would call a comparison 1.6 million times. Instants leave room for a place
 * beside each; behind any other numbers each index looks for its own.
 *
 * @param numbers by index; none is NaN
 */
export function sortByNumber(
  indices: readonly number[],
  numbers: ArrayLike<number>,
  compareTied: (left: number, right: number) => number,
): readonly number[] {
  if (indices.length < 2) return indices;
  const own = new Float64Array(indices.length);
  for (let at = 0; at < own.length; at++) own[at] = numbers[indices[at] ?? 0] ?? 0;
  const ordered = orderPacked(indices, own) ?? orderSearched(indices, own);
  for (let from = 0, end = 1; from < ordered.length; from = end, end++) {
    const number = numbers[ordered[from] ?? 0] ?? 0;
    while (end < ordered.length && numbers[ordered[end] ?? 0] === number) end++;
    if (end - from < 2) continue;
    const group = ordered.slice(from, end).sort(compareTied);
    for (let at = from; at < end; at++) ordered[at] = group[at - from] ?? 0;
  }
  return ordered;
}

/** @returns null where a number is not whole, or a number and a place do not fit into one */
function orderPacked(indices: readonly number[], own: Float64Array): number[] | null {
  let least = own[0] ?? 0;
  let most = least;
  for (let at = 0; at < own.length; at++) {
    const number = own[at] ?? 0;
    if (number !== Math.floor(number)) return null;
    if (number < least) least = number;
    else if (number > most) most = number;
  }
  // A power of 2, by which a division is exact.
  const places = 2 ** Math.ceil(Math.log2(own.length));
  if (!((most - least + 1) * places <= Number.MAX_SAFE_INTEGER)) return null;
  for (let at = 0; at < own.length; at++) own[at] = ((own[at] ?? 0) - least) * places + at;
  own.sort();
  const ordered = indices.slice();
  for (let at = 0; at < own.length; at++) {
    const packed = own[at] ?? 0;
    ordered[at] = indices[packed - Math.floor(packed / places) * places] ?? 0;
  }
  return ordered;
}

function orderSearched(indices: readonly number[], own: Float64Array): number[] {
  const sorted = own.toSorted();
  const taken = new Int32Array(own.length);
  const ordered = indices.slice();
  for (let at = 0; at < own.length; at++) {
    const place = findFirst(sorted, own[at] ?? 0);
    const before = taken[place] ?? 0;
    taken[place] = before + 1;
    ordered[place + before] = indices[at] ?? 0;
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
