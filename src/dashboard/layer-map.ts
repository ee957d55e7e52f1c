import { type HierarchyRectangularNode, hierarchy, treemap } from 'd3-hierarchy';
import { type ComponentChild, h } from 'preact';
import type { ImageRow, Served } from './api.ts';
import { el } from './elements.ts';
import { countOf, idleDays, nameOf, shorten, sizeOf } from './words.ts';

/** One rectangle, or a group of them. */
interface Tile {
  readonly name: string;
  readonly value?: number;
  readonly shade?: string;
  readonly about?: string;
  /** Null: it stands for several. */
  readonly imageId?: string | null;
  readonly children?: readonly Tile[];
}

interface MapProps {
  readonly layers: Served['layers'];
  readonly images: readonly ImageRow[];
  readonly width: number;
  readonly choose: (imageId: string) => void;
}

const TILES_MAX = 250;
const TITLE_HEIGHT = 18;
const LETTER_WIDTH = 6.6;
/** Days since the last use, and the shade from there on. */
const AGES = [0, 1, 3, 7, 14, 30] as const;
const LEGEND = [
  ['in-use', 'in use'],
  ...AGES.map((days, at) => [`age-${at}`, days === 0 ? 'used today' : `${days} d`] as const),
  ['hatched', 'shared'],
] as const;

/** Layers by size: an image's own in the colour of its idle time, shared ones hatched, in that of the image that was used last. */
export function LayerMap({ layers, images, width, choose }: MapProps): ComponentChild {
  const height = width < 500 ? 420 : 340;
  const root = treemap<Tile>()
    .size([width, height])
    .paddingTop(({ depth }) => (depth === 1 ? TITLE_HEIGHT : 0))
    .paddingInner(1)
    .round(true)(
    hierarchy<Tile>({ name: '', children: groupsOf(layers, images) })
      .sum(({ value = 0 }) => value)
      .sort((a, b) => (b.value ?? 0) - (a.value ?? 0)),
  );
  const shared = layers.sets.filter(({ images: users }) => users.length > 1).reduce((sum, set) => sum + set.bytes, 0);
  const all = layers.sets.reduce((sum, set) => sum + set.bytes, 0);
  const summary = `${sizeOf(all)} in ${countOf(images.length, 'image')}, ${sizeOf(shared)} of it shared between images.`;
  const label = `Map of layers. ${summary} The table of images has the same figures.`;
  const pattern = { id: 'hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' };
  const drawn = h(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': label, class: 'map' },
    el('defs', h('pattern', pattern, h('rect', { width: 2, height: 6, class: 'hatch' }))),
    (root.children ?? []).map((group) => [titleOf(group), group.leaves().map((leaf) => drawTile(leaf, choose))]),
  );
  const legend = LEGEND.map(([shade, text]) => el('li', el(`i.${shade}`), text));
  return el('div', drawn, el('ul.legend', ...legend), el('p.summary', summary));
}

function groupsOf({ sets }: Served['layers'], images: readonly ImageRow[]): readonly Tile[] {
  const byId = new Map(images.map((image) => [image.imageId, image]));
  const groups = new Map<string, Tile[]>();
  const sorted = sets.filter(({ bytes }) => bytes > 0).toSorted((a, b) => b.bytes - a.bytes);
  for (const { bytes, images: ids } of sorted.slice(0, TILES_MAX)) {
    const users = ids.flatMap((id) => byId.get(id) ?? []);
    const [user] = users;
    if (user === undefined) continue;
    const shade = shadeOf(users);
    const isShared = users.length > 1;
    const name = isShared ? `${countOf(users.length, 'image')}` : nameOf(user);
    const about = isShared ? `shared by ${users.slice(0, 8).map(nameOf).join(', ')}${users.length > 8 ? ', …' : ''}` : (user.detail ?? '');
    const group = isShared ? 'shared layers' : shorten(user.references[0] ?? 'without a name').replace(/:[^/]*$/, '');
    groups.set(group, [...(groups.get(group) ?? []), { name, value: bytes, shade, about, imageId: isShared ? null : user.imageId }]);
  }
  const rest = sorted.slice(TILES_MAX).reduce((sum, set) => sum + set.bytes, 0);
  if (rest > 0)
    groups.set('smaller ones', [{ name: countOf(sorted.length - TILES_MAX, 'set'), value: rest, shade: 'rest', about: '', imageId: null }]);
  return [...groups].map(([name, children]) => ({ name, children }));
}

function shadeOf(users: readonly ImageRow[]): string {
  if (users.some(({ reason }) => reason === 'in-use')) return 'in-use';
  const days = Math.min(...users.map(idleDays));
  return `age-${AGES.findLastIndex((from) => days >= from)}`;
}

type Node = HierarchyRectangularNode<Tile>;

function titleOf({ x0, x1, y0, data }: Node): ComponentChild | null {
  return x1 - x0 < 40 ? null : h('text', { x: x0 + 3, y: y0 + 13, class: 'group' }, fit(data.name, x1 - x0));
}

function drawTile({ x0, x1, y0, y1, data, value }: Node, choose: MapProps['choose']): ComponentChild {
  const [width, height] = [x1 - x0, y1 - y0];
  const { imageId = null } = data;
  const size = { x: x0, y: y0, width, height };
  const isShared = data.about?.startsWith('shared') === true;
  return h(
    'g',
    { class: imageId === null ? 'tile' : 'tile choice', onClick: () => imageId !== null && choose(imageId) },
    el('title', `${data.name}: ${sizeOf(value ?? 0)}\n${data.about}`),
    h('rect', { ...size, class: data.shade }),
    isShared ? h('rect', { ...size, fill: 'url(#hatch)' }) : null,
    width > 50 && height > 18
      ? h('text', { x: x0 + 4, y: y0 + 14 }, fit(isShared ? data.name : (data.name.split(':').at(-1) ?? ''), width))
      : null,
    width > 60 && height > 34 ? h('text', { x: x0 + 4, y: y0 + 29, class: 'minor' }, fit(sizeOf(value ?? 0), width)) : null,
  );
}

function fit(text: string, width: number): string {
  const most = Math.floor((width - 6) / LETTER_WIDTH);
  return text.length <= most ? text : most < 3 ? '' : `${text.slice(0, most - 1)}…`;
}
