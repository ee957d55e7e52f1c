/** What the checks of documents need of Markdown: links, headings, and pieces of code. */

/** A link or a piece of code, and the line it stands on, from 1. */
export interface Piece {
  readonly line: number;
  readonly text: string;
}

interface Line extends Piece {
  /** The language of the fenced block that the line stands in, empty if it names none; null outside of blocks. */
  readonly fence: string | null;
}

/** Languages of blocks that hold what a person types. */
const TYPED: readonly string[] = ['sh', 'bash', 'shell', 'console'];

/** The targets of all links and pictures, code apart. */
export function listLinks(markdown: string): readonly Piece[] {
  return listLines(markdown)
    .filter((each) => each.fence === null)
    .flatMap(({ line, text }) => {
      const prose = text.replaceAll(/`[^`]*`/g, '');
      return [...prose.matchAll(/\]\(\s*<?([^)\s>]+)/g), ...prose.matchAll(/^\[[^\]]+\]:\s*(\S+)/g)].map(([, target = '']) => ({
        line,
        text: target,
      }));
    });
}

/** What the headings are called in links, as GitHub makes it of their words. */
export function listAnchors(markdown: string): readonly string[] {
  const seen = new Map<string, number>();
  return listLines(markdown).flatMap(({ text, fence }) => {
    const title = fence === null ? /^#{1,6}\s+(.*?)\s*#*$/.exec(text)?.[1] : undefined;
    if (title === undefined) return [];
    const slug = title
      .toLowerCase()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return [count === 0 ? slug : `${slug}-${count}`];
  });
}

/** Code in the text, and the lines of blocks that show what to type. */
export function listCode(markdown: string): readonly Piece[] {
  return listLines(markdown).flatMap(({ line, text, fence }) => {
    if (fence !== null)
      return TYPED.includes(fence)
        ? [
            {
              line,
              text: text
                .replace(/^[$#]\s+/, '')
                .replace(/\s#\s.*$/, '')
                .trimEnd(),
            },
          ]
        : [];
    return [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => ({ line, text: code }));
  });
}

/** The rows of every table, as cells without their outer spaces; heads and rules apart. */
export function listRows(markdown: string): readonly (readonly string[])[] {
  const lines = listLines(markdown).filter((each) => each.fence === null);
  return lines.flatMap(({ text }, index) => {
    const isRow = text.startsWith('|') && !isRule(text) && !isRule(lines[index + 1]?.text ?? '');
    return isRow
      ? [
          text
            .split(/(?<!\\)\|/)
            .slice(1, -1)
            .map((cell) => cell.trim()),
        ]
      : [];
  });
}

function isRule(text: string): boolean {
  return /^\|[\s|:-]+\|$/.test(text);
}

function listLines(markdown: string): readonly Line[] {
  let fence: string | null = null;
  return markdown.split('\n').flatMap((text, index) => {
    const mark = /^\s*(?:```|~~~)\s*(\S*)/.exec(text);
    if (mark === null) return [{ line: index + 1, text, fence }];
    fence = fence === null ? (mark[1] ?? '') : null;
    return [];
  });
}
