import type { CallExpression } from 'oxc-parser';
import type { Code, Fault } from './parse-code.ts';
import { faultAt, lineAt, visitCode } from './parse-code.ts';

const TESTS: ReadonlySet<string> = new Set(['test', 'it']);
/** Whatever can make a test fail: node:assert, fast-check's assert, `t.assert`, and functions that are named for it. */
const ASSERTS = /\bassert\b|\bassert[A-Z]\w*\(|\bexpect[A-Z]\w*\(|\bcheck[A-Z]\w*\(/;
const WAIT_REASON = /\bwaits: \w/;

/** Tests that cannot fail by judging: neither they nor the functions of this file that they name assert anything. */
export function findToothlessTests(code: Code): readonly Fault[] {
  const judging = judgingFunctions(code);
  return callsOf(code, TESTS)
    .filter((call) => call.arguments.some((each) => each.type === 'ArrowFunctionExpression' || each.type === 'FunctionExpression'))
    .filter((call) => !judges(code.text.slice(call.start, call.end), judging))
    .map((call) => faultAt(code, call, 'holds no assertion: it cannot fail'));
}

/** How many tests a file declares, those in loops once. */
export function countTests(code: Code): number {
  return callsOf(code, TESTS).length;
}

/** Timers in tests, unless a comment on the line or the one above says what it waits for (`// waits: …`). */
export function findWaits(code: Code): readonly Fault[] {
  const lines = code.text.split('\n');
  return callsOf(code, new Set(['setTimeout', 'sleep', 'delay']))
    .filter((call) => {
      const line = lineAt(code, call.start);
      return !lines.slice(Math.max(0, line - 2), line).some((text) => WAIT_REASON.test(text));
    })
    .map((call) => faultAt(code, call, 'waits for time to pass: wait for the event, or say why with "// waits: …"'));
}

/** Names of this file's functions that assert, themselves or through others. */
function judgingFunctions(code: Code): ReadonlySet<string> {
  const bodies = new Map<string, string>();
  const names = new Set<string>();
  visitCode(code, {
    FunctionDeclaration: (node) => {
      if (node.id !== null) bodies.set(node.id.name, code.text.slice(node.start, node.end));
    },
    VariableDeclarator: (node) => {
      if (node.id.type === 'Identifier') bodies.set(node.id.name, code.text.slice(node.start, node.end));
    },
  });
  for (let size = -1; size !== names.size; ) {
    size = names.size;
    for (const [name, body] of bodies) if (judges(body, names)) names.add(name);
  }
  return names;
}

function judges(text: string, judging: ReadonlySet<string>): boolean {
  return ASSERTS.test(text) || (text.match(/\w+/g) ?? []).some((word) => judging.has(word));
}

function callsOf(code: Code, names: ReadonlySet<string>): readonly CallExpression[] {
  const calls: CallExpression[] = [];
  visitCode(code, {
    CallExpression: (node) => {
      if (node.callee.type === 'Identifier' && names.has(node.callee.name)) calls.push(node);
    },
  });
  return calls;
}
