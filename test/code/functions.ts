import type { ArrowFunctionExpression, Function as FunctionNode } from 'oxc-parser';
import type { Code } from './parse-code.ts';
import { lineAt, visitCode } from './parse-code.ts';

/** A function and its length, from the line of its head to that of its last brace. */
export interface MeasuredFunction {
  readonly path: string;
  readonly line: number;
  /** Null for a callback: it is read as a part of the function around it. */
  readonly name: string | null;
  readonly lines: number;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

const TEST_CALLS: ReadonlySet<string> = new Set(['describe', 'suite', 'test', 'it']);

/**
 * Every function of a file that has a body in braces; expressions without braces are too short to matter. Functions in which
 * tests are declared are left out: a group of tests is a list, and its length says nothing.
 */
export function measureFunctions(code: Code): readonly MeasuredFunction[] {
  const found: (MeasuredFunction & Span)[] = [];
  const names = new Map<number, string>();
  const testCalls: number[] = [];
  const name = (holder: Span, value: Span | null) => {
    if (value !== null) names.set(value.start, code.text.slice(holder.start, holder.end));
  };
  const measure = (node: FunctionNode | ArrowFunctionExpression) => {
    if (node.body?.type !== 'BlockStatement') return;
    const line = lineAt(code, node.start);
    const own = node.id?.name ?? names.get(node.start) ?? null;
    found.push({ path: code.path, line, name: own, lines: lineAt(code, node.end) - line + 1, start: node.start, end: node.end });
  };
  visitCode(code, {
    VariableDeclarator: ({ id, init }) => name(id, init),
    MethodDefinition: ({ key, value }) => name(key, value),
    PropertyDefinition: ({ key, value }) => name(key, value),
    Property: ({ key, value }) => name(key, value),
    CallExpression: ({ callee }) => {
      if (callee.type === 'Identifier' && TEST_CALLS.has(callee.name)) testCalls.push(callee.start);
    },
    FunctionDeclaration: measure,
    FunctionExpression: measure,
    ArrowFunctionExpression: measure,
  });
  return found
    .filter(({ start, end }) => !testCalls.some((at) => at > start && at < end))
    .map(({ path, line, name: own, lines }) => ({ path, line, name: own, lines }));
}

/** The value below which a share of the sorted numbers lies; 0 of nothing. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
