/** Style as a test: what the project promises about its own files, seen to hold. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { measureFunctions, quantile } from './code/functions.ts';
import type { Fault } from './code/parse-code.ts';
import { countCodeLines, formatFaults } from './code/parse-code.ts';
import { isSource, isTest, listProjectFiles, PROJECT_ROOT, readProjectCode, readProjectFile } from './code/project-files.ts';
import { findIndirectExports, findPoorNames, findTypeEscapes, findUndocumentedExports } from './code/style.ts';
import { countTests, findToothlessTests, findWaits } from './code/test-quality.ts';

/** A file is read in one sitting, a function on one screen (tigerbeetle's TIGER_STYLE has the same 70). */
const FILE_LINES = 350;
const FUNCTION_LINES = 70;
const FUNCTION_LINES_MEDIAN = 9;
const FUNCTION_LINES_P90 = 28;
/** What is asked for takes more than the 8,000 that the design aimed at (docs/decisions/0008). */
const SOURCE_LINES = 17_400;

const files = listProjectFiles();
const code = readProjectCode();
const source = code.filter((each) => isSource(each.path));
const tests = code.filter((each) => isTest(each.path));
const programs = files.filter((path) => /\.(ts|tsx|mjs|sh)$/.test(path) || path === '.ci/run' || path === 'bin/imagegc');

describe('the project’s own tools find nothing', () => {
  const run = promisify(execFile);
  const checks: readonly (readonly [tool: string, ...args: string[]])[] = [
    ['biome', 'check', '--error-on-warnings'],
    ['tsc'],
    ['tsc', '-p', 'src/dashboard'],
    ['knip'],
  ];
  for (const [tool, ...args] of checks) {
    test([tool, ...args].join(' '), async () => {
      const program = join(PROJECT_ROOT, 'node_modules', '.bin', tool);
      const found = await run(program, args, { cwd: PROJECT_ROOT, maxBuffer: 16 * 1024 * 1024 }).then(
        () => '',
        (error: unknown) => sayOutput(error),
      );
      assert.ok(found === '', found);
    });
  }
});

/** What a failed tool printed, else why it could not run. */
function sayOutput(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { stdout, stderr } = { stdout: '', stderr: '', ...error };
  return `${stdout}${stderr}`.trim() || error.message;
}

describe('files', () => {
  test(`have fewer than ${FILE_LINES} lines`, () => {
    const long = programs.map((path) => ({ path, lines: readProjectFile(path).split('\n').length - 1 }));
    assert.deepEqual(
      long.filter(({ lines }) => lines >= FILE_LINES),
      [],
    );
  });

  test('have names that say something', () => {
    const named = files.filter((path) => /^(src|test|bench|demo|tools)\/.*\.(ts|tsx|mjs|sh)$/.test(path));
    assertNone(named.flatMap(findPoorNames));
  });

  test('name no place but their own: no workplace, no registry, no mirror', () => {
    assertNone(files.filter(isText).flatMap((path) => findWords(path, FOREIGN_WORDS)));
  });

  test('put nothing off', () => {
    assertNone(programs.flatMap((path) => findWords(path, [/\b(T[O]DO|FIX[M]E|X[X]X|H[A]CK)\b/])));
  });
});

/** Written so that this file does not hold what it forbids. */
const FOREIGN_WORDS: readonly RegExp[] = [
  /(?<![\w$}\])*.])\/wor[k]\b/,
  /\/tmp\/(w[/]|bash_job[s]|LAB_READ[Y])/,
  /\b[i]ssues (show|list|note|close|resolve)\b/,
  /\bHOUSE\.[m]d\b/,
  /\bnpm[j]s\.(org|com)|\bnpm[m]irror\.com|\byarn[p]kg\.com/,
  /\b(deb|ftp|cdn|security|snapshot|archive|mirrors?|httpredir)[\w.-]*\.[d]ebian\.(org|net)/,
];

function isText(path: string): boolean {
  return !/\.(gz|png|ico|woff2)$/.test(path);
}

function findWords(path: string, words: readonly RegExp[]): readonly Fault[] {
  return readProjectFile(path)
    .split('\n')
    .flatMap((text, index) =>
      words.flatMap((word) => {
        const found = word.exec(text);
        return found === null ? [] : [{ path, line: index + 1, problem: `says "${found[0]}"` }];
      }),
    );
}

describe('functions', () => {
  test(`are never longer than ${FUNCTION_LINES} lines`, () => {
    const long = code.flatMap(measureFunctions).filter((each) => each.lines > FUNCTION_LINES);
    assert.deepEqual(long, []);
  });

  test(`of the source have a median of at most ${FUNCTION_LINES_MEDIAN} lines, and nine of ten fewer than ${FUNCTION_LINES_P90}`, (t) => {
    const lengths = source.flatMap(measureFunctions).flatMap((each) => (each.name === null ? [] : [each.lines]));
    const [median, p90] = [quantile(lengths, 0.5), quantile(lengths, 0.9)];
    t.diagnostic(`${lengths.length} functions: median ${median} lines, p90 ${p90}, longest ${Math.max(...lengths)}`);
    assert.ok(lengths.length > 0 && median <= FUNCTION_LINES_MEDIAN && p90 < FUNCTION_LINES_P90, `median ${median}, p90 ${p90}`);
  });
});

describe('the source', () => {
  test(`has at most ${SOURCE_LINES} lines of code`, (t) => {
    const lines = source.reduce((sum, each) => sum + countCodeLines(each), 0);
    t.diagnostic(`${lines} lines of code in ${source.length} files, blank lines and comments apart`);
    assert.ok(lines > 0 && lines <= SOURCE_LINES, `${lines} lines`);
  });

  test('has a docstring on everything it exports', () => {
    assertNone(source.flatMap(findUndocumentedExports));
  });

  test('exports by name, from where a thing is made', () => {
    assertNone(source.filter((each) => each.path !== 'src/index.ts').flatMap(findIndirectExports));
  });
});

test('no code goes around the type checker, but where brands are given', () => {
  assertNone(code.filter((each) => each.path !== 'src/model/brands.ts').flatMap(findTypeEscapes));
});

describe('tests', () => {
  test('can fail: each asserts something', () => {
    assertNone(tests.flatMap(findToothlessTests));
  });

  test('stand in every test file', () => {
    const empty = tests.filter((each) => countTests(each) === 0 && !/-contract\.ts'/.test(each.text));
    assert.deepEqual(
      empty.map((each) => each.path),
      [],
    );
  });

  test('do not sleep', () => {
    const waiting = code.filter((each) => (isTest(each.path) || each.path.startsWith('test/')) && !each.path.startsWith('test/lab/'));
    assertNone(waiting.flatMap(findWaits));
  });
});

describe('package-lock.json', () => {
  const lock = readProjectFile('package-lock.json');

  test('names no address that packages come from', () => {
    assert.doesNotMatch(lock, /"resolved": "https?:/);
  });

  test('holds a hash of every package from outside', () => {
    assert.doesNotMatch(lock, /"version": "[^"]+",\n(?![^{}]*"integrity")[^{}]*"node_modules\/(?!imagegc)/);
  });
});

function assertNone(faults: readonly Fault[]): void {
  assert.ok(faults.length === 0, `\n${formatFaults(faults)}`);
}
