import { type Bytes, bytes } from '../model/brands.ts';

/** One line of an image's history. */
export interface HistoryEntry {
  readonly CreatedBy: string;
  readonly Size: number;
}

/** Instructions that change the configuration alone; a size of 0 beside any other may be a real layer, such as an empty directory's. */
const CONFIGURATION_ONLY =
  /^(?:\/bin\/sh -c #\(nop\)\s+)?(?:ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME)\b/;

/**
 * Finds which history lines made a layer; Docker's answer does not say. In the last resort the sum is right and only the
 * place of a layer of 0 bytes is not.
 *
 * @param history newest first, as the engine gives it
 * @param layerCount how many layers the image has
 * @returns sizes, base first; null when the history cannot fit
 */
export function alignHistory(history: readonly HistoryEntry[], layerCount: number): readonly Bytes[] | null {
  const entries = history.toReversed();
  if (entries.some(({ Size }) => !Number.isSafeInteger(Size) || Size < 0)) return null;
  const sized = entries.filter(({ Size }) => Size > 0);
  const likely = entries.filter(({ Size, CreatedBy }) => Size > 0 || !CONFIGURATION_ONLY.test(CreatedBy));
  const fitting = [entries, sized, likely].find((candidates) => candidates.length === layerCount);
  if (fitting !== undefined) return fitting.map(({ Size }) => bytes(Size));
  if (entries.length < layerCount || sized.length > layerCount) return null;
  return fillWithEmpty(likely.length > layerCount ? likely : entries, layerCount - sized.length);
}

function fillWithEmpty(entries: readonly HistoryEntry[], emptyCount: number): readonly Bytes[] {
  let left = emptyCount;
  return entries.filter(({ Size }) => Size > 0 || left-- > 0).map(({ Size }) => bytes(Size));
}
