import { type ComponentChild, h } from 'preact';
import { useState } from 'preact/hooks';
import type { Data, Served } from './api.ts';
import { inputOf } from './image-table.ts';
import { countOf, nameOf, shorten, sizeOf, when } from './words.ts';

const ROWS = 8;

/** What the page is, whether all is well, and the figures that an operator looks for first. */
export function Head({ data, isOffline }: { readonly data: Data; readonly isOffline: boolean }): ComponentChild {
  const { status, images, plan, disk } = data;
  const state = isOffline
    ? 'the daemon does not answer'
    : status === null || !status.ready
      ? 'not ready'
      : status.collecting
        ? 'collecting'
        : 'watching';
  const isWell = !isOffline && status?.ready === true && status.problems.length === 0;
  const last = disk?.samples.at(-1);
  const used =
    last === undefined ? 'unknown' : `${Math.round((last.usedBytes / Math.max(1, last.usedBytes + last.availableBytes)) * 100)} %`;
  const tiles: readonly (readonly [string, string, string])[] = [
    ['Disk used', used, last === undefined ? '' : `${sizeOf(last.availableBytes)} free`],
    [
      'Images',
      images === null ? '–' : images.images.length.toLocaleString('en'),
      images === null ? '' : `${images.images.filter(({ reason }) => reason === 'in-use').length.toLocaleString('en')} in use`,
    ],
    [
      'Would go now',
      plan === null ? '–' : countOf(plan.removals.length, 'image'),
      plan === null ? '' : `frees ${sizeOf(plan.expectedFreedBytes)}`,
    ],
    [
      'Next collection',
      status?.nextRunAt == null ? '–' : when(status.nextRunAt),
      status?.lastRunAt == null ? '' : `last ${when(status.lastRunAt)}`,
    ],
  ];
  return h(
    'header',
    {},
    h(
      'div',
      { class: 'bar' },
      h('h1', {}, 'imagegc'),
      h('span', { class: `pill ${isWell ? 'well' : 'ill'}`, role: 'status' }, state),
      h('span', { class: 'quiet' }, status?.engine ?? ''),
    ),
    (status?.problems ?? []).map(({ subject, problem, hint }) =>
      h('p', { class: 'problem', role: 'alert' }, h('b', {}, `${subject}: `), problem, hint === null ? '' : `. ${hint}`),
    ),
    h(
      'dl',
      { class: 'tiles' },
      tiles.map(([title, value, more]) => h('div', {}, h('dt', {}, title), h('dd', {}, value, h('small', {}, more)))),
    ),
  );
}

/** What the next collection would do. @param collect null: nobody unlocked the actions */
export function NextPlan({ plan, collect }: { readonly plan: Served['plan']; readonly collect: (() => void) | null }): ComponentChild {
  const rows = plan.removals
    .slice(0, ROWS)
    .map((removal) => [nameOf(removal), removal.rule, `${Math.floor(removal.idleSeconds / 86_400)} d`, sizeOf(removal.freesBytes)]);
  const rest = plan.removals.length - rows.length;
  const missed = plan.target?.reached === false ? `; the disk rule asks for ${sizeOf(plan.target.bytes)}, which is out of reach` : '';
  const sum =
    plan.removals.length === 0
      ? 'Nothing is to be removed.'
      : `Removes ${countOf(plan.removals.length, 'image')} and frees ${sizeOf(plan.expectedFreedBytes)}${missed}.`;
  return h(
    'div',
    {},
    h('p', { class: 'summary' }, plan.refusal === null ? sum : `Nothing is removed: ${plan.refusal.message}`),
    rows.length === 0 ? null : tableOf('The next plan', ['Image', 'Rule', 'Unused for', 'Frees'], rows),
    rest > 0 ? h('p', { class: 'quiet' }, `and ${rest.toLocaleString('en')} more`) : null,
    collect === null
      ? null
      : h('button', { type: 'button', class: 'action', disabled: plan.removals.length === 0, onClick: collect }, 'Collect now'),
  );
}

/** What was removed, with how to have it again. */
export function History({ removals }: Served['history']): ComponentChild {
  const [rows, setRows] = useState(ROWS);
  if (removals.length === 0) return h('p', { class: 'quiet' }, 'Nothing was removed yet.');
  const cells = removals.slice(0, rows).map(({ at, rule, outcome, message, freedBytes, digests, ...image }) => {
    const again = digests[0] === undefined ? h('span', { class: 'quiet' }, 'no registry digest') : h('code', {}, shorten(digests[0]));
    return [when(at), nameOf(image), h('span', { title: message }, `${outcome} (${rule})`), sizeOf(freedBytes), again];
  });
  const more =
    removals.length > rows
      ? h('button', { type: 'button', onClick: () => setRows(rows + 5 * ROWS) }, `Show more (${removals.length - rows})`)
      : null;
  return h('div', {}, tableOf('Removals', ['When', 'Image', 'Outcome', 'Freed', 'Pull again'], cells), more);
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
    return h('p', {}, 'Actions are unlocked until this page is left. ', h('button', { type: 'button', onClick: () => unlock('') }, 'Lock'));
  return h(
    'details',
    {},
    h('summary', {}, 'Actions are locked'),
    h(
      'p',
      {},
      'Run ',
      h('code', {}, 'imagegc dashboard'),
      ' on the host, as the user that the daemon runs as, and enter the token that it prints.',
    ),
    h(
      'form',
      { class: 'tools', onSubmit: submit },
      h('input', {
        type: 'password',
        autocomplete: 'off',
        'aria-label': 'Token',
        value: token,
        onInput: (event: InputEvent) => setToken(inputOf(event)),
      }),
      h('button', { class: 'action' }, 'Unlock'),
    ),
  );
}

function tableOf(title: string, head: readonly string[], rows: readonly (readonly ComponentChild[])[]): ComponentChild {
  return h(
    'div',
    { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': title },
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          head.map((text) => h('th', { scope: 'col' }, text)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((row) =>
          h(
            'tr',
            {},
            row.map((cell, at) => h('td', { 'data-title': head[at] }, cell)),
          ),
        ),
      ),
    ),
  );
}
