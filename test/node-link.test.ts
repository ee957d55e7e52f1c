import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { PROJECT_ROOT } from './code/project-files.ts';

const PACKAGE = `node-${process.platform}-${process.arch}`;

/** Runs a copy of the script in a folder that holds nothing but some files below node_modules. */
function link(files: readonly string[], arrange: (modules: string) => void = () => undefined) {
  const root = mkdtempSync(join(tmpdir(), 'link-'));
  const modules = join(root, 'node_modules');
  for (const path of files) {
    mkdirSync(dirname(join(modules, path)), { recursive: true });
    writeFileSync(join(modules, path), '');
  }
  arrange(modules);
  const script = join(root, 'tools', 'node', 'link.mjs');
  mkdirSync(dirname(script), { recursive: true });
  copyFileSync(join(PROJECT_ROOT, 'tools', 'node', 'link.mjs'), script);
  try {
    const { status } = spawnSync(process.execPath, [script, '--strict']);
    return { status, target: tryReadLink(join(modules, '.bin', 'node')) };
  } finally {
    rmSync(root, { recursive: true });
  }
}

function tryReadLink(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

test('link.mjs links the pinned Node by a relative path, so that the checkout can be moved', () => {
  assert.deepEqual(link([`${PACKAGE}/bin/node`]), { status: 0, target: `../${PACKAGE}/bin/node` });
});

test('link.mjs replaces a link whose target is gone', () => {
  const outcome = link([`${PACKAGE}/bin/node`, '.bin/other'], (modules) => symlinkSync('../gone/bin/node', join(modules, '.bin', 'node')));
  assert.deepEqual(outcome, { status: 0, target: `../${PACKAGE}/bin/node` });
});

test('link.mjs leaves a link that npm made', () => {
  const outcome = link([`${PACKAGE}/bin/node`, '.bin/other', 'node/bin/node'], (modules) =>
    symlinkSync('../node/bin/node', join(modules, '.bin', 'node')),
  );
  assert.deepEqual(outcome, { status: 0, target: '../node/bin/node' });
});

test('link.mjs makes no link without a pinned Node, and is content when it runs on one that is new enough', () => {
  assert.deepEqual(link([]), { status: 0, target: null });
});
