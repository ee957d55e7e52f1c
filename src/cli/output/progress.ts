import type { CollectProgress } from '../../collect/collection.ts';
import { formatByteSize } from '../../model/byte-size.ts';
import type { Output } from '../world.ts';
import { cut } from './style.ts';

const BAR_WIDTH_MAX = 40;
const CLEAR_LINE = '\r\u001b[2K';

/** Draws one line: a bar, counts and bytes; never wider than the terminal. */
export function progressBar({ done, total, freedBytes }: CollectProgress, width: number): string {
  const figures = ` ${done}/${total} images, ${formatByteSize(freedBytes)} freed`;
  const room = Math.min(BAR_WIDTH_MAX, width - figures.length - 3);
  if (room < 5) return cut(figures.trim(), width - 1, 'end');
  const filled = total === 0 ? room : Math.floor((room * Math.min(done, total)) / total);
  return `[${'#'.repeat(filled)}${'.'.repeat(room - filled)}]${figures}`;
}

/** Shows progress as it happens, and clears its line so that what is printed next starts clean. */
interface Shown<State> {
  readonly show: (state: State) => void;
  readonly end: () => void;
}

/**
 * Shows a collection: one line drawn over and over on a terminal, else one line per batch.
 *
 * @param width columns of the terminal; null when there is none
 */
export function showProgress(write: (text: string) => void, width: number | null): Shown<CollectProgress> {
  const show = (state: CollectProgress): void => {
    if (width !== null) write(CLEAR_LINE + progressBar(state, width));
    else write(`${state.done} of ${state.total} images done, ${formatByteSize(state.freedBytes)} freed\n`);
  };
  const end = (): void => {
    if (width !== null) write(CLEAR_LINE);
  };
  return { show, end };
}

/** One line on a terminal that says how much of some work is done; elsewhere nothing is said. */
export function showShare(out: Output, what: string): Shown<number> {
  let shown = -1;
  const show = (share: number): void => {
    const percent = Math.floor(100 * share);
    if (!out.isTTY || percent === shown) return;
    shown = percent;
    out.write(`${CLEAR_LINE}${what}: ${percent} %`);
  };
  return { show, end: () => out.isTTY && shown >= 0 && out.write(CLEAR_LINE) };
}
