import { readFileSync } from 'node:fs';

// sqlite.org/fileformat2.html §4: a header of 32 bytes, then frames of 24 bytes and a page. Both carry the salts of this log and a
// checksum over everything before; a frame that ends a transaction says how many pages the database has then.
const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;

type Sums = readonly [number, number];

/**
 * Whether a log has lost transactions that were acknowledged. SQLite ends its reading at the first frame that does not fit, silently,
 * because a crash leaves such a tail: an image would seem unused since longer than it is. A crash can tear only the last transaction, so
 * two ends of transactions behind the break mean damage. A flipped bit within the very last transaction cannot be told from a crash.
 *
 * @param path of the `-wal` file
 * @returns what is wrong; null when nothing was lost
 */
export function findLostTransactions(path: string): string | null {
  const log = readFileSync(path);
  if (log.length <= HEADER_BYTES) return null;
  const magic = log.readUInt32BE(0);
  if ((magic & ~1) >>> 0 !== MAGIC) return 'the log has lost its header';
  // The lowest bit tells the byte order of the words that are summed.
  const words = readWords(log, magic === MAGIC);
  const sums = addWords([0, 0], words, 0, 6);
  if (sums[0] !== log.readUInt32BE(24) || sums[1] !== log.readUInt32BE(28)) return 'the header of the log is damaged';
  return countCommitsBehindBreak(log, words, sums) > 1 ? 'the log is damaged in the middle' : null;
}

function countCommitsBehindBreak(log: Buffer, words: Uint32Array, start: Sums): number {
  const frameBytes = FRAME_HEADER_BYTES + log.readUInt32BE(8);
  const salts = log.subarray(16, 24);
  let sums: Sums | null = start;
  let commits = 0;
  for (let offset = HEADER_BYTES; offset + frameBytes <= log.length; offset += frameBytes) {
    const isOfThisLog = log.compare(salts, 0, 8, offset + 8, offset + 16) === 0;
    sums = sums === null || !isOfThisLog ? null : sumFrame(log, words, sums, offset, frameBytes);
    if (sums === null && isOfThisLog && log.readUInt32BE(offset + 4) !== 0) commits += 1;
  }
  return commits;
}

/** @returns the sums behind the frame; null when the frame says others */
function sumFrame(log: Buffer, words: Uint32Array, before: Sums, offset: number, frameBytes: number): Sums | null {
  const header = addWords(before, words, offset / 4, 2);
  const sums = addWords(header, words, (offset + FRAME_HEADER_BYTES) / 4, (frameBytes - FRAME_HEADER_BYTES) / 4);
  return sums[0] === log.readUInt32BE(offset + 16) && sums[1] === log.readUInt32BE(offset + 20) ? sums : null;
}

function addWords([first, second]: Sums, words: Uint32Array, from: number, count: number): Sums {
  let [a, b] = [first, second];
  for (let index = from; index < from + count; index += 2) {
    a = (a + (words[index] ?? 0) + b) >>> 0;
    b = (b + (words[index + 1] ?? 0) + a) >>> 0;
  }
  return [a, b];
}

function readWords(part: Buffer, isLittleEndian: boolean): Uint32Array {
  const view = new DataView(part.buffer, part.byteOffset, part.length);
  const words = new Uint32Array(part.length >>> 2);
  for (let index = 0; index < words.length; index += 1) words[index] = view.getUint32(index * 4, isLittleEndian);
  return words;
}
