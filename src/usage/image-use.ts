import { type ImageId, imageId, type WallMs } from '../model/brands.ts';

/**
 * The text file `image_use` of Azure IoT Edge: a line `<image id> <seconds since 1970>` per image
 * (Azure/iotedge `edgelet-docker/src/image_prune_data.rs`).
 */
export interface ImageUseFile {
  /** In the order of the file; each image once. */
  readonly entries: readonly ImageUse[];
  /** Lines that say nothing usable; each costs only itself. */
  readonly bad: readonly BadLine[];
}

/** When one image was last used, as the file says. */
export interface ImageUse {
  readonly imageId: ImageId;
  /** Whole seconds since 1970 on the wall clock. */
  readonly lastUsedSeconds: number;
}

/** A line that was set aside. */
export interface BadLine {
  /** 1 for the first. */
  readonly lineNumber: number;
  readonly text: string;
  readonly problem: string;
}

const MS_PER_SECOND = 1_000;
/** Docker's first release was in March 2013: an earlier stamp is one cut short, or of a clock that was not set. */
const EARLIEST_SECONDS = Date.UTC(2013, 0, 1) / MS_PER_SECOND;
const DIGITS = /^[0-9]+$/;
/** A file that was not synced before a power loss may hold runs of zero bytes. */
const PRINTABLE = /^[!-~]+$/;
const LINE_END = /\r?\n/;
const LINE_TEXT_MAX = 200;

/**
 * Reads the text. Empty lines mean nothing; of several lines for one image the latest stamp counts, wherever it stands; a stamp in
 * the future counts as `now`, because the clock that wrote it was wrong.
 *
 * @param content the bytes of the file: a line that is not UTF-8 must cost only itself
 * @param now the wall clock
 */
export function parseImageUse(content: Uint8Array, now: WallMs): ImageUseFile {
  const stamps = new Map<ImageId, number>();
  const bad: BadLine[] = [];
  // A byte that is not UTF-8 becomes U+FFFD, and spoils its own line alone.
  const lines = new TextDecoder().decode(content).split(LINE_END);
  for (const [index, text] of lines.entries()) {
    if (text.trim() === '') continue;
    const line = parseLine(text, now);
    if (typeof line === 'string') bad.push({ lineNumber: index + 1, text: text.slice(0, LINE_TEXT_MAX), problem: line });
    else stamps.set(line.imageId, Math.max(line.lastUsedSeconds, stamps.get(line.imageId) ?? 0));
  }
  return { entries: [...stamps].map(([id, lastUsedSeconds]) => ({ imageId: id, lastUsedSeconds })), bad };
}

/** @returns the entry, or a sentence that says what is wrong */
function parseLine(text: string, now: WallMs): ImageUse | string {
  if (text.includes('\uFFFD')) return 'the line is not UTF-8';
  const [id, stamp, ...rest] = text.trim().split(/\s+/);
  if (id === undefined || stamp === undefined) return 'the time is missing; write "<image id> <seconds since 1970>"';
  if (!PRINTABLE.test(id)) return 'that is not an image ID';
  if (rest.length > 0) return 'there is more than an image ID and a time';
  if (!DIGITS.test(stamp)) return `"${stamp}" is not a whole number of seconds`;
  const seconds = Number(stamp);
  if (seconds < EARLIEST_SECONDS)
    return `${stamp} is before 2013, when there were no images: cut short, or written by a clock that was not set`;
  return { imageId: imageId(id), lastUsedSeconds: Math.min(seconds, Math.floor(now / MS_PER_SECOND)) };
}

/** Writes the text as IoT Edge reads it. */
export function formatImageUse(entries: readonly ImageUse[]): string {
  return entries.map(({ imageId: id, lastUsedSeconds }) => `${id} ${lastUsedSeconds}\n`).join('');
}
