import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listAnchors, listCode, listLinks, listRows } from './markdown.ts';

const PAGE = `# Names, and \`code\`
See [one](a.md) and [two](b.md#part "title"), not \`[three](c.md)\`.
\`\`\`console
$ imagegc plan --free 5GB   # how much
\`\`\`
~~~
[four](d.md) and # no heading
~~~
## Names, and code
| a | b |
|---|:-:|
| 1 | x \\| y |
[ref]: e.md
`;

test('listLinks() finds links outside of code, with their lines', () => {
  assert.deepEqual(listLinks(PAGE), [
    { line: 2, text: 'a.md' },
    { line: 2, text: 'b.md#part' },
    { line: 13, text: 'e.md' },
  ]);
});

test('listAnchors() names headings as GitHub does, equal ones by number', () => {
  assert.deepEqual(listAnchors(PAGE), ['names-and-code', 'names-and-code-1']);
});

test('listCode() finds code in the text and what a block of shell shows to type', () => {
  assert.deepEqual(
    listCode(PAGE).map((piece) => piece.text),
    ['code', '[three](c.md)', 'imagegc plan --free 5GB'],
  );
});

test('listRows() gives the cells of a table without its head', () => {
  assert.deepEqual(listRows(PAGE), [['1', 'x \\| y']]);
});
