import type { Output } from '../world.ts';

const CLEAR_LINE = '\r\u001b[2K';

/** One line on a terminal that says how much of some work is done; elsewhere nothing is said. */
export function showShare(out: Output, what: string): { readonly show: (share: number) => void; readonly end: () => void } {
  let shown = -1;
  const show = (share: number): void => {
    const percent = Math.floor(100 * share);
    if (!out.isTTY || percent === shown) return;
    shown = percent;
    out.write(`${CLEAR_LINE}${what}: ${percent} %`);
  };
  return { show, end: () => out.isTTY && shown >= 0 && out.write(CLEAR_LINE) };
}
