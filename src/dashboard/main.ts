import { type ComponentChild, h, render } from 'preact';
import { type Data, load, order, type Served } from './api.ts';
import { DiskChart } from './disk-chart.ts';
import { el } from './elements.ts';
import { ImageDialog, type PinOrder } from './image-dialog.ts';
import { ImageTable } from './image-table.ts';
import { LayerMap } from './layer-map.ts';
import { Head, History, Lock, NextPlan } from './sections.ts';
import { countOf, setClock, sizeOf } from './words.ts';

const EVERY_MS = 5_000;
/** The engine is looked at more seldom than the daemon is. */
const LOOK_ROUNDS = 3;
const QUICK = ['status', 'disk'] as const;
const SLOW = ['images', 'plan', 'layers', 'history', 'pins'] as const;

let data: Data = { status: null, disk: null, images: null, layers: null, plan: null, history: null, pins: null };
let view = { token: '', chosen: '', message: '', isOffline: false };
const place = document.getElementById('page');

function update(change: Partial<typeof view>): void {
  view = { ...view, ...change };
  if (place !== null) render(page(), place);
}

async function refresh(names: readonly (keyof Served)[]): Promise<void> {
  const answers = await Promise.all(names.map(load)).catch(() => null);
  for (const answer of answers ?? []) data = { ...data, ...answer };
  if (data.images !== null && answers?.some((answer) => answer?.images != null) === true) setClock(data.images.at);
  update({ isOffline: answers === null });
}

/** Asks again and again, but not while nobody sees it. */
async function poll(round: number): Promise<void> {
  const isLook = round % LOOK_ROUNDS === 0 || data.images === null;
  if (!document.hidden) await refresh(isLook ? [...QUICK, ...SLOW] : QUICK);
  setTimeout(() => void poll(round + 1), EVERY_MS);
}

async function act(...given: Parameters<typeof order>): Promise<void> {
  update({ message: given[0] === 'collect' ? 'Collecting…' : '' });
  const problem = await order(...given).catch(() => 'the daemon does not answer');
  update({ message: problem ?? (given[0] === 'collect' ? 'Collected.' : 'Done.') });
  await refresh([...QUICK, ...SLOW]);
}

function page(): ComponentChild {
  const { disk, images, layers, plan, history, pins } = data;
  const { token, chosen, message } = view;
  const choose = (imageId: string): void => update({ chosen: imageId });
  const image = images?.images.find(({ imageId }) => imageId === chosen);
  const pin: PinOrder = (name, pattern, reason) => {
    update({ chosen: '' });
    void act(name, token, { pattern, ...(name === 'pin' ? { reason } : {}) });
  };
  const width = Math.min(1_180, document.documentElement.clientWidth) - 66;
  return el(
    'main',
    h(Head, { data, isOffline: view.isOffline }),
    message !== '' && h('p', { class: 'message', role: 'status' }, message),
    section('Disk', disk && h(DiskChart, { disk })),
    section('Layers', layers && images && h(LayerMap, { layers, images: images.images, width, choose })),
    section('Next plan', plan && h(NextPlan, { plan, collect: token === '' ? null : collect })),
    section('Images', images && h(ImageTable, { images: images.images, choose })),
    section('History', history && h(History, history)),
    el('footer', h(Lock, { isOpen: token !== '', unlock: (given) => update({ token: given, message: '' }) })),
    image === undefined
      ? null
      : h(ImageDialog, { image, pins: pins?.pins ?? [], pin: token === '' ? null : pin, close: () => update({ chosen: '' }) }),
  );
}

function collect(): void {
  const { plan } = data;
  const what = plan === null ? 'what the plan says' : `${countOf(plan.removals.length, 'image')} (${sizeOf(plan.expectedFreedBytes)})`;
  if (confirm(`Remove ${what}? What is used by then stays.`)) void act('collect', view.token);
}

function section(title: string, content: ComponentChild): ComponentChild {
  return h('section', { 'aria-label': title }, el('h2', title), content ?? el('p.quiet', 'Not known yet.'));
}

addEventListener('resize', () => update({}));
place?.replaceChildren();
void poll(0);
