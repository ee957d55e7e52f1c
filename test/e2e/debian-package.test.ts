/** The Debian package: built, judged by lintian, and installed, used, removed and purged in a clean root of Debian. No systemd runs there. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { APART_FILES } from '../../tools/bundles.mjs';
import { PROJECT_ROOT, readProjectFile } from '../code/project-files.ts';
import { openLabOfRun } from '../contract/lab-of-run.ts';
import type { Lab } from '../lab/lab.ts';
import { runRoots } from '../lab/lab-script.ts';
import { startDaemon } from './daemon-process.ts';
import { makeFolder } from './imagegc-process.ts';

const run = promisify(execFile);
const { version }: { readonly version: string } = JSON.parse(readProjectFile('package.json'));
const NEEDED = ['dpkg-deb', 'strip'];
const absent = NEEDED.filter((program) => spawnSync(program, ['--version']).error !== undefined);
const missing = absent.length === 0 ? false : `missing: ${absent.join(', ')} (Debian packages dpkg, binutils)`;
const hasLintian = spawnSync('lintian', ['--version']).error === undefined;

const lab = missing === false ? await openLabOfRun(['the Debian package in a clean root']) : null;
if (lab !== null) after(() => lab.close());

describe('the Debian package', { skip: missing }, () => {
  const folder = makeFolder();
  let file = '';
  after(() => folder[Symbol.dispose]());

  test('is built by one script', async (context) => {
    // Packed as xz it is a quarter, and takes two minutes.
    const env = { ...process.env, DPKG_DEB_FLAGS: '-Zgzip -z1', DEBFULLNAME: 'A Builder', DEBEMAIL: 'builder@imagegc.dev' };
    const { stdout } = await run(join(PROJECT_ROOT, 'packaging/debian/build.sh'), [folder.path], { env });
    file = stdout.trim();
    assert.ok(file.startsWith(join(folder.path, `imagegc_${version}_`)), file);
    const { stdout: contents } = await run('dpkg-deb', ['--contents', file]);
    for (const name of ['imagegc.cjs', 'main.cjs', ...APART_FILES]) assert.match(contents, new RegExp(`/lib/imagegc/dist/${name}$`, 'm'));
    const { stdout: installed } = await run('dpkg-deb', ['--field', file, 'Installed-Size']);
    context.diagnostic(`${(statSync(file).size / 1e6).toFixed(1)} MB as gzip -1, ${(Number(installed) / 1e3).toFixed(0)} MB installed`);
  });

  test('is one that lintian objects to nothing in', { skip: hasLintian ? false : 'missing: lintian' }, async () => {
    const { stdout } = await run('lintian', ['--allow-root', '--fail-on', 'error,warning', file], {
      // It leaves a database behind.
      env: { ...process.env, TMPDIR: folder.path },
    });
    assert.equal(stdout, '');
  });

  if (lab !== null) describeInRoot(lab, () => file);
});

function describeInRoot(lab: Lab, file: () => string): void {
  test('is installed, runs, is removed with its record kept, and purged with nothing left', async () => {
    await using ends = new AsyncDisposableStack();
    const engine = await lab.start('docker-new-overlay2');
    ends.defer(() => engine.stop());
    await engine.loadImages([{ repository: 'lab/app', tags: ['1'], layers: [{ key: 'base', kb: 4 }] }]);
    const root = await openRoot(lab);
    ends.defer(() => rmSync(root.folder, { recursive: true }));
    const before = await root.listFiles();

    await root.run('dpkg', '--install', await root.give(file()));
    assert.equal(await root.run('imagegc', '--version'), `${version}\n`);
    assert.match(await root.run('imagegc', 'config', 'show', '--origin'), /unused_for = "7d" +# default/);
    const socket = engine.socketPath.replace(lab.directory, '/mnt');
    assert.match(await root.run('imagegc', 'plan', '--engine-address', `unix://${socket}`), /Nothing to remove|Would remove/);
    assert.equal(await root.run('sh', '-c', 'test -e /etc/systemd/system/multi-user.target.wants/imagegc.service || echo off'), 'off\n');

    const http = mkdtempSync(join(lab.directory, 'http-'));
    const options = { through: root.through, program: '/usr/bin/imagegc', environment: { TMPDIR: '/tmp' } };
    const settings = ['--store-path', '/var/lib/imagegc', '--http-listen', ''];
    await using daemon = startDaemon(http, socket, settings, options);
    await daemon.logged(/watching docker/);
    assert.match(readFileSync(`/proc/${daemon.pid}/cmdline`, 'utf8'), /\/lib\/imagegc\/.*\0--jitless\0/);
    daemon.signal('SIGTERM');
    assert.equal((await daemon.finished).status, 0, daemon.log());

    await root.run('sh', '-c', 'echo "# mine" >>/etc/imagegc/config.toml');
    await root.run('dpkg', '--install', await root.give(file()));
    assert.match(await root.run('cat', '/etc/imagegc/config.toml'), /# mine/);

    await root.run('dpkg', '--remove', 'imagegc');
    const kept = (await root.listFiles()).filter((path) => !before.includes(path));
    assert.deepEqual(
      kept.filter((path) => !path.startsWith('/var/lib/imagegc')),
      ['/etc/imagegc', '/etc/imagegc/config.toml', '/var/lib/systemd/deb-systemd-helper-enabled/imagegc.service.dsh-also'],
    );
    assert.ok(
      kept.some((path) => path.startsWith('/var/lib/imagegc/')),
      kept.join('\n'),
    );

    await root.run('dpkg', '--purge', 'imagegc');
    assert.deepEqual(await root.listFiles(), before);
  });
}

/** A clean root of its own: what changes in it lies in a folder that goes. */
interface CleanRoot {
  readonly folder: string;
  /** Goes before a command that is to run in it. */
  readonly through: readonly string[];
  run(...command: readonly string[]): Promise<string>;
  /** Puts a file where the root sees it. @returns its path there */
  give(file: string): Promise<string>;
  /** Everything in it but what dpkg notes down for itself. */
  listFiles(): Promise<readonly string[]>;
}

const ENTER = `
  mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/inner" none "$2/root" &&
  mount -t proc none "$2/root/proc" && mount --rbind /dev "$2/root/dev" && mount --bind "$3" "$2/root/mnt" || exit 1
  root=$2/root; shift 3; cd / && exec chroot "$root" "$@"`;
const OF_DPKG = /^\/var\/(lib\/dpkg\/(info|lock|status|available|triggers|diversions|updates|.*-old)|log\/|cache\/)/;

async function openRoot(lab: Lab): Promise<CleanRoot> {
  const lower = await runRoots('extract', 'bookworm', 'clean');
  const folder = mkdtempSync(join(lab.directory, 'clean-root-'));
  for (const name of ['upper', 'inner', 'root']) mkdirSync(join(folder, name), { mode: 0o755 });
  const through = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', ENTER, 'enter', lower, folder, lab.directory];
  const enter = async (...command: readonly string[]) => {
    const [program = '', ...words] = [...through, ...command];
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive', HOME: '/root', LC_ALL: 'C' };
    return (await run(program, words, { env })).stdout;
  };
  return {
    folder,
    through,
    run: enter,
    give: async (file) => {
      await run('cp', [file, join(folder, 'given.deb')]);
      return join('/mnt', folder.slice(lab.directory.length), 'given.deb');
    },
    listFiles: async () => {
      const found = await enter('find', '/', '-xdev', '-not', '-path', '/mnt*');
      return found
        .trim()
        .split('\n')
        .filter((path) => !OF_DPKG.test(path))
        .sort();
    },
  };
}
