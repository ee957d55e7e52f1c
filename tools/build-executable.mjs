// Builds the single executable, for the machine that it is built on: Node itself, with the bundle inside (docs/decisions/0010).
//
//   node tools/build-executable.mjs [FILE]   FILE is dist/imagegc if it is not given; the bundle has to be built before
//
// Needs Node 26, which builds such programs by itself (node --build-sea), and strip for a smaller one. Stripped afterwards it would not run.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { APART_FILES } from './bundles.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = resolve(process.argv[2] ?? join(root, 'dist', 'imagegc'));
const bundle = join(root, 'dist', 'main.cjs');
if (!existsSync(bundle)) fail(`${bundle} is missing; run "npm run build"`);
if (Number(process.versions.node.split('.')[0]) < 26)
  fail(`this is Node ${process.versions.node}; 26 or newer is needed (node --build-sea)`);

// Beside the target, so that it can be renamed into place.
const making = mkdtempSync(join(dirname(target), '.imagegc-'));
process.on('exit', () => rmSync(making, { recursive: true, force: true }));
const inMaking = (name) => join(making, name);
copyFileSync(process.execPath, inMaking('node'));
if (spawnSync('strip', [inMaking('node')]).status !== 0)
  console.error('imagegc: strip (Debian package binutils) failed or is missing: 30 MB more');
writeFileSync(inMaking('main.cjs'), readFileSync(join(root, 'tools/start-executable.cjs'), 'utf8') + readFileSync(bundle, 'utf8'));
const settings = {
  main: inMaking('main.cjs'),
  executable: inMaking('node'),
  output: inMaking('imagegc'),
  disableExperimentalSEAWarning: true,
  // NODE_OPTIONS of whoever calls it are not meant for it.
  execArgvExtension: 'cli',
  // Compiled code saves a tenth of a start, and a daemon, which runs by other flags, would warn that it cannot use it.
  useCodeCache: false,
  // What the bundle reads when it needs it; start-executable.cjs finds it there.
  assets: Object.fromEntries(APART_FILES.map((name) => [name, join(root, 'dist', name)])),
};
writeFileSync(inMaking('sea.json'), JSON.stringify(settings));
execFileSync(process.execPath, ['--build-sea', inMaking('sea.json')], { stdio: ['ignore', 'ignore', 'inherit'] });
renameSync(inMaking('imagegc'), target);
console.log(`${target}: ${(statSync(target).size / 1e6).toFixed(1)} MB`);

function fail(problem) {
  console.error(`imagegc: ${problem}`);
  process.exit(1);
}
