import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { writeFileAtomically } from './atomic-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'imagegc-atomic-'));
after(() => rmSync(directory, { recursive: true }));

test('writeFileAtomically() writes a new file, replaces an old one, and leaves no other', () => {
  const path = join(directory, 'image_use');
  writeFileAtomically(path, 'one');
  writeFileAtomically(path, Buffer.from('two'), 0o400);
  assert.equal(readFileSync(path, 'utf8'), 'two');
  assert.equal(statSync(path).mode & 0o777, 0o400);
  assert.deepEqual(readdirSync(directory), ['image_use']);
});

test('writeFileAtomically() leaves what was there when it cannot replace it, and no temporary file', () => {
  const path = join(directory, 'taken');
  mkdirSync(join(path, 'inside'), { recursive: true });
  const before = readdirSync(directory);
  assert.throws(() => writeFileAtomically(path, 'text'));
  assert.deepEqual(readdirSync(directory), before);
});
