// Makes node_modules/.bin/node the pinned Node, so that npm scripts run it on a machine whose own Node is older.
//
// npm before 11.19 removes that link again when the package of the other architecture, which has the same bin name,
// is skipped (npm/cli#4362), so it is made here. Runs under Node 20: plain JavaScript, built-ins only.
//   node tools/node/link.mjs            warns when there is no pinned Node (npm ci --omit=optional, other platforms)
//   node tools/node/link.mjs --strict   fails then, unless the Node that runs this is new enough
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const modules = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'node_modules');
const link = join(modules, '.bin', 'node');
const pinned = join(modules, `node-${process.platform}-${process.arch}`, 'bin', 'node');

if (existsSync(pinned)) linkPinned();
else if (!isNewEnough(process.versions.node)) complain(process.argv.includes('--strict'));

function linkPinned() {
  if (existsSync(link)) return;
  mkdirSync(dirname(link), { recursive: true });
  // a link whose target is gone does not exist for existsSync, but is in the way
  rmSync(link, { force: true });
  symlinkSync(relative(dirname(link), pinned), link);
}

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 24 || (major === 24 && minor >= 15);
}

// Only a warning in "prepare": "npm install --package-lock-only" runs that without node_modules, and must not break.
function complain(isStrict) {
  console.error(`imagegc: no pinned Node at ${pinned}, and this is Node ${process.versions.node}; 24.15 or newer is needed.
         Run "npm ci" without --omit=optional, or put a newer Node first on PATH.`);
  if (isStrict) process.exitCode = 1;
}
