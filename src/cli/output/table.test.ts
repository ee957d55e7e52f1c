import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { cut, lookOf, paint, printable } from './style.ts';
import { type Cell, rigidColumn, table, textColumn } from './table.ts';

const COLUMNS = [textColumn('NAME', 1, 8, 'middle'), rigidColumn('RULE', 3, 'left'), rigidColumn('SIZE', 2)];
const ROWS = [
  ['registry.example.com/team/app:1.2.3', 'unused-for', '1.20 GB'],
  ['base', 'dangling', '5 B'],
];
const PLAIN = { isColour: false };

test('table() aligns words left and figures right, with no blanks at line ends', () => {
  assert.equal(
    table(COLUMNS, ROWS, { width: 80, ...PLAIN }),
    [
      'NAME                                 RULE           SIZE',
      'registry.example.com/team/app:1.2.3  unused-for  1.20 GB',
      'base                                 dangling        5 B',
      '',
    ].join('\n'),
  );
});

test('table() cuts names in the middle where room is short', () => {
  assert.equal(
    table(COLUMNS, ROWS, { width: 40, ...PLAIN }),
    [
      'NAME                 RULE           SIZE',
      'registry.…app:1.2.3  unused-for  1.20 GB',
      'base                 dangling        5 B',
      '',
    ].join('\n'),
  );
});

test('table() drops the least important column where cutting is not enough', () => {
  assert.equal(
    table(COLUMNS, ROWS, { width: 20, ...PLAIN }),
    ['NAME            SIZE', 'regis…1.2.3  1.20 GB', 'base             5 B', ''].join('\n'),
  );
});

test('table() never wraps, whatever the width, and never prints a control character', () => {
  const text = fc.string({ unit: 'binary', maxLength: 30 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.array(fc.tuple(text, text, text)), (width, rows) => {
      const lines = table(COLUMNS, rows, { width, ...PLAIN }).split('\n');
      assert.equal(lines.length, rows.length === 0 ? 1 : rows.length + 2);
      for (const line of lines) {
        assert.ok([...line].length <= width, JSON.stringify(line));
        assert.equal(printable(line), line);
      }
    }),
  );
});

test('table() without rows prints nothing, not even a head', () => {
  assert.equal(table(COLUMNS, [], { width: 80, ...PLAIN }), '');
});

test('table() colours cells without shifting columns', () => {
  const row: Cell[] = ['base', { text: 'disk', style: 'yellow' }, '5 B'];
  const coloured = table(COLUMNS, [row], { width: 80, isColour: true });
  assert.ok(coloured.includes('\u001b[33mdisk\u001b[39m'));
  assert.equal(stripVTControlCharacters(coloured), table(COLUMNS, [row], { width: 80, ...PLAIN }));
});

test('lookOf() wants colours and a width on a terminal alone, and no colours with NO_COLOR or a dumb terminal', () => {
  assert.deepEqual(lookOf({ isTTY: true, columns: 100 }, { TERM: 'xterm' }), { width: 100, isColour: true });
  assert.deepEqual(lookOf({ isTTY: true }, { NO_COLOR: '1' }), { width: 80, isColour: false });
  assert.deepEqual(lookOf({ isTTY: true }, { NO_COLOR: '' }), { width: 80, isColour: true });
  assert.deepEqual(lookOf({ isTTY: true }, { TERM: 'dumb' }), { width: 80, isColour: false });
  assert.deepEqual(lookOf({}, {}), { width: null, isColour: false });
});

test('paint() leaves text alone where no colours are wanted', () => {
  assert.equal(paint('red', 'x', PLAIN), 'x');
});

test('printable() takes the power from escape sequences and from signs that reverse the reading order', () => {
  assert.equal(printable('a\u001b[2Jb\u202Ec\n'), 'a?[2Jb?c?');
});

test('cut() keeps both ends of a name, or the beginning of a sentence', () => {
  assert.equal(cut('abcdefghij', 5, 'middle'), 'ab…ij');
  assert.equal(cut('abcdefghij', 5, 'end'), 'abcd…');
  assert.equal(cut('abc', 3, 'middle'), 'abc');
  assert.equal(cut('abc', 1, 'middle'), '…');
  assert.equal(cut('abc', 0, 'end'), '');
});
