import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { PROJECT_ROOT } from '../code/project-files.ts';

const FOLDER = join(PROJECT_ROOT, 'dist/dashboard');
const GZIP_BYTES_MAX = 40_000;

test('all files of the page together are at most 40 kB, compressed', {
  skip: existsSync(FOLDER) ? false : 'missing: dist/dashboard (npm run build)',
}, (t) => {
  const sizes = readdirSync(FOLDER).map((name) => ({ name, bytes: gzipSync(readFileSync(join(FOLDER, name)), { level: 9 }).length }));
  const bytes = sizes.reduce((sum, each) => sum + each.bytes, 0);
  t.diagnostic(`${bytes} bytes: ${sizes.map((each) => `${each.name} ${each.bytes}`).join(', ')}`);
  assert.deepEqual(sizes.map(({ name }) => name).sort(), ['dashboard.css', 'dashboard.js', 'icon.svg', 'index.html']);
  assert.ok(bytes <= GZIP_BYTES_MAX, `${bytes} bytes`);
});
