import type { Program, VisitorObject } from 'oxc-parser';
import { parseSync, Visitor } from 'oxc-parser';

/** A source file, parsed. The parser is the one that knip brings along: TypeScript 7 has no interface for programs. */
export interface Code {
  /** From the project's root: `src/model/brands.ts`. */
  readonly path: string;
  readonly text: string;
  readonly program: Program;
  readonly comments: readonly { readonly type: 'Line' | 'Block'; readonly value: string; readonly start: number; readonly end: number }[];
}

/** Something in a file that a rule objects to. */
export interface Fault {
  readonly path: string;
  readonly line: number;
  readonly problem: string;
}

/** Parses one file. @throws for a file that is no TypeScript: nothing could be said about it */
export function parseCode(path: string, text: string): Code {
  const { program, comments, errors } = parseSync(path, text, { sourceType: 'module' });
  const [error] = errors;
  if (error !== undefined) throw new SyntaxError(`${path}: ${error.message}`);
  return { path, text, program, comments };
}

/** Calls the handlers for every node of their types. */
export function visitCode(code: Code, handlers: VisitorObject): void {
  new Visitor(handlers).visit(code.program);
}

/** The line, counted from 1, that an offset stands on. */
export function lineAt(code: Code, offset: number): number {
  return code.text.slice(0, offset).split('\n').length;
}

/** The problem with its place. */
export function faultAt(code: Code, node: { readonly start: number }, problem: string): Fault {
  return { path: code.path, line: lineAt(code, node.start), problem };
}

/** Faults as a failed test shows them: an empty text when there are none. */
export function formatFaults(faults: readonly Fault[]): string {
  return faults.map(({ path, line, problem }) => `${path}:${line}: ${problem}`).join('\n');
}

/** How many lines hold code: neither blank nor comment alone. */
export function countCodeLines(code: Code): number {
  let bare = code.text;
  for (const { start, end } of code.comments.toReversed())
    bare = bare.slice(0, start) + code.text.slice(start, end).replaceAll(/[^\n]/g, '') + bare.slice(end);
  return bare.split('\n').filter((line) => line.trim() !== '').length;
}
