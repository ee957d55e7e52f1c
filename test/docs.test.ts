/** Documents as a test: links lead somewhere, and commands, flags, settings and tests that are named exist. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Piece } from './code/markdown.ts';
import { listAnchors, listCode, listLinks, listRows } from './code/markdown.ts';
import type { Fault } from './code/parse-code.ts';
import { formatFaults } from './code/parse-code.ts';
import { listProjectFiles, PROJECT_ROOT, readProjectFile } from './code/project-files.ts';
import { CONTRACT_ENGINES, formatEngineMatrix, readPassed } from './contract/engine-matrix.ts';

const files = listProjectFiles();
const pages = files.filter((path) => path.endsWith('.md'));
/** Pages that say what the program of this version does; the others tell of plans, of measurements, and of the past. */
const manuals = pages.filter((path) => path === 'README.md' || /^docs\/[^/]+\.md$/.test(path)).filter((path) => path !== 'docs/design.md');
const INDEXES: readonly string[] = ['README.md', 'docs/README.md'];
const MAIN = join(PROJECT_ROOT, 'src', 'cli', 'main.ts');
const SETTINGS_PAGE = 'docs/settings.md';
const ARCHITECTURE = 'ARCHITECTURE.md';
/** The invariants of docs/design.md §3. */
const INVARIANTS = 10;

describe('documents', () => {
  test('link to files and headings that are there', () => {
    assertNone(pages.flatMap((page) => listLinks(readProjectFile(page)).flatMap((link) => checkLink(page, link))));
  });

  test('stand where a reader comes by: every page of docs/ is linked from README.md or docs/README.md', () => {
    const linked = new Set(
      INDEXES.filter(isProjectFile).flatMap((page) => listLinks(readProjectFile(page)).map((link) => resolveLink(page, link.text).path)),
    );
    const lost = pages.filter((page) => page.startsWith('docs/') && !INDEXES.includes(page) && !linked.has(page));
    assert.deepEqual(lost, []);
  });

  test('show in README.md what each engine has of the contract', () => {
    const readme = readProjectFile('README.md');
    const rows = formatEngineMatrix(readPassed(readme));
    assert.equal(rows.length, CONTRACT_ENGINES.size + 2);
    assert.ok(readme.includes(rows.join('\n')), rows.join('\n'));
  });

  for (const name of ['README.md', ARCHITECTURE, 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'LICENSE', 'docs/design.md']) {
    test(`include ${name}`, () => assert.ok(isProjectFile(name)));
  }
});

describe('the manual', { skip: existsSync(MAIN) ? false : 'there is no command line yet' }, () => {
  test('names commands and flags that the program has', async () => {
    const calls = manuals.flatMap((page) => listCode(readProjectFile(page)).flatMap((piece) => readCalls(page, piece)));
    const faults = await Promise.all(calls.map(checkCall));
    assertNone(faults.flat());
  });

  test('knows a command and a flag that the program does not have', async () => {
    const calls = readCalls('planted.md', { line: 3, text: 'sudo bin/imagegc vacuum --all && imagegc plan --free 1GB --force' });
    const faults = await Promise.all(calls.map(checkCall));
    assert.deepEqual(
      faults.flat().map((fault) => fault.problem),
      ['there is no command "imagegc vacuum"', '"imagegc plan" has no flag --force'],
    );
  });

  test(`has the settings in ${SETTINGS_PAGE} as the program knows them`, async () => {
    const format = await findSettingsFormatter();
    assert.ok(format !== null, 'src/cli/settings exports no formatSettingsTable()');
    const table = format().trim();
    assert.ok(table.length > 0 && readProjectFile(SETTINGS_PAGE).includes(table), `${SETTINGS_PAGE} should hold:\n${table}`);
  });
});

describe(`the invariants in ${ARCHITECTURE}`, () => {
  const rows = isProjectFile(ARCHITECTURE) ? listRows(readProjectFile(ARCHITECTURE)).filter(([number = '']) => /^\d+$/.test(number)) : [];

  test('are all there, in the order of docs/design.md', () => {
    assert.deepEqual(
      rows.map(([number]) => Number(number)),
      Array.from({ length: INVARIANTS }, (_, index) => index + 1),
    );
  });

  test('name tests that exist', () => {
    assertNone(rows.flatMap((row) => listGuards(row).flatMap(checkGuard)));
  });

  test('are each guarded by a test', () => {
    const bare = rows.filter((row) => listGuards(row).length === 0).map(([number]) => number);
    assert.deepEqual(bare, []);
  });
});

function isProjectFile(path: string): boolean {
  return files.includes(path);
}

function assertNone(faults: readonly Fault[]): void {
  assert.ok(faults.length === 0, `\n${formatFaults(faults)}`);
}

function resolveLink(page: string, target: string): { readonly path: string; readonly anchor: string } {
  const [path = '', anchor = ''] = decodeURIComponent(target).split('#');
  return { path: path === '' ? page : posix.join(dirname(page), path).replace(/\/$/, ''), anchor };
}

