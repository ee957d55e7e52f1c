import { basename, dirname } from 'node:path';
import type { Code, Fault } from './parse-code.ts';
import { faultAt, visitCode } from './parse-code.ts';

/** Names that say nothing, so that everything ends up in them. */
const EMPTY_NAMES: ReadonlySet<string> = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'manager', 'managers', 'misc']);
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** Ways around the type checker: casts (but `as const`), `any`, and `!`. */
export function findTypeEscapes(code: Code): readonly Fault[] {
  const faults: Fault[] = [];
  visitCode(code, {
    TSAsExpression: (node) => {
      const isConst = code.text.slice(node.typeAnnotation.start, node.typeAnnotation.end) === 'const';
      if (!isConst) faults.push(faultAt(code, node, 'casts with "as": parse or narrow instead'));
    },
    TSTypeAssertion: (node) => faults.push(faultAt(code, node, 'casts with <>: parse or narrow instead')),
    TSNonNullExpression: (node) => faults.push(faultAt(code, node, 'asserts with "!": check instead')),
    TSAnyKeyword: (node) => faults.push(faultAt(code, node, 'says any: say unknown and narrow it')),
  });
  return faults;
}

/** Exports under no name of their own, and names handed on from another file. */
export function findIndirectExports(code: Code): readonly Fault[] {
  const faults: Fault[] = [];
  visitCode(code, {
    ExportDefaultDeclaration: (node) => faults.push(faultAt(code, node, 'exports a default: give it a name')),
    ExportAllDeclaration: (node) => faults.push(faultAt(code, node, 'hands on another file: import from where it is')),
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) faults.push(faultAt(code, node, 'hands on another file: import from where it is'));
    },
  });
  return faults;
}

/** Exported declarations without a docstring right above them. Of overloads the first one speaks. */
export function findUndocumentedExports(code: Code): readonly Fault[] {
  const documented = new Set(code.comments.filter(isDocstring).map(({ end }) => end + code.text.slice(end).search(/\S/)));
  const faults: Fault[] = [];
  let previous = '';
  for (const node of code.program.body) {
    if (node.type !== 'ExportNamedDeclaration' || node.declaration === null) continue;
    const { declaration } = node;
    const name = 'id' in declaration && declaration.id?.type === 'Identifier' ? declaration.id.name : '';
    const isOverload = name !== '' && name === previous;
    previous = name;
    if (!documented.has(node.start) && !isOverload) faults.push(faultAt(code, node, 'exports something without a docstring'));
  }
  return faults;
}

/** Parts of a path that are not kebab-case, or say nothing. @param path with slashes, from the project's root */
export function findPoorNames(path: string): readonly Fault[] {
  const stem = basename(path).split('.')[0] ?? '';
  const folders = dirname(path).split('/');
  const empty = [...folders, stem].filter((part) => part.split('-').some((word) => EMPTY_NAMES.has(word)));
  return [
    ...empty.map((part) => ({ path, line: 1, problem: `"${part}" says nothing: name what it is for` })),
    ...(KEBAB_CASE.test(stem) ? [] : [{ path, line: 1, problem: `"${stem}" is not kebab-case` }]),
  ];
}

function isDocstring(comment: Code['comments'][number]): boolean {
  return comment.type === 'Block' && comment.value.startsWith('*') && /\w{3}/.test(comment.value);
}
