import { posix } from 'node:path';
import type { Expression } from 'oxc-parser';
import type { Code, Fault } from './parse-code.ts';
import { lineAt, visitCode } from './parse-code.ts';

/** One file needs another, by `import`, `import type`, `import()`, `require()` or `export … from`. */
export interface Import {
  readonly from: string;
  readonly line: number;
  /** `src/model/plan.ts` for a file, `node:fs` for a built-in, `npm:valibot` for a package, `?` for an address that is computed. */
  readonly target: string;
}

/** A direction in which nothing may be imported. */
export interface ImportRule {
  readonly name: string;
  readonly from: RegExp;
  readonly forbids: RegExp;
  readonly except?: RegExp;
  /** What breaking it usually means. */
  readonly means: string;
}

/** Every import of a file, dynamic ones included. */
export function listImports(code: Code): readonly Import[] {
  const found: Import[] = [];
  const add = (source: Expression | null) => {
    if (source !== null) found.push({ from: code.path, line: lineAt(code, source.start), target: resolveTarget(code.path, source) });
  };
  visitCode(code, {
    ImportDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    TSImportType: (node) => add(node.source),
    CallExpression: ({ callee, arguments: [source] }) => {
      const name = callee.type === 'MemberExpression' && callee.property.type === 'Identifier' ? callee.property : callee;
      const isLoad = name.type === 'Identifier' && (name.name === 'require' || name.name === 'getBuiltinModule');
      if (isLoad && source !== undefined && source.type !== 'SpreadElement') add(source);
    },
  });
  return found;
}

/** The imports that a rule forbids. */
export function findForbiddenImports(imports: readonly Import[], rules: readonly ImportRule[]): readonly Fault[] {
  return imports.flatMap(({ from, line, target }) =>
    rules
      .filter((rule) => rule.from.test(from) && rule.forbids.test(target) && !rule.except?.test(target))
      .map((rule) => ({ path: from, line, problem: `imports ${target}, against "${rule.name}". ${rule.means}` })),
  );
}

/** Every ring of files that need each other, once, each as `a.ts → b.ts → a.ts`. */
export function findCycles(imports: readonly Import[]): readonly string[] {
  const targets = Map.groupBy(imports, (each) => each.from);
  const cycles = new Map<string, string>();
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]) => {
    const at = trail.indexOf(file);
    if (at >= 0) {
      const ring = trail.slice(at);
      cycles.set(ring.toSorted().join(), [...ring, file].join(' → '));
    }
    if (at >= 0 || done.has(file)) return;
    for (const { target } of targets.get(file) ?? []) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const file of targets.keys()) visit(file, []);
  return [...cycles.values()];
}

function resolveTarget(from: string, source: Expression): string {
  const name = constantOf(source);
  if (name === null) return '?';
  if (name.startsWith('.')) return posix.join(posix.dirname(from), name);
  return name.startsWith('node:') ? name : `npm:${name}`;
}

function constantOf(source: Expression): string | null {
  if (source.type === 'Literal') return typeof source.value === 'string' ? source.value : null;
  const isPlain = source.type === 'TemplateLiteral' && source.expressions.length === 0;
  return isPlain ? (source.quasis[0]?.value.cooked ?? null) : null;
}
