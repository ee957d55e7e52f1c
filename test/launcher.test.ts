/** bin/imagegc, run in folders of its own with programs that stand in for Node and for the bundle. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { PROJECT_ROOT } from './code/project-files.ts';

/** A checkout with nothing in it but what the launcher looks at. */
interface Checkout extends Disposable {
  readonly root: string;
  readonly launcher: string;
}

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const PROGRAM_MODE = 0o755;
const PINNED = 'node_modules/.bin/node';
const YEAR_2020 = 1_577_836_800;
const YEAR_2021 = 1_609_459_200;
const SHELL_FOLDERS = '/usr/bin:/bin';

function makeCheckout(name = 'checkout'): Checkout {
  const base = mkdtempSync(join(tmpdir(), 'launcher-'));
  const root = join(base, name);
  const launcher = join(root, 'bin', 'imagegc');
  mkdirSync(dirname(launcher), { recursive: true });
  copyFileSync(join(PROJECT_ROOT, 'bin', 'imagegc'), launcher);
  chmodSync(launcher, PROGRAM_MODE);
  return { root, launcher, [Symbol.dispose]: () => rmSync(base, { recursive: true }) };
}

/** A program that tells what it is and what it was called with. */
function addNode(root: string, path: string, version: string): string {
  const program = join(root, path);
  mkdirSync(dirname(program), { recursive: true });
  writeFileSync(program, `#!/bin/sh\nif [ "$1" = --version ]; then echo ${version}; else echo "${path}" "$@"; fi\n`);
  chmodSync(program, PROGRAM_MODE);
  return dirname(program);
}

function addFile(root: string, path: string, atSeconds: number): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), '');
  utimesSync(join(root, path), atSeconds, atSeconds);
}

function run(program: string, args: readonly string[] = [], path = SHELL_FOLDERS, cwd = '/'): Outcome {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env: { PATH: path }, cwd });
  return { status, stdout, stderr };
}

/** A checkout that is in order: bundle, pinned Node, and a source that is older. */
function makeSoundCheckout(name?: string): Checkout {
  const checkout = makeCheckout(name);
  addNode(checkout.root, PINNED, 'v26.10.0');
  addFile(checkout.root, 'src/cli/main.ts', YEAR_2020);
  addFile(checkout.root, 'dist/imagegc.cjs', YEAR_2021);
  return checkout;
}

function assertStarts(outcome: Outcome, node: string): void {
  assert.deepEqual({ status: outcome.status, stderr: outcome.stderr }, { status: 0, stderr: '' });
  assert.ok(outcome.stdout.startsWith(`${node} `), outcome.stdout);
}

/** What the launcher gives to Node before the bundle, and to the bundle. */
function splitFlags({ root }: Checkout, outcome: Outcome): readonly string[] {
  assertStarts(outcome, PINNED);
  return outcome.stdout.slice(PINNED.length + 1).split(` ${root}/bin/../dist/imagegc.cjs `);
}

function assertKnown(flags: string, script = ''): void {
  const { status, stderr } = spawnSync(process.execPath, [...flags.split(' '), '-e', script], { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, '']);
}

test('the launcher starts the bundle on the pinned Node and hands on every argument as it is, with flags that this Node knows', () => {
  using checkout = makeSoundCheckout();
  const [flags = '', rest] = splitFlags(checkout, run(checkout.launcher, ['plan', '--free', '5 GB', '']));
  assert.deepEqual([flags, rest], ['--v8-pool-size=1 --min-semi-space-size=16', 'plan --free 5 GB \n']);
  assertKnown(flags);
});

test('the launcher keeps a daemon small, with flags that this Node knows', () => {
  using checkout = makeSoundCheckout();
  const [flags = '', rest] = splitFlags(checkout, run(checkout.launcher, ['daemon', '--scope', 'all']));
  assert.deepEqual([flags, rest], ['--jitless --max-semi-space-size=1 --expose-gc --use-openssl-ca', 'daemon --scope all\n']);
  assertKnown(flags, "process.exit(typeof globalThis.gc === 'function' ? 0 : 1)");
});

test('the launcher says what to do when the bundle is missing', () => {
  using checkout = makeCheckout();
  addNode(checkout.root, PINNED, 'v26.10.0');
  const { status, stdout, stderr } = run(checkout.launcher, ['plan']);
  assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
  assert.match(stderr, /^imagegc: .*dist\/imagegc\.cjs is missing.*npm ci/);
});

