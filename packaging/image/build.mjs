// Builds the container image as one archive, without an engine and without a registry, for the machine that it is built on (docs/fleets.md).
//
//   node packaging/image/build.mjs [FILE] [--root DIR] [--name REPOSITORY]
//
// FILE is dist/imagegc-image.tar; DIR a Debian root with libc6, libstdc++6 and libatomic1, this machine's own if it is not given. The bundle has to be
// built before. Two layers: Node with the libraries it needs, and the bundle. So a new version of imagegc is a download of 0.3 MB, and old ones
// cost next to nothing.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { APART_FILES } from '../../tools/bundles.mjs';
import { makeArchive, makeLayer } from './image-archive.mjs';
import { findSharedLibraries } from './shared-libraries.mjs';

const project = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const { values, positionals } = parseArgs({
  options: { root: { type: 'string', default: '/' }, name: { type: 'string', default: 'imagegc' } },
  allowPositionals: true,
});
const target = resolve(positionals[0] ?? join(project, 'dist', 'imagegc-image.tar'));
const { version, description, license } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
const bundle = join(project, 'dist', 'main.cjs');
if (!existsSync(bundle)) fail(`${bundle} is missing; run "npm run build"`);

/** As bin/imagegc gives them to a daemon (docs/decisions/0006); a test compares. */
const FLAGS = ['--jitless', '--max-semi-space-size=1', '--expose-gc', '--use-openssl-ca'];
const config = {
  Entrypoint: ['/usr/bin/node', ...FLAGS, '/usr/bin/imagegc'],
  Cmd: ['daemon'],
  // The last two are for who runs it as another user than root.
  Env: ['PATH=/usr/bin', 'XDG_CONFIG_HOME=/etc', 'XDG_STATE_HOME=/var/lib'],
  WorkingDir: '/',
  Volumes: { '/var/lib/imagegc': {} },
  Labels: {
    // A default of protect.labels: no collector removes it, not even between two of its containers.
    'io.imagegc.keep': 'true',
    'org.opencontainers.image.title': 'imagegc',
    'org.opencontainers.image.description': description,
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': license,
  },
};

const making = mkdtempSync(join(dirname(target), '.image-'));
process.on('exit', () => rmSync(making, { recursive: true, force: true }));
const layers = [makeNodeLayer(values.root), makeProgramLayer()];
const name = `${values.name}:${version}`;
const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
const { archive, imageId, digest } = makeArchive({ name, architecture, created: '1970-01-01T00:00:00Z', config, layers });
writeFileSync(join(making, 'image.tar'), archive);
renameSync(join(making, 'image.tar'), target);
const sizes = layers.map(({ data, unpackedBytes }) => `${megabytes(unpackedBytes)} (${megabytes(data.length)} packed)`);
console.log(`${target}: ${name}, ID ${imageId}, manifest ${digest}\nlayers: ${sizes.join(', ')}`);

function makeNodeLayer(root) {
  const node = join(making, 'node');
  copyFileSync(process.execPath, node);
  if (spawnSync('strip', [node]).status !== 0) console.error('imagegc: strip (Debian package binutils) failed or is missing: 30 MB more');
  const copyrights = ['libc6', 'libgcc-s1', 'libstdc++6', 'libatomic1'].map((each) => [`usr/share/doc/${each}/copyright`, root]);
  const licence = join(dirname(dirname(process.execPath)), 'LICENSE');
  return makeLayer(
    [
      ...findSharedLibraries(node, root).map(([path, from]) => ({ path, data: readFileSync(from), mode: 0o755 })),
      { path: 'usr/bin/node', data: readFileSync(node), mode: 0o755 },
      ...copyrights.flatMap(([path, from]) => optionalFile(path, join(from, path))),
      ...optionalFile('usr/share/doc/node/LICENSE', licence),
    ],
    'Node.js and the shared libraries that it needs',
  );
}

/** A program by itself, so that `docker exec imagegc imagegc plan` works where there is no shell; by no other name is there anything to run. */
function makeProgramLayer() {
  // imagegc.cjs keeps compiled code beside the bundle, where here nothing may be written.
  const bundles = ['main.cjs', ...APART_FILES];
  const text = (path, data) => ({ path, data: Buffer.from(data), mode: 0o644 });
  return makeLayer(
    [
      { path: 'usr/bin/imagegc', data: Buffer.from("#!/usr/bin/node\nrequire('/usr/lib/imagegc/main.cjs');\n"), mode: 0o755 },
      ...bundles.map((name) => text(`usr/lib/imagegc/${name}`, readFileSync(join(project, 'dist', name)))),
      text('etc/passwd', 'root:x:0:0:root:/:/nonexistent\nnobody:x:65534:65534:nobody:/:/nonexistent\n'),
      text('etc/group', 'root:x:0:\nnogroup:x:65534:\n'),
      { path: 'etc/imagegc', mode: 0o755 },
      { path: 'var/lib/imagegc', mode: 0o700 },
      { path: 'usr/share/doc/imagegc/LICENSE', data: readFileSync(join(project, 'LICENSE')), mode: 0o644 },
      ...optionalFile('usr/share/doc/imagegc/THIRD-PARTY-LICENCES.txt', join(project, 'dist', 'THIRD-PARTY-LICENCES.txt')),
    ],
    `imagegc ${version}`,
  );
}

function optionalFile(path, from) {
  return existsSync(from) ? [{ path, data: readFileSync(from), mode: 0o644 }] : [];
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function fail(problem) {
  console.error(`imagegc: ${problem}`);
  process.exit(1);
}
