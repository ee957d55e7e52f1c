import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { measureFunctions, quantile } from './functions.ts';
import type { Code, Fault } from './parse-code.ts';
import { countCodeLines, parseCode } from './parse-code.ts';
import { findIndirectExports, findPoorNames, findTypeEscapes, findUndocumentedExports } from './style.ts';
import { countTests, findToothlessTests, findWaits } from './test-quality.ts';

const parse = (text: string): Code => parseCode('src/planted.ts', text);
const linesOf = (faults: readonly Fault[]): readonly number[] => faults.map((fault) => fault.line);

describe('findTypeEscapes() objects to', () => {
  for (const text of [
    'f(x as string);',
    'f(<string>x);',
    'f(x!);',
    'const x: any = 1;',
    'function f(x: readonly any[]) {}',
    'f(x as unknown as string);',
  ])
    test(text, () => assert.notDeepEqual(findTypeEscapes(parse(text)), []));

  test('nothing in renamed imports, constant literals, negations and words in texts', () => {
    const text =
      "import { a as b } from './a.ts';\nimport * as v from 'valibot';\nexport { b as c };\nf([1] as const, !b, 'x as any', /as any/, `b as any`); // as any!";
    assert.deepEqual(findTypeEscapes(parse(text)), []);
  });
});

describe('findIndirectExports() objects to', () => {
  for (const text of [
    'export default function f() {}',
    "export * from './a.ts';",
    "export { a } from './a.ts';",
    "export type { A } from './a.ts';",
  ])
    test(text, () => assert.deepEqual(linesOf(findIndirectExports(parse(text))), [1]));

  test('nothing that has its name and its place', () => {
    assert.deepEqual(findIndirectExports(parse('export const a = 1; const b = 2; export { b };')), []);
  });
});

test('findUndocumentedExports() wants a docstring right above every exported declaration', () => {
  const text = `/** Of the file. */
import { x } from './x.ts';
export const bare = x;
/** Told. */
export const told = 1;
// a remark
export interface Remarked {}
/* no docstring */
export type Plain = 1;
/***/
export function empty() {}
/** Far. */
const between = 2;
export class Far {}
/** Once for all. */
export function twice(a: string): void;
export function twice(a: number): void;
export function twice(a: unknown): void { between; }
export { between };`;
  assert.deepEqual(linesOf(findUndocumentedExports(parse(text))), [3, 7, 9, 11, 14]);
});

describe('findPoorNames() objects to', () => {
  for (const path of [
    'src/utils/a.ts',
    'src/lock-manager.ts',
    'src/helpers.ts',
    'test/common/a.test.ts',
    'src/useRecord.ts',
    'src/Plan.ts',
    'src/a_b.ts',
  ])
    test(path, () => assert.equal(findPoorNames(path).length, 1));

  test('nothing in kebab-case names that say something', () => {
    assert.deepEqual(['src/model/use-record.ts', 'test/contract/docker.real.test.ts', 'tools/node24.sh'].flatMap(findPoorNames), []);
  });
});

describe('measureFunctions()', () => {
  const measure = (text: string) => measureFunctions(parse(text)).map(({ name, lines }) => ({ name, lines }));

  test('counts from the head to the last brace, braces in texts and comments apart', () => {
    const text = 'function f(\n  a: string,\n) {\n  const b = "}"; // }\n  /* { */ g(/[}]/, `{a}}`, b);\n}\nconst after = 1;';
    assert.deepEqual(measure(text), [{ name: 'f', lines: 6 }]);
  });

  test('names methods, properties and variables, and leaves callbacks without a name', () => {
    const text =
      'class A {\n m() { a(); }\n #n = () => { b(); };\n}\nconst f = () => { c(); };\nconst o = { g() { d(); } };\non(() => {\n  e();\n});';
    assert.deepEqual(measure(text), [
      { name: 'm', lines: 1 },
      { name: '#n', lines: 1 },
      { name: 'f', lines: 1 },
      { name: 'g', lines: 1 },
      { name: null, lines: 3 },
    ]);
  });

  test('leaves out groups of tests, by name or not, and functions without braces, but not the tests in them', () => {
    const text =
      "describe('x', () => {\n  test('y', () => {\n    assert.ok(f);\n  });\n});\nfunction contract() {\n  test('z', () => f());\n}\nconst g = (a: number) => a + 1;";
    assert.deepEqual(measure(text), [{ name: null, lines: 3 }]);
  });
});

test('quantile() gives the middle, the ninetieth of a hundred, and 0 of nothing', () => {
  const numbers = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.deepEqual([quantile([3, 1, 2], 0.5), quantile(numbers, 0.9), quantile([], 0.5), quantile([7], 1)], [2, 91, 0, 7]);
});

test('countCodeLines() counts neither blank lines nor lines that hold comments alone', () => {
  assert.equal(countCodeLines(parse('/**\n * Words.\n */\n\nconst a = 1; // more\n// end\nconst b = `\n\n// text\n`;\n')), 4);
});

describe('findToothlessTests()', () => {
  test('objects to a test that asserts nothing', () => {
    assert.deepEqual(
      linesOf(findToothlessTests(parse("test('a', () => {\n  run();\n});\nit('b', async () => { await run(); });"))),
      [1, 4],
    );
  });

  test('is content with assertions, in the test or in what it calls or passes on', () => {
    const text = `test('a', () => assert.ok(run()));
test('b', (t) => { t.assert.ok(1); });
test('c', () => { outer(); });
test('d', async () => { await Promise.all([1].map(inner)); });
const outer = () => inner();
function inner() { assert.equal(1, 1); }`;
    assert.deepEqual(findToothlessTests(parse(text)), []);
    assert.equal(countTests(parse(text)), 4);
  });
});

test('findWaits() objects to timers whose reason is not given', () => {
  const text = `setTimeout(done, 5);
await sleep(10);
// waits: the engine has no event for this
setTimeout(done, 5);
const text = 'setTimeout(done, 5)';`;
  assert.deepEqual(linesOf(findWaits(parse(text))), [1, 2]);
});
