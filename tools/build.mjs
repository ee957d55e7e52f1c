// Builds dist/imagegc.cjs, which bin/imagegc runs. CommonJS, because importing node:http as an ES module costs 16 MB and 90 ms that
// require does not (nodejs/node#59686). Runs under Node 20: npm may be on that.
//
// start.cjs, as dist/imagegc.cjs, runs the bundle main.cjs with code that was compiled before; what few need is in files of its own beside it,
// read when it is needed. Then dist/library, what other programs may import (docs/library.md), and the licences of what is bundled.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { APART } from './bundles.mjs';
import { collectLicences } from './licences.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const esbuild = await import('esbuild').catch(() => undefined);
if (esbuild === undefined) {
  // npm ci --omit=dev: nothing can be built; bin/imagegc says so if there is no bundle.
  console.error('imagegc: esbuild is not installed (a development dependency), so dist/ was not built.');
  process.exit(0);
}
mkdirSync(dist, { recursive: true });
const partial = join(dist, `main.cjs.${process.pid}`);
/**
 * Commander loads node:child_process at once, for commands that are programs of their own, of which we have none: 4 ms of each start. gRPC can
 * read .proto files, of which there are none at run time: half of what it would add to the bundle.
 */
const withoutUnused = {
  name: 'without-unused',
  setup(build) {
    build.onResolve({ filter: /^(node:child_process|@grpc\/proto-loader)$/ }, ({ importer }) => {
      return /\/node_modules\/(commander|@grpc)\//.test(importer) ? { path: 'nothing', namespace: 'nothing' } : undefined;
    });
    build.onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: 'module.exports = {};' }));
  },
};
const leftApart = {
  name: 'left-apart',
  setup(build) {
    build.onResolve({ filter: new RegExp(`^(${Object.keys(APART).join('|')})$`) }, ({ path }) => ({
      path: `./${APART[path].file}`,
      external: true,
    }));
  },
};
const forNode = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  // Names too: with them, a daemon on containerd is 0.9 MB larger. Whoever has a stack to read builds the same version with --map.
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
};
const bundled = await esbuild.build({
  ...forNode,
  entryPoints: ['src/cli/main.ts'],
  outfile: partial,
  // require() instead: V8's script has no loader for import().
  supported: { 'dynamic-import': false },
  define: { 'import.meta.dirname': '__dirname' },
  sourcemap: process.argv.includes('--map') && 'external',
  plugins: [leftApart, withoutUnused],
});
if (process.argv.includes('--map')) renameSync(`${partial}.map`, join(dist, 'main.cjs.map'));
const apart = await Promise.all(
  Object.values(APART).map(({ file, entry }) =>
    esbuild.build({ ...forNode, entryPoints: [entry], outfile: join(dist, `${file}.${process.pid}`), plugins: [withoutUnused] }),
  ),
);
// The page that the daemon serves: read by it when it is asked for, and no part of the bundle.
const page = await esbuild.build({
  absWorkingDir: root,
  entryPoints: { dashboard: 'src/dashboard/main.ts', style: 'src/dashboard/dashboard.css' },
  outdir: join(dist, 'dashboard'),
  bundle: true,
  platform: 'browser',
  target: 'es2023',
  format: 'esm',
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
});
renameSync(join(dist, 'dashboard/style.css'), join(dist, 'dashboard/dashboard.css'));
for (const name of ['index.html', 'icon.svg']) copyFileSync(join(root, 'src/dashboard', name), join(dist, 'dashboard', name));
const hash = createHash('sha256').update(readFileSync(partial)).digest('hex').slice(0, 16);
const start = readFileSync(join(root, 'tools/start.cjs'), 'utf8').replace("BUNDLE_HASH = ''", `BUNDLE_HASH = '${hash}'`);
// Renamed into place, so that a command that starts during a build never reads half a file.
for (const { file } of Object.values(APART)) renameSync(join(dist, `${file}.${process.pid}`), join(dist, file));
renameSync(partial, join(dist, 'main.cjs'));
writeFileSync(partial, start);
renameSync(partial, join(dist, 'imagegc.cjs'));
// Code compiled for other bundles, and what a killed process left of its own.
for (const name of readdirSync(dist)) if (name.startsWith('main-')) rmSync(join(dist, name), { force: true });
rmSync(join(dist, 'compile-cache'), { recursive: true, force: true });

const sources = [bundled, page, ...apart].flatMap(({ metafile }) => Object.keys(metafile.inputs));
writeFileSync(join(dist, 'THIRD-PARTY-LICENCES.txt'), collectLicences(root, sources));
await buildLibrary();
await buildShellFiles();

/** The core alone, which needs nothing from around it: one ES module, and the types of all that it is made of. */
async function buildLibrary() {
  const making = join(dist, `library.${process.pid}`);
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: ['src/index.ts'],
    outfile: join(making, 'index.js'),
    bundle: true,
    platform: 'neutral',
    target: 'es2024',
    format: 'esm',
    logLevel: 'warning',
  });
  const compiler = join(root, 'node_modules/.bin/tsc');
  execFileSync(compiler, ['--project', 'tools/library.tsconfig.json', '--outDir', making], { cwd: root, stdio: 'inherit' });
  for (const name of readdirSync(making, { recursive: true })) {
    if (!name.endsWith('.d.ts')) continue;
    // A declaration keeps the names of sources, which are not there.
    const text = readFileSync(join(making, name), 'utf8').replaceAll(/(from '\.{1,2}\/[^']+)\.ts'/g, "$1.js'");
    writeFileSync(join(making, name), text.replaceAll(/(from "\.{1,2}\/[^"]+)\.ts"/g, '$1.js"'));
  }
  rmSync(join(dist, 'library'), { recursive: true, force: true });
  renameSync(making, join(dist, 'library'));
}

/** Completions and the man page, from the program itself; bundled first, because this may run under a Node that reads no TypeScript. */
async function buildShellFiles() {
  const made = join(dist, `shell-files.${process.pid}.cjs`);
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: ['tools/shell-files/shell-files.ts'],
    outfile: made,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    define: { 'import.meta.dirname': '__dirname' },
    logLevel: 'warning',
  });
  const { makeShellFiles } = await import(pathToFileURL(made).href);
  rmSync(made);
  for (const [path, text] of makeShellFiles()) {
    mkdirSync(dirname(join(dist, path)), { recursive: true });
    writeFileSync(join(dist, path), text);
  }
}
