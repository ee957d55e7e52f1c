import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findKeyLines } from './key-lines.ts';

const TOML = `# comment
enabled = true
rules.order = "lru"  # x = 1

[ rules ]
unused_for = "7d"
note = """
scope = "all"
"""
disk = { high = "85%" }
[protect] # here
references = [
  "a = b",
  'c', # references = 2
]
"keep_last" = 1
`;

for (const [path, line] of [
  ['enabled', 2],
  ['rules.order', 3],
  ['rules', 5],
  ['rules.unused_for', 6],
  ['rules.disk.high', 10],
  ['protect', 11],
  ['protect.references', 12],
  ['protect.keep_last', 16],
  ['rules.scope', 5],
  ['nowhere', null],
] as const) {
  test(`findKeyLines() puts ${path} at line ${line}`, () => {
    assert.equal(findKeyLines(TOML)(path), line);
  });
}

test('findKeyLines() counts lines that end in CR LF', () => {
  assert.equal(findKeyLines('a = 1\r\n[t]\r\nb = 2\r\n')('t.b'), 3);
});
