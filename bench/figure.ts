import { excessMs, type Pair, ratioOf } from './samples.ts';

/** What a figure must not exceed: its floor so many times, so many milliseconds, or its floor by so many milliseconds. */
export interface Bar {
  readonly kind: 'ratio' | 'ms' | 'excess-ms';
  readonly most: number;
}

/** One line of the table. */
export interface Figure {
  readonly title: string;
  readonly floorTitle: string;
  readonly pair: Pair;
  /** All are to be met; empty: told, and held to nothing. */
  readonly bars: readonly Bar[];
  /** What a reader should know of this figure besides. */
  readonly note?: string;
}

/** Whether a figure exceeds one of its bars. */
export function isMissed({ pair, bars }: Figure): boolean {
  return bars.some(({ kind, most }) => measureOf(pair, kind) > most);
}

function measureOf(pair: Pair, kind: Bar['kind']): number {
  if (kind === 'ratio') return ratioOf(pair);
  return kind === 'ms' ? pair.figure.medianMs : excessMs(pair);
}

/** Prints figures as one table. */
export function formatFigures(figures: readonly Figure[]): string {
  const head = ['what', 'ms (min)', 'floor', 'ms (min)', 'ratio', 'above', 'bar', ''];
  const rows = figures.map((figure) => {
    const { title, floorTitle, pair, bars } = figure;
    const verdict = bars.length === 0 ? '' : isMissed(figure) ? 'MISSED' : 'met';
    const above = `${formatMs(excessMs(pair))} ms`;
    return [
      title,
      formatTimes(pair.figure),
      floorTitle,
      formatTimes(pair.floor),
      `${ratioOf(pair).toFixed(2)}x`,
      above,
      bars.map(formatBar).join(', '),
      verdict,
    ];
  });
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function formatBar({ kind, most }: Bar): string {
  if (kind === 'ratio') return `≤ ${most}x`;
  return kind === 'ms' ? `≤ ${most} ms` : `≤ ${most} ms above`;
}

function formatTimes({ medianMs, minMs }: Pair['figure']): string {
  return `${formatMs(medianMs)} (${formatMs(minMs)})`;
}

function formatMs(ms: number): string {
  return Math.abs(ms) >= 100 ? ms.toFixed(0) : Math.abs(ms) >= 10 ? ms.toFixed(1) : ms.toFixed(3);
}
