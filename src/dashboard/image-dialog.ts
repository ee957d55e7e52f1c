import { type ComponentChild, h } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { ImageRow, Served } from './api.ts';
import { el } from './elements.ts';
import { badgeOf } from './image-table.ts';
import { goes, momentOf, nameOf, sizeOf, when } from './words.ts';

/** Pins or unpins by a pattern. */
export type PinOrder = (name: 'pin' | 'unpin', pattern: string, reason: string) => void;

interface DialogProps {
  readonly image: ImageRow;
  readonly pins: Served['pins']['pins'];
  /** Null: nobody unlocked the actions. */
  readonly pin: PinOrder | null;
  readonly close: () => void;
}

/** Why is this image still here, or why does it go: the full reasoning, as `imagegc why` tells it. */
export function ImageDialog({ image, pins, pin, close }: DialogProps): ComponentChild {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const seen = image.firstSeenAt === null ? 'now' : `${when(image.firstSeenAt)} (${momentOf(image.firstSeenAt)})`;
  const used = image.lastUsedAt === null ? 'never seen in use' : `${when(image.lastUsedAt)} (${momentOf(image.lastUsedAt)})`;
  const facts: readonly (readonly [string, ComponentChild])[] = [
    ['Verdict', badgeOf(image)],
    ['Because', image.detail ?? ''],
    ...image.holds.slice(1).map(({ reason, detail }) => ['And', `${reason}: ${detail}`] as const),
    ['Would go', goes(image)],
    ['Last used', used],
    ['First seen', seen],
    ['Origin', image.origin ?? 'unknown'],
    ['Frees alone', sizeOf(image.exclusiveBytes)],
    ['Names', image.references.join(', ') || 'none (dangling)'],
    ['Digests', el('code', image.digests.join('\n') || 'none')],
    ['ID', el('code', image.imageId)],
  ];
  const [name = image.imageId] = image.references;
  const isPinned = pins.some(({ pattern }) => pattern === name);
  return h(
    'dialog',
    { ref: dialog, onClose: close, 'aria-labelledby': 'why' },
    h('form', { method: 'dialog' }, h('button', { class: 'close', 'aria-label': 'Close' }, '×')),
    h('h2', { id: 'why' }, image.verdict === 'remove' ? 'Why does it go?' : 'Why is it still here?'),
    el('p.title', nameOf(image)),
    el('dl', ...facts.flatMap(([key, value]) => [el('dt', key), el('dd', value)])),
    pin && pinForm(name, isPinned, pin),
  );
}

function pinForm(pattern: string, isPinned: boolean, pin: PinOrder): ComponentChild {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const reason = event.target instanceof HTMLFormElement ? new FormData(event.target).get('reason') : null;
    pin(isPinned ? 'unpin' : 'pin', pattern, typeof reason === 'string' && reason !== '' ? reason : 'from the page');
  };
  const field = { name: 'reason', placeholder: 'Reason', 'aria-label': 'Reason for the pin', maxLength: 200 };
  const press = el('button.action', isPinned ? 'Take the pin back' : 'Pin: keep it');
  return h('form', { class: 'tools', onSubmit: submit }, isPinned ? null : h('input', field), press);
}
