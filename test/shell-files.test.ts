/** Completions and the man page: the same command line as the program's, and as the shells themselves read them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isSettingPath, parseSetting, SETTING_PATHS, variableName } from '../src/cli/settings/setting-keys.ts';
import { fromText } from '../src/cli/settings/setting-kind.ts';
import { nameOf } from '../tools/shell-files/bash.ts';
import { listCommands, listSettingFlags } from '../tools/shell-files/command-line.ts';
import { makeShellFiles } from '../tools/shell-files/shell-files.ts';
import { runInProcess } from './e2e/cli-world.ts';

const FLAG = /(?<=^ {2}(?:-\w, )?)--[a-z-]+/gm;
const folder = mkdtempSync(join(tmpdir(), 'shell-files-'));
after(() => rmSync(folder, { recursive: true }));
const files = makeShellFiles();
for (const [path, text] of files) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}
const page = files.get('man/imagegc.1') ?? '';

describe('the command line that completions and the man page are made of', () => {
  test('has every command of the program, and no other', async () => {
    const { stdout } = await runInProcess(['--help'], 0);
    const shown = [...stdout.slice(stdout.indexOf('\nCommands:')).matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name);
    assert.deepEqual([...new Set(listCommands().map(({ words: [first] }) => first)), 'help'], shown);
  });

  for (const command of listCommands()) {
    test(`has every flag of ${nameOf(command)}, and no other`, async () => {
      const { stdout } = await runInProcess([...nameOf(command).split(' '), '--help'], 0);
      assert.deepEqual(
        command.flags.map(({ long }) => long),
        stdout.match(FLAG),
      );
    });
  }

  test('has every setting, and offers words that the setting takes', () => {
    const settings = listSettingFlags();
    assert.deepEqual(
      settings.map(({ path }) => path),
      SETTING_PATHS,
    );
    for (const { path, values } of settings) {
      const words = values !== null && typeof values === 'object' ? values.words : [];
      for (const word of words) assert.ok(isSettingPath(path) && parseSetting(path, fromText(kindOf(word), word)).ok, `${path} ${word}`);
    }
  });
});

/** What a person gets who types the words, a tab where one stands, and return. */
const TYPED: readonly (readonly [typed: string, got: string])[] = [
  ['pla\t', 'plan'],
  ['plan --schedul\t', 'plan --schedule'],
  ['collect --ye\t', 'collect --yes'],
  ['plan --rules-order=l\t', 'plan --rules-order=lru'],
  ['plan --rules-order l\t', 'plan --rules-order lru'],
  ['plan --free 5GB --protect-lo\tke\t', 'plan --free 5GB --protect-local keep'],
  ['exp\timag\t', 'export image_use'],
  ['conf\tsh\t--ori\t', 'config show --origin'],
  ['plan --inventory /etc/os-rel\t', 'plan --inventory /etc/os-release'],
];

describe('completion', () => {
  const bash = '. "$FOLDER/completions/imagegc.bash"; imagegc() { echo "GOT<$*>"; }';
  const zsh = 'fpath=($FOLDER/completions $fpath); autoload -Uz compinit; compinit -D -u; imagegc() { print -r -- "GOT<$*>"; }';
  for (const [shell, set, command] of [
    ['bash', bash, 'bash --norc -i'],
    ['zsh', zsh, 'zsh -f -i'],
  ] as const) {
    const missing = missingOf(shell, 'script');
    for (const [typed, got] of TYPED) {
      // Where several words go on, zsh puts in more than bash does.
      if (shell === 'zsh' && typed.includes('sched')) continue;
      test(`in ${shell}: ${JSON.stringify(typed)} becomes ${got}`, { skip: missing }, () => {
        const input = `${set}\nimagegc ${typed}\nexit\n`;
        const env = { ...process.env, TERM: 'dumb', FOLDER: folder, HOME: folder, ZDOTDIR: folder };
        const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { input, env, encoding: 'utf8' });
        const line = /^GOT<(.*)>\r?$/m.exec(stdout)?.[1]?.trim();
        // zsh joins a flag and its value, which the program takes as well.
        assert.equal(shell === 'zsh' ? line?.replace('=', ' ') : line, shell === 'zsh' ? got.replace('=', ' ') : got, stdout);
      });
    }
  }

  test('in fish: what it offers for words that are begun', { skip: missingOf('fish') }, () => {
    const offers = (typed: string) => {
      const script = `source ${folder}/completions/imagegc.fish; complete -C ${JSON.stringify(typed)}`;
      const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', script], {
        encoding: 'utf8',
        env: { ...process.env, HOME: folder },
        cwd: '/etc',
      });
      assert.equal(stderr, '');
      return stdout
        .trim()
        .split('\n')
        .map((line) => line.split('\t')[0]);
    };
    assert.deepEqual(offers('imagegc pl'), ['plan']);
    assert.deepEqual(offers('imagegc config '), ['show']);
    assert.deepEqual(offers('imagegc export '), ['image_use', 'inventory', 'uses']);
    assert.deepEqual(offers('imagegc export uses os-rel'), ['os-release']);
    assert.deepEqual(offers('imagegc plan --rules-order '), ['lru', 'next-use']);
    assert.deepEqual(offers('imagegc plan --inventory os-rel'), ['os-release']);
    assert.ok(offers('imagegc collect --').includes('--rules-disk-high'));
  });
});

describe('the man page', () => {
  test('names every command, flag, setting and variable', () => {
    const plain = page.replaceAll('\\-', '-');
    for (const command of listCommands()) {
      assert.ok(plain.includes(`"imagegc ${nameOf(command)}"`), nameOf(command));
      for (const { long } of command.flags) assert.ok(plain.includes(long), long);
    }
    for (const path of SETTING_PATHS) assert.ok(plain.includes(`.B ${path}\n`) && plain.includes(variableName(path)), path);
  });

  test('is one that man sees nothing wrong in', { skip: missingOf('man') }, () => {
    const { status, stdout, stderr } = spawnSync('man', ['--warnings', '-l', join(folder, 'man/imagegc.1')], {
      encoding: 'utf8',
      env: { ...process.env, MANROFFSEQ: '', MANWIDTH: '100' },
    });
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /NAME\n\s+imagegc - remember when/);
  });

  test('is one that mandoc sees nothing wrong in', { skip: missingOf('mandoc') }, () => {
    const { status, stdout } = spawnSync('mandoc', ['-Tlint', join(folder, 'man/imagegc.1')], { encoding: 'utf8' });
    assert.deepEqual([stdout, status], ['', 0]);
  });
});

function kindOf(word: string): 'bool' | 'text' {
  return word === 'true' || word === 'false' ? 'bool' : 'text';
}

/** @returns what to say where one of the programs is not installed; else false */
function missingOf(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => spawnSync(program, ['--version']).error !== undefined);
  return missing.length === 0 ? false : `missing: ${missing.join(', ')}`;
}
