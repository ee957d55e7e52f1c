/** Stands where a name has a part that cannot be known: for a protection, matching more is the safe side. */
const ANYTHING = '*';
/** The innermost of nested expressions: `${NAME}`, with `:-`, `-`, `:+`, `+`, `:?` or `?` and a word. */
const BRACED = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+?])([^${}]*))?\}/;
const BARE = /\$([A-Za-z_][A-Za-z0-9_]*)/g;
const DOLLAR = '\u0000';

/**
 * Puts variables into a text as Compose does. What no file defines may have been set where Compose was run, so it stands for anything.
 *
 * @returns a glob
 * @see compose-spec `12-interpolation.md`
 */
export function interpolate(text: string, variables: ReadonlyMap<string, string>): string {
  let rest = text.replaceAll('$$', DOLLAR);
  for (let match = BRACED.exec(rest); match !== null; match = BRACED.exec(rest)) {
    const [whole, name = '', operator = '', word = ''] = match;
    rest = rest.replace(whole, () => substitute(variables.get(name), operator, word));
  }
  return rest.replace(BARE, (_, name: string) => variables.get(name) ?? ANYTHING).replaceAll(DOLLAR, '$');
}

function substitute(value: string | undefined, operator: string, word: string): string {
  const isGiven = operator.startsWith(':') ? value !== undefined && value !== '' : value !== undefined;
  if (operator.endsWith('+')) return isGiven ? word : '';
  if (isGiven) return value ?? '';
  return operator.endsWith('-') ? word : ANYTHING;
}

/** Reads a file of variables (`.env`): a line each, quotes and comments taken off. */
export function parseVariables(text: string): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|(.*?))\s*(?:\s#.*)?$/.exec(line);
    if (match?.[1] !== undefined) variables.set(match[1], match[2] ?? match[3] ?? match[4] ?? '');
  }
  return variables;
}
