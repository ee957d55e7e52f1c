import { type ComponentChild, h } from 'preact';
import { useState } from 'preact/hooks';
import type { ImageRow } from './api.ts';
import { button, el, inputOf, moreRows, table } from './elements.ts';
import { countOf, goes, idleDays, nameOf, sizeOf, when } from './words.ts';

const PAGE_ROWS = 100;

/** A column: its title, what it sorts by, and what stands in it. */
type Column = readonly [title: string, key: (image: ImageRow) => number | string, cell: (image: ImageRow) => ComponentChild];

interface TableProps {
  readonly images: readonly ImageRow[];
  readonly choose: (imageId: string) => void;
}

/** Every image; searched, filtered and sorted here. */
export function ImageTable({ images, choose }: TableProps): ComponentChild {
  const [search, setSearch] = useState('');
  const [only, setOnly] = useState('');
  const [sort, setSort] = useState({ at: 2, isDown: true });
  const [rows, setRows] = useState(PAGE_ROWS);
  const columns = columnsOf(choose);
  const words = search.toLowerCase().split(/\s+/);
  const found = images.filter((image) => (only === '' || image.verdict === only) && words.every((word) => textOf(image).includes(word)));
  const key = columns[sort.at]?.[1] ?? nameOf;
  const sorted = found.toSorted((a, b) => compare(key(a), key(b)) * (sort.isDown ? -1 : 1));
  const part = found.length === images.length ? '' : `${found.length.toLocaleString('en')} of `;
  const find = { type: 'search', placeholder: 'Search names, digests, reasons', 'aria-label': 'Search images', value: search };
  const options = [
    ['', 'all'],
    ['keep', 'kept'],
    ['remove', 'going'],
  ].map(([value, text]) => h('option', { value }, text));
  const heads = columns.map(([title], at) => {
    const isChosen = sort.at === at;
    return headOf(title, isChosen ? sort.isDown : null, () => setSort({ at, isDown: isChosen ? !sort.isDown : at !== 0 }));
  });
  const cells = sorted.slice(0, rows).map((image) => columns.map(([, , cell]) => cell(image)));
  return el(
    'div.images',
    el(
      'div.tools',
      h('input', { ...find, onInput: (event: InputEvent) => setSearch(inputOf(event)) }),
      h('select', { 'aria-label': 'Verdict', value: only, onChange: (event: Event) => setOnly(inputOf(event)) }, options),
      h('span', { class: 'quiet', role: 'status' }, part + countOf(images.length, 'image')),
    ),
    table('Table of images', heads, cells),
    moreRows(sorted.length - rows, () => setRows(rows + 5 * PAGE_ROWS)),
  );
}

function columnsOf(choose: TableProps['choose']): readonly Column[] {
  return [
    ['Image', nameOf, (image) => button(nameOf(image), () => choose(image.imageId), 'name')],
    ['Last used', (image) => -idleDays(image), ({ reason, lastUsedAt }) => (reason === 'in-use' ? 'in use' : when(lastUsedAt))],
    ['Exclusive', ({ exclusiveBytes }) => exclusiveBytes ?? -1, ({ exclusiveBytes }) => sizeOf(exclusiveBytes)],
    ['Verdict', ({ verdict, reason }) => `${verdict} ${reason}`, badgeOf],
    ['Would go', ({ verdict, until }) => (verdict === 'remove' ? '' : (until ?? '~')), goes],
  ];
}

/** The verdict in two words. */
export function badgeOf({ verdict, reason }: Pick<ImageRow, 'verdict' | 'reason'>): ComponentChild {
  return h('span', { class: `badge ${verdict}` }, `${verdict}: ${reason}`);
}

function headOf(title: string, isDown: boolean | null, sort: () => void): ComponentChild {
  const order = isDown === null ? 'none' : isDown ? 'descending' : 'ascending';
  const arrow = h('span', { 'aria-hidden': 'true' }, isDown === null ? '' : isDown ? ' ↓' : ' ↑');
  return h('th', { scope: 'col', 'aria-sort': order }, button([title, arrow], sort));
}

function textOf({ references, digests, imageId, verdict, reason, detail }: ImageRow): string {
  return [...references, ...digests, imageId, verdict, reason, detail].join(' ').toLowerCase();
}

function compare(a: number | string, b: number | string): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
}
