/** Of FNV-1a. */
const PRIME = 0x0100_0193;

/**
 * Mixes a part of a text into a number, by which it is found among many. To cut the part off and hash that costs more than most else in a
 * large plan.
 *
 * @param from where the part begins; a place before the text counts as its beginning
 * @param end where the part ends
 * @returns 32 bits
 */
export function hashPart(text: string, from: number, end: number): number {
  let mixed = 0;
  for (let at = Math.max(0, from); at < end; at++) mixed = Math.imul(mixed ^ text.charCodeAt(at), PRIME);
  return mixed ^ (mixed >>> 15);
}

/** How many places a table for `count` hashes has: a power of 2, so that a mask cuts a hash to a place. */
export function tableSize(count: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, count)));
}
