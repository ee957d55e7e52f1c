import { type ComponentChild, h } from 'preact';
import { useState } from 'preact/hooks';
import type { Data, Served } from './api.ts';
import { button, el, inputOf, moreRows, table } from './elements.ts';
import { countOf, nameOf, percentOf, shorten, sizeOf, when } from './words.ts';

const ROWS = 8;

/** What the page is, whether all is well, and the figures that an operator looks for first. */
export function Head({ data, isOffline }: { readonly data: Data; readonly isOffline: boolean }): ComponentChild {
  const { engine = null, engines = [], problems = [] } = data.status ?? {};
  const state = isOffline ? 'the daemon does not answer' : stateOf(data.status);
  const isWell = !isOffline && data.status?.ready === true && problems.length === 0;
  return el(
    'header',
    el(
      'div.bar',
      el('h1', 'imagegc'),
      h('span', { class: `pill ${isWell ? 'well' : 'ill'}`, role: 'status' }, state),
      engines.length > 1 ? engines.map((each) => h('a', { href: each.page }, each.engine ?? each.address)) : el('span.quiet', engine),
    ),
    problems.map(({ subject, problem, hint }) =>
      h('p', { class: 'problem', role: 'alert' }, el('b', `${subject}: `), problem, hint && `. ${hint}`),
    ),
    el('dl.tiles', ...tilesOf(data).map(([title, value, more]) => el('div', el('dt', title), el('dd', value, el('small', more))))),
  );
}

function stateOf(status: Data['status']): string {
  if (status === null || !status.ready) return 'not ready';
  return status.collecting ? 'collecting' : 'watching';
}

function tilesOf({ status, images, plan, disk }: Data): readonly (readonly [title: string, value: string, more: string])[] {
  const last = disk?.samples.at(-1);
  const inUse = images?.images.filter(({ reason }) => reason === 'in-use').length ?? 0;
  return [
    last === undefined ? ['Disk used', '–', ''] : ['Disk used', `${percentOf(last).toFixed(0)} %`, `${sizeOf(last.availableBytes)} free`],
    ['Images', images?.images.length.toLocaleString('en') ?? '–', `${inUse.toLocaleString('en')} in use`],
    ['Would go now', plan === null ? '–' : countOf(plan.removals.length, 'image'), `frees ${sizeOf(plan?.expectedFreedBytes ?? null)}`],
    ['Next collection', status?.nextRunAt == null ? '–' : when(status.nextRunAt), `last ${when(status?.lastRunAt ?? null)}`],
  ];
}

/** What the next collection would do. @param collect null: nobody unlocked the actions */
export function NextPlan({ plan, collect }: { readonly plan: Served['plan']; readonly collect: (() => void) | null }): ComponentChild {
  const { removals, refusal, target, expectedFreedBytes } = plan;
  const rows = removals
    .slice(0, ROWS)
    .map((removal) => [nameOf(removal), removal.rule, `${Math.floor(removal.idleSeconds / 86_400)} d`, sizeOf(removal.freesBytes)]);
  const rest = removals.length - rows.length;
  const missed = target?.reached === false ? `; the disk rule asks for ${sizeOf(target.bytes)}, which is out of reach` : '';
  const sum = `Removes ${countOf(removals.length, 'image')} and frees ${sizeOf(expectedFreedBytes)}${missed}.`;
  const isIdle = removals.length === 0 && target === null;
  return el(
    'div',
    el('p.summary', refusal !== null ? `Nothing is removed: ${refusal.message}` : isIdle ? 'Nothing is to be removed.' : sum),
    rows.length > 0 && table('The next plan', ['Image', 'Rule', 'Unused for', 'Frees'], rows),
    rest > 0 && el('p.quiet', `and ${rest.toLocaleString('en')} more`),
    collect && button('Collect now', collect, 'action'),
  );
}

/** What was removed, with how to have it again. */
export function History({ removals }: Served['history']): ComponentChild {
  const [rows, setRows] = useState(ROWS);
  if (removals.length === 0) return el('p.quiet', 'Nothing was removed yet.');
  const cells = removals.slice(0, rows).map(({ at, rule, outcome, message, freedBytes, digests, ...image }) => {
    const [digest] = digests;
    const again = digest === undefined ? el('span.quiet', 'no registry digest') : el('code', shorten(digest));
    return [when(at), nameOf(image), h('span', { title: message }, `${outcome} (${rule})`), sizeOf(freedBytes), again];
  });
  const more = moreRows(removals.length - rows, () => setRows(rows + 5 * ROWS));
  return el('div', table('Removals', ['When', 'Image', 'Outcome', 'Freed', 'Pull again'], cells), more);
}

/** Unlocks what changes something, with the token from the command line. */
export function Lock({ isOpen, unlock }: { readonly isOpen: boolean; readonly unlock: (token: string) => void }): ComponentChild {
  const [token, setToken] = useState('');
  const submit = (event: Event): void => {
    event.preventDefault();
    unlock(token.trim());
    setToken('');
  };
  if (isOpen)
    return el(
      'p',
      'Actions are unlocked until this page is left. ',
      button('Lock', () => unlock('')),
    );
  const field = { type: 'password', autocomplete: 'off', 'aria-label': 'Token', value: token };
  return el(
    'details',
    el('summary', 'Actions are locked'),
    el(
      'p',
      'Run ',
      el('code', 'imagegc dashboard'),
      ' on the host, as the user that the daemon runs as, and enter the token that it prints.',
    ),
    h(
      'form',
      { class: 'tools', onSubmit: submit },
      h('input', { ...field, onInput: (event: InputEvent) => setToken(inputOf(event)) }),
      el('button.action', 'Unlock'),
    ),
  );
}
