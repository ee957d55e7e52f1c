import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOTS_SCRIPT = join(import.meta.dirname, 'roots.sh');
const REQUIREMENTS = join(import.meta.dirname, 'requirements.ts');
const isRoot = process.getuid?.() === 0;

/** What a fresh process says after `before` has been done to it. */
function missingAfter(before: string): unknown {
  const script = `import { missingRequirements } from ${JSON.stringify(REQUIREMENTS)}; ${before}; console.log(JSON.stringify(missingRequirements()))`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }));
}

test('an ordinary user is told that root is missing', { skip: process.platform !== 'linux' }, () => {
  const missing = missingAfter(isRoot ? 'process.setuid(65534)' : '');
  assert.deepEqual(Array.isArray(missing) && missing[0], `root (this runs as uid ${isRoot ? 65534 : process.getuid?.()})`);
});

test('a machine without apt is told that apt-get is missing', { skip: process.platform !== 'linux' }, () => {
  const missing = missingAfter("process.env.PATH = '/nowhere'");
  assert.ok(Array.isArray(missing) && missing.includes('apt-get'), JSON.stringify(missing));
});

/** The mirrors found in an apt set-up of these files. */
function mirrorsOf(t: { after: (run: () => void) => void }, files: Readonly<Record<string, string>>): readonly string[] {
  const apt = mkdtempSync(join(tmpdir(), 'imagegc-apt-'));
  t.after(() => rmSync(apt, { recursive: true }));
  mkdirSync(join(apt, 'sources.list.d'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(apt, name), text.replaceAll('APT', apt));
  const output = execFileSync('/bin/bash', [ROOTS_SCRIPT, 'mirrors'], {
    encoding: 'utf8',
    env: { ...process.env, LAB_APT: apt, LAB_MIRROR: '' },
  });
  return output.split('\n').filter((line) => line !== '');
}

const DEBIAN_SOURCES = `# comment
Types: deb deb-src
# between
URIs: http://one.example/debian http://two.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://one.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;

test('the mirror is the deb822 entry signed by the keyring of Debian, not the one of its security suite', (t) => {
  assert.deepEqual(mirrorsOf(t, { 'sources.list.d/debian.sources': DEBIAN_SOURCES }), [
    'http://one.example/debian',
    'http://two.example/debian',
  ]);
});

test('third parties are passed over, whatever they call their suites', (t) => {
  const files = {
    'sources.list.d/a-third.sources':
      'Types: deb\nURIs: https://third.example/debian\nSuites: bookworm\nComponents: main\nSigned-By: /usr/share/keyrings/third.gpg\n',
    'sources.list.d/b-inline.sources':
      'Types: deb\nURIs: https://inline.example/debian\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ\n',
    'sources.list.d/c-component.list': 'deb https://component.example/linux/debian bookworm stable\n',
    'sources.list.d/d-suite.list': 'deb [arch=amd64 signed-by=/etc/k.gpg] https://suite.example/apt nodistro main\n',
    'sources.list.d/e-off.sources': `Enabled: no\n${DEBIAN_SOURCES.replaceAll('one', 'off')}`.split('\n\n')[0] ?? '',
    'sources.list.d/f-debian.sources': DEBIAN_SOURCES,
  };
  assert.deepEqual(mirrorsOf(t, files), ['http://one.example/debian', 'http://two.example/debian']);
});

test('a one-line entry counts with the keyring of Debian or with none, and the one that names it comes first', (t) => {
  const list = [
    '# deb http://comment.example/debian bookworm main',
    'deb http://unsigned.example/debian bookworm main contrib',
    'deb-src http://source.example/debian bookworm main',
    'deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://signed.example/debian trixie main',
  ].join('\n');
  assert.deepEqual(mirrorsOf(t, { 'sources.list': list }), ['http://signed.example/debian', 'http://unsigned.example/debian']);
});

test('a list of mirrors, as in the cloud images of Debian, gives its first address', (t) => {
  const files = {
    'mirrors.list': '# chosen by the provider\nhttp://cloud.example/debian\thttp\n',
    'sources.list.d/debian.sources': DEBIAN_SOURCES.replace(
      'http://one.example/debian http://two.example/debian',
      'mirror+file:APT/mirrors.list',
    ),
  };
  assert.deepEqual(mirrorsOf(t, files), ['http://cloud.example/debian']);
});

test('no entry of Debian gives no mirror', (t) => {
  assert.deepEqual(mirrorsOf(t, { 'sources.list': 'deb http://ubuntu.example/ubuntu noble main\n' }), []);
});
