import type { Expression, Node, Super } from 'oxc-parser';
import type { Code, Fault } from './parse-code.ts';
import { faultAt, visitCode } from './parse-code.ts';

/** Globals through which a program meets its surroundings: the clock, chance, the environment, the network, the terminal. */
const SURROUNDINGS: ReadonlySet<string> = new Set([
  'process',
  'performance',
  'globalThis',
  'global',
  'console',
  'crypto',
  'fetch',
  'navigator',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'Temporal',
  'Worker',
  'WebSocket',
]);
/** Members of globals that are pure otherwise. */
const IMPURE_MEMBERS: ReadonlySet<string> = new Set(['Date.now', 'Math.random']);

/** Every place where code that has to be pure reaches for its surroundings. Such things are arguments. */
export function findSurroundings(code: Code): readonly Fault[] {
  const faults: Fault[] = [];
  const check = (node: Node, value: Expression | Super | null | undefined) => {
    if (value?.type === 'Identifier' && SURROUNDINGS.has(value.name)) faults.push(faultAt(code, node, `reaches for ${value.name}`));
  };
  visitCode(code, {
    MemberExpression: (node) => {
      check(node, node.object);
      const name =
        node.object.type === 'Identifier' && node.property.type === 'Identifier' ? `${node.object.name}.${node.property.name}` : '';
      if (IMPURE_MEMBERS.has(name)) faults.push(faultAt(code, node, `reaches for ${name}`));
    },
    CallExpression: (node) => {
      check(node, node.callee);
      if (node.callee.type === 'Identifier' && node.callee.name === 'Date') faults.push(faultAt(code, node, 'asks Date() for the time'));
    },
    NewExpression: (node) => {
      check(node, node.callee);
      if (node.callee.type === 'Identifier' && node.callee.name === 'Date' && node.arguments.length === 0)
        faults.push(faultAt(code, node, 'asks new Date() for the time'));
    },
    VariableDeclarator: (node) => check(node, node.init),
    AssignmentPattern: (node) => check(node, node.right),
  });
  return faults;
}

/** Every call of one of the methods, whatever it is called on. */
export function findCallsOf(code: Code, methods: readonly string[]): readonly Fault[] {
  const faults: Fault[] = [];
  visitCode(code, {
    MemberExpression: (node) => {
      const { property } = node;
      if (!node.computed && property.type === 'Identifier' && methods.includes(property.name))
        faults.push(faultAt(code, node, `uses ${property.name}()`));
    },
  });
  return faults;
}
