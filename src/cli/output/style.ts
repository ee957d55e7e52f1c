import { styleText } from 'node:util';

/** What a stretch of text means to the eye. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

/** Where text goes: how wide, and whether colours are wanted. */
export interface Look {
  /** Columns of the terminal; null is no limit, as in a pipe. */
  readonly width: number | null;
  readonly isColour: boolean;
}

/** Finds out the look of a stream: colours only on a terminal that can show them, and never where NO_COLOR is set (no-color.org). */
export function lookOf(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  environment: Readonly<Record<string, string | undefined>>,
): Look {
  const isTerminal = stream.isTTY === true;
  const isPlain = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb';
  return { width: isTerminal ? (stream.columns ?? 80) : null, isColour: isTerminal && !isPlain };
}

/** Colours a text where the look wants it. */
export function paint(style: Style, text: string, { isColour }: Pick<Look, 'isColour'>): string {
  return isColour ? styleText(style, text, { validateStream: false }) : text;
}

/** Makes text from outside harmless to a terminal: control characters, which could move the cursor or hide a line, become "?". */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Cf}/gu, '?');
}

/** Cuts to a width, with a sign where something is missing: in the middle, where names of images differ least, or at the end. */
export function cut(text: string, width: number, where: 'middle' | 'end'): string {
  const signs = [...text];
  if (signs.length <= width) return text;
  const tail = where === 'end' ? 0 : Math.floor((width - 1) / 2);
  return width < 1 ? '' : `${signs.slice(0, width - 1 - tail).join('')}…${signs.slice(signs.length - tail).join('')}`;
}
