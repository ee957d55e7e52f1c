import { type ComponentChild, type ComponentChildren, h } from 'preact';

/** Makes an element without anything but a class: `p.quiet`. */
export function el(what: string, ...content: readonly ComponentChildren[]): ComponentChild {
  const [tag = 'div', name] = what.split('.');
  return h(tag, name === undefined ? {} : { class: name }, ...content);
}

/** A button that does something. @param name its class, if it has one */
export function button(content: ComponentChildren, press: () => void, name?: string): ComponentChild {
  return h('button', { type: 'button', class: name, onClick: press }, content);
}

/** A table that can be scrolled by keyboard. @param head cells, or what stands in them */
export function table(title: string, head: readonly ComponentChild[], rows: readonly (readonly ComponentChild[])[]): ComponentChild {
  const heads = head.map((cell) => (typeof cell === 'string' ? h('th', { scope: 'col' }, cell) : cell));
  const lines = rows.map((cells) => el('tr', ...cells.map((cell) => el('td', cell))));
  const whole = el('table', el('thead', el('tr', ...heads)), el('tbody', ...lines));
  return h('div', { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': title }, whole);
}

/** Shows more rows where there are any. */
export function moreRows(left: number, show: () => void): ComponentChild {
  return left > 0 ? button(`Show more (${left.toLocaleString('en')})`, show) : null;
}

/** What stands in an input. */
export function inputOf({ target }: Event): string {
  return target instanceof HTMLInputElement || target instanceof HTMLSelectElement ? target.value : '';
}
