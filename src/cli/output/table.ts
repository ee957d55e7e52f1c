import { cut, type Look, paint, printable, type Style } from './style.ts';

/** One column of a table. */
export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** 1 is never dropped; where room is short, the highest number gives way first, and of equals the one further right. */
  readonly rank: number;
  /** The column may be cut down to this width. Null: it is shown whole or not at all. */
  readonly leastWidth: number | null;
  /** Where a cell is cut. */
  readonly cut: 'middle' | 'end';
}

/** A cell, coloured or not. */
export type Cell = string | { readonly text: string; readonly style: Style };

const GAP = 2;

/** Makes a column of text that can be cut down. */
export function textColumn(title: string, rank: number, leastWidth: number, where: Column['cut'] = 'end'): Column {
  return { title, align: 'left', rank, leastWidth, cut: where };
}

/** Makes a column of short words or figures that is never cut. */
export function rigidColumn(title: string, rank: number, align: Column['align'] = 'right'): Column {
  return { title, align, rank, leastWidth: null, cut: 'end' };
}

/** Lays out rows in aligned columns, one line per row whatever the width. @returns lines, each ended; empty when there are no rows */
export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[], look: Look): string {
  if (rows.length === 0) return '';
  const head = columns.map(({ title }): Cell => ({ text: title, style: 'bold' }));
  const lines = [head, ...rows];
  const natural = columns.map((_, index) => lines.reduce((width, row) => Math.max(width, [...textOf(row[index])].length), 0));
  const widths = fit(columns, natural, look.width ?? Number.POSITIVE_INFINITY);
  return lines.map((row) => `${layOut(columns, row, widths, look)}\n`).join('');
}

/** The same of items, with each column beside what it shows of one. */
export function tableOf<Item>(
  items: readonly Item[],
  look: Look,
  columns: readonly (readonly [column: Column, cellOf: (item: Item) => Cell])[],
): string {
  const shown = columns.map(([column]) => column);
  const rows = items.map((item) => columns.map(([, cellOf]) => cellOf(item)));
  return table(shown, rows, look);
}

/** @returns a width per column; 0 where it is dropped */
function fit(columns: readonly Column[], natural: readonly number[], room: number): readonly number[] {
  const widths = [...natural];
  const least = columns.map(({ leastWidth }, index) => Math.min(leastWidth ?? Number.POSITIVE_INFINITY, natural[index] ?? 0));
  const byRank = columns.map(({ rank }, index) => ({ rank, index })).sort((a, b) => b.rank - a.rank || b.index - a.index);
  for (const { rank, index } of byRank) {
    if (rank > 1 && totalWidth(least.map((width, at) => (widths[at] === 0 ? 0 : width))) > room) widths[index] = 0;
  }
  for (const { index } of byRank) {
    const excess = totalWidth(widths) - room;
    const width = widths[index] ?? 0;
    if (excess > 0 && width > 0) widths[index] = Math.max(least[index] ?? 0, width - excess);
  }
  return widths;
}

function totalWidth(widths: readonly number[]): number {
  const shown = widths.filter((width) => width > 0);
  return shown.reduce((sum, width) => sum + width + GAP, -GAP);
}

function layOut(columns: readonly Column[], row: readonly Cell[], widths: readonly number[], look: Look): string {
  let line = '';
  let blanks = '';
  let room = look.width ?? Number.POSITIVE_INFINITY;
  for (const [index, column] of columns.entries()) {
    const width = Math.min(widths[index] ?? 0, room);
    if (width <= 0) continue;
    const cell = row[index] ?? '';
    const shown = cut(textOf(cell), width, column.cut);
    const padding = ' '.repeat(width - [...shown].length);
    const coloured = typeof cell === 'string' ? shown : paint(cell.style, shown, look);
    room -= width + GAP;
    const [before, after] = column.align === 'right' ? [padding, ''] : ['', padding];
    if (shown !== '') line += blanks + before + coloured;
    blanks = (shown === '' ? blanks + padding : after) + ' '.repeat(GAP);
  }
  return line;
}

function textOf(cell: Cell | undefined): string {
  return cell === undefined ? '' : printable(typeof cell === 'string' ? cell : cell.text);
}