test('the launcher warns of a bundle that is older than the source, and runs it all the same', () => {
  using checkout = makeSoundCheckout();
  addFile(checkout.root, 'src/runtime/docker/docker-client.ts', YEAR_2021 + 1);
  const { status, stdout, stderr } = run(checkout.launcher);
  assert.equal(status, 0);
  assert.ok(stdout.startsWith(PINNED));
  assert.match(stderr, /^imagegc: warning: the bundle is older than the source.*npm run build/);
});

test('the launcher does not mind a unit test that is newer than the bundle, nor an installation without source', () => {
  using checkout = makeSoundCheckout();
  addFile(checkout.root, 'src/cli/main.test.ts', YEAR_2021 + 1);
  assertStarts(run(checkout.launcher), PINNED);
  rmSync(join(checkout.root, 'src'), { recursive: true });
  assertStarts(run(checkout.launcher), PINNED);
});

test('the launcher finds its checkout through an absolute link, a relative one, and a chain of both', () => {
  using checkout = makeSoundCheckout();
  const folder = join(checkout.root, '..', 'usr', 'local', 'bin');
  mkdirSync(folder, { recursive: true });
  symlinkSync(checkout.launcher, join(folder, 'absolute'));
  symlinkSync(relative(folder, checkout.launcher), join(folder, 'relative'));
  symlinkSync('relative', join(folder, 'chain'));
  for (const name of ['absolute', 'relative', 'chain']) assertStarts(run(join(folder, name)), PINNED);
  assertStarts(run('/bin/sh', ['chain'], SHELL_FOLDERS, folder), PINNED);
});

test('the launcher runs from a folder with spaces, by an absolute path, a relative one, and from its own folder', () => {
  using checkout = makeSoundCheckout('a check out $HOME "x" *');
  assertStarts(run(checkout.launcher), PINNED);
  assertStarts(run('bin/imagegc', [], SHELL_FOLDERS, checkout.root), PINNED);
  assertStarts(run('/bin/sh', ['imagegc'], SHELL_FOLDERS, dirname(checkout.launcher)), PINNED);
});

test('the launcher takes the Node on PATH when there is no pinned one, from 24.15 on', () => {
  for (const version of ['v24.15.0', 'v24.21.0', 'v25.0.0', 'v26.10.0', 'v100.0.0']) {
    using checkout = makeSoundCheckout();
    rmSync(join(checkout.root, 'node_modules'), { recursive: true });
    const path = `${addNode(checkout.root, 'elsewhere/node', version)}:${SHELL_FOLDERS}`;
    assertStarts(run(checkout.launcher, [], path), 'elsewhere/node');
  }
});

test('the launcher refuses a Node on PATH that is too old or tells no version, and names it', () => {
  for (const version of ['v20.20.2', 'v24.14.9', 'v9.15.0', 'v0.30.0', 'nonsense', '']) {
    using checkout = makeSoundCheckout();
    rmSync(join(checkout.root, 'node_modules'), { recursive: true });
    const path = `${addNode(checkout.root, 'elsewhere/node', version)}:${SHELL_FOLDERS}`;
    const { status, stdout, stderr } = run(checkout.launcher, [], path);
    assert.deepEqual({ status, stdout }, { status: 1, stdout: '' }, version);
    assert.ok(stderr.includes(`elsewhere/node is Node.js ${version.replace('v', '')}; 24.15 or newer is needed`), stderr);
  }
});

test('the launcher says so when there is no Node at all, or one that cannot be run', () => {
  using checkout = makeSoundCheckout();
  rmSync(join(checkout.root, 'node_modules'), { recursive: true });
  const empty = join(checkout.root, 'empty');
  mkdirSync(empty);
  // links, because the folder that holds find may hold a real node too
  for (const tool of ['find', 'readlink', 'dirname']) symlinkSync(`/usr/bin/${tool}`, join(empty, tool));
  const none = run(checkout.launcher, [], empty);
  assert.equal(none.status, 1);
  assert.match(none.stderr, /^imagegc: no Node\.js found\. Version 24\.15 or newer is needed\.\n$/);
  writeFileSync(join(empty, 'node'), '#!/bin/sh\nexit 126\n', { mode: PROGRAM_MODE });
  assert.match(run(checkout.launcher, [], empty).stderr, /empty\/node cannot be run/);
});
