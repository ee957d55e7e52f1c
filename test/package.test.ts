/** The npm package, as it would be published: packed, judged, installed into an empty folder without network, and used. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { loadSettings } from '../src/cli/settings/load-settings.ts';
import { policyOf } from '../src/cli/settings/policy-of.ts';
import { DEFAULT_POLICY } from '../src/index.ts';
import { PROJECT_ROOT, readProjectFile } from './code/project-files.ts';

const run = promisify(execFile);
const { version }: { readonly version: string } = JSON.parse(readProjectFile('package.json'));
const TOOLS = join(PROJECT_ROOT, 'node_modules', '.bin');
const isBuilt = existsSync(join(PROJECT_ROOT, 'dist', 'library', 'index.js'));

test('DEFAULT_POLICY of the library is what the command does where nothing is set', () => {
  const nothing = () => {
    throw Object.assign(new Error('nothing is there'), { code: 'ENOENT' });
  };
  const sources = { readFile: nothing, listDirectory: nothing, configPath: null, environment: {}, flags: new Map(), isRoot: true };
  assert.deepEqual(DEFAULT_POLICY, policyOf(loadSettings({ ...sources, home: '/root' }).settings));
});

describe('the npm package', { skip: isBuilt ? false : 'missing: dist (npm run build)' }, () => {
  let folder = '';
  let tarball = '';

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'package-'));
    // Without scripts: the build under test is the one that is there.
    await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: PROJECT_ROOT, env: offline() });
    tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('has nothing that publint would mend', async () => {
    const { stdout } = await run(join(TOOLS, 'publint'), ['run', tarball, '--strict'], { env: offline() });
    assert.match(stdout, /All good!/);
  });

  test('has types that resolve wherever an ES module does', async () => {
    const { stdout } = await run(join(TOOLS, 'attw'), [tarball, '--profile', 'esm-only', '--no-emoji', '--no-color'], { env: offline() });
    assert.match(stdout, /node16 \(from ESM\) +│ OK \(ESM\)/, stdout);
    assert.match(stdout, /bundler +│ OK/, stdout);
  });

  test('holds what runs, its types, documents and licences, and no source or test', async () => {
    const { stdout } = await run('tar', ['-tzf', tarball]);
    const names = stdout.trim().split('\n');
    for (const name of ['bin/imagegc', 'dist/main.cjs', 'dist/library/index.d.ts', 'dist/THIRD-PARTY-LICENCES.txt', 'LICENSE'])
      assert.ok(names.includes(`package/${name}`), name);
    assert.deepEqual(
      names.filter((name) => /\/(src|test|tools)\/|\.test\.|\.cache$/.test(name) && !name.includes('/schema/')),
      [],
    );
  });

  test('installs into an empty folder without network, and runs', async (context) => {
    const home = await install(folder, tarball);
    const imagegc = join(home, 'node_modules', '.bin', 'imagegc');
    const { stdout } = await run(imagegc, ['--version'], { env: offline() });
    assert.equal(stdout, `${version}\n`);
    assert.deepEqual(
      readdirSync(join(home, 'node_modules')).filter((name) => !name.startsWith('.')),
      ['imagegc'],
      'it brings nothing else',
    );
    context.diagnostic(`the packed package: ${(await run('stat', ['-c', '%s', tarball])).stdout.trim()} bytes`);
  });

  test('runs the examples of docs/library.md, which print what stands there, and whose types are right', async () => {
    const home = await install(folder, tarball);
    const blocks = [...readProjectFile('docs/library.md').matchAll(/```ts\n(.*?)```\n\n```text\n(.*?)```/gs)];
    assert.equal(blocks.length, 2);
    writeFileSync(join(home, 'package.json'), '{ "type": "module" }');
    const compilerOptions = { module: 'nodenext', strict: true, noEmit: true, lib: ['es2024', 'dom'], types: [] };
    writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    for (const [index, [, code = '', printed]] of blocks.entries()) {
      writeFileSync(join(home, `example${index}.ts`), code);
      const { stdout } = await run(process.execPath, [`example${index}.ts`], { cwd: home, env: offline() });
      assert.equal(stdout, printed);
    }
    await run(join(TOOLS, 'tsc'), ['--project', home]);
  });
});

/** The pinned Node first on PATH, as for somebody who has it, and npm kept from the network and from looking for news of itself. */
function offline(): NodeJS.ProcessEnv {
  const path = `${dirname(process.execPath)}${delimiter}${process.env['PATH']}`;
  return { ...process.env, PATH: path, npm_config_offline: 'true', npm_config_update_notifier: 'false', NO_COLOR: '1' };
}

async function install(folder: string, tarball: string): Promise<string> {
  const home = mkdtempSync(join(folder, 'home-'));
  // Of its own, because a cache from elsewhere could hide what has to be fetched.
  const cache = join(home, '.cache');
  mkdirSync(cache);
  await run('npm', ['install', '--no-audit', '--no-fund', '--cache', cache, tarball], { cwd: home, env: offline() });
  rmSync(cache, { recursive: true });
  return home;
}
