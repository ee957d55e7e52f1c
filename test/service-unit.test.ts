/** The systemd unit, as systemd itself reads it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { PROJECT_ROOT } from './code/project-files.ts';

const UNIT = readFileSync(join(PROJECT_ROOT, 'packaging/systemd/imagegc.service'), 'utf8');
/** In tenths, as `--threshold` takes it; 22 is what it is. */
const MOST_EXPOSURE = '25';

const isThere = spawnSync('systemd-analyze', ['--version']).status === 0;

describe('the systemd unit', { skip: isThere ? false : 'missing: systemd-analyze (Debian package systemd)' }, () => {
  test('is one that systemd understands, once it names a program that is there', () => {
    const { status, stderr } = analyse('verify');
    assert.deepEqual([status, stderr], [0, '']);
  });

  test('exposes the host to little', () => {
    const { status, stdout } = analyse('security', '--offline=yes', `--threshold=${MOST_EXPOSURE}`);
    assert.equal(status, 0, stdout);
    assert.match(stdout, /Overall exposure level/);
  });
});

test('the unit forbids memory that is written and run, which the launcher of the daemon provides for', () => {
  assert.match(UNIT, /^MemoryDenyWriteExecute=yes$/m);
  assert.match(readFileSync(join(PROJECT_ROOT, 'bin/imagegc'), 'utf8'), /= daemon \]; then exec "\$node" --jitless/);
});

function analyse(...words: readonly string[]) {
  const directory = mkdtempSync(join(tmpdir(), 'unit-'));
  const path = join(directory, 'imagegc.service');
  writeFileSync(path, UNIT.replace('/opt/imagegc/bin/imagegc', '/bin/true'));
  const result = spawnSync('systemd-analyze', [...words, path], { encoding: 'utf8' });
  rmSync(directory, { recursive: true });
  return result;
}
