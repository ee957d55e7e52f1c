// Builds dist/imagegc.cjs, the one file that bin/imagegc runs. CommonJS, because importing node:http as an ES module
// costs 16 MB and 90 ms that require does not (nodejs/node#59686). Runs under Node 20: npm may be on that.
import { mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outfile = join(root, 'dist', 'imagegc.cjs');
const esbuild = await import('esbuild').catch(() => undefined);
if (esbuild === undefined) {
  // npm ci --omit=dev: nothing can be built; bin/imagegc says so if there is no bundle.
  console.error('imagegc: esbuild is not installed (a development dependency), so dist/ was not built.');
  process.exit(0);
}
mkdirSync(dirname(outfile), { recursive: true });
const partial = `${outfile}.${process.pid}`;
await esbuild.build({
  absWorkingDir: root,
  entryPoints: ['src/cli/main.ts'],
  outfile: partial,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
});
// Renamed into place, so that a command that starts during a build never reads half a file.
renameSync(partial, outfile);