function checkLink(page: string, { line, text }: Piece): readonly Fault[] {
  if (/^[a-z]+:/.test(text)) return [];
  const { path, anchor } = resolveLink(page, text);
  if (!isProjectFile(path) && !files.some((file) => file.startsWith(`${path}/`)))
    return [{ path: page, line, problem: `links to ${path}, which is not there` }];
  const isFound = anchor === '' || !path.endsWith('.md') || listAnchors(readProjectFile(path)).includes(anchor);
  return isFound ? [] : [{ path: page, line, problem: `links to #${anchor} in ${path}, which has no such heading` }];
}

/** `imagegc config show --origin`, taken apart. */
interface Call {
  readonly page: string;
  readonly line: number;
  readonly command: readonly string[];
  readonly flags: readonly string[];
}

/** Every call of the program in a piece of code; a flag that stands alone belongs to any command. */
function readCalls(page: string, { line, text }: Piece): readonly Call[] {
  const flags = (words: string) => [...words.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([flag]) => flag);
  if (text.startsWith('--')) return [{ page, line, command: [], flags: flags(text) }];
  return text.split(/&&|\|\||[;|]/).flatMap((part) => {
    const match = /(?:^|[\s/])imagegc((?: [a-z]+)*)(?= |$)(.*)/.exec(part);
    if (match === null) return [];
    const [first, second] = (match[1] ?? '').trim().split(' ');
    // only "config" has commands of its own; elsewhere a second word is an argument
    const command = first === undefined || first === '' ? [] : first === 'config' && second !== undefined ? [first, second] : [first];
    return [{ page, line, command, flags: flags(match[2] ?? '') }];
  });
}

async function checkCall({ page, line, command, flags }: Call): Promise<readonly Fault[]> {
  const title = ['imagegc', ...command].join(' ');
  const known = await readFlags(command);
  if (known === null) return [{ path: page, line, problem: `there is no command "${title}"` }];
  const all =
    command.length === 0
      ? new Set([...(await Promise.all((await listCommands()).map(readFlags)))].flatMap((each) => [...(each ?? [])]))
      : known;
  return flags.filter((flag) => !all.has(flag)).map((flag) => ({ path: page, line, problem: `"${title}" has no flag ${flag}` }));
}

const helps = new Map<string, Promise<string | null>>();

/** What the program says of a command; null when it has no such command. Asked once per command. */
function readHelp(command: readonly string[]): Promise<string | null> {
  const key = command.join(' ');
  const asked = helps.get(key);
  if (asked !== undefined) return asked;
  const { promise, resolve } = Promise.withResolvers<string | null>();
  execFile(process.execPath, [MAIN, ...command, '--help'], (error, stdout) => {
    const isOfCommand = stdout.startsWith(`Usage: ${['imagegc', ...command].join(' ')}`);
    resolve(error === null && isOfCommand ? stdout : null);
  });
  helps.set(key, promise);
  return promise;
}

async function readFlags(command: readonly string[]): Promise<ReadonlySet<string> | null> {
  const help = await readHelp(command);
  if (help === null) return null;
  const shown = [...help.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, flag = '']) => flag);
  return new Set([...shown, ...(await settingFlags())]);
}

async function listCommands(): Promise<readonly (readonly string[])[]> {
  const help = (await readHelp([])) ?? '';
  const list = help.slice(help.indexOf('\nCommands:'));
  return [...list.matchAll(/^ {2}([a-z]+)/gm)]
    .map(([, name = '']) => (name === 'config' ? ['config', 'show'] : [name]))
    .filter(([name]) => name !== 'help');
}

/** Every setting is a flag of every command, but no help lists them all. */
async function settingFlags(): Promise<readonly string[]> {
  const { flagName, SETTING_PATHS } = await import('../src/cli/settings/setting-keys.ts');
  return SETTING_PATHS.map(flagName);
}

/** The function that writes the table of settings, wherever it is kept. */
async function findSettingsFormatter(): Promise<(() => string) | null> {
  const path = files.find(
    (file) => file.startsWith('src/cli/settings/') && readProjectFile(file).includes('export function formatSettingsTable('),
  );
  if (path === undefined) return null;
  const module: unknown = await import(pathToFileURL(join(PROJECT_ROOT, path)).href);
  const isModule = typeof module === 'object' && module !== null && 'formatSettingsTable' in module;
  const format = isModule ? module.formatSettingsTable : undefined;
  return typeof format === 'function' ? () => String(format()) : null;
}

/** The tests that an invariant's row names, each written `path/to/file.test.ts`: title. */
function listGuards([, , cell = '']: readonly string[]): readonly { readonly path: string; readonly title: string }[] {
  return cell.split('<br>').flatMap((guard) => {
    const [, path, title] = /^\s*`([^`]+)`: (.+?)\s*$/.exec(guard) ?? [];
    return path === undefined || title === undefined ? [] : [{ path, title }];
  });
}

function checkGuard({ path, title }: { readonly path: string; readonly title: string }): readonly Fault[] {
  if (!isProjectFile(path)) return [{ path: ARCHITECTURE, line: 1, problem: `names ${path}, which is not there` }];
  const isThere = readProjectFile(path).replaceAll("\\'", "'").includes(title);
  return isThere ? [] : [{ path: ARCHITECTURE, line: 1, problem: `names "${title}", which ${path} does not hold` }];
}
