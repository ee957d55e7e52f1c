const SEGMENT = `(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')`;
const KEY = String.raw`${SEGMENT}(?:\s*\.\s*${SEGMENT})*`;
const HEADER = new RegExp(String.raw`^\s*\[\[?\s*(${KEY})\s*\]`);
const ASSIGNMENT = new RegExp(String.raw`^\s*(${KEY})\s*=`);
const QUOTES = /"""|'''/g;

/**
 * Finds the line of every key and table of a TOML text, because the parser gives positions for syntax errors only. A key inside
 * an inline table has the line of that table's key.
 *
 * @param toml a text that the parser has accepted
 */
export function findKeyLines(toml: string): (path: string) => number | null {
  const lines = new Map<string, number>();
  let table = '';
  let isInString = false;
  for (const [index, line] of toml.split('\n').entries()) {
    const header = isInString ? null : HEADER.exec(line);
    const assignment = isInString ? null : ASSIGNMENT.exec(line);
    const key = (header ?? assignment)?.[1]?.replaceAll(/\s*\.\s*/g, '.').replaceAll(/["']/g, '');
    if ((line.match(QUOTES)?.length ?? 0) % 2 === 1) isInString = !isInString;
    if (key === undefined) continue;
    if (header !== null) table = `${key}.`;
    const path = header === null ? table + key : key;
    if (!lines.has(path)) lines.set(path, index + 1);
  }
  return (path) => lookUp(lines, path);
}

function lookUp(lines: ReadonlyMap<string, number>, path: string): number | null {
  for (let rest = path; rest !== ''; rest = rest.slice(0, Math.max(0, rest.lastIndexOf('.')))) {
    const line = lines.get(rest);
    if (line !== undefined) return line;
  }
  return null;
}
