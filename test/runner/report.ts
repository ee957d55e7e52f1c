import { CONTRACT_ENGINES, formatEngineMatrix, readPassed } from '../contract/engine-matrix.ts';
import type { FileResult, TitledDetail } from './run-file.ts';

/** A whole run, in figures. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const SLOWEST_SHOWN = 5;

/** One line for a file that went well; for one that did not, everything there is to know. */
export function formatFileResult(result: FileResult): string {
  const hasFailed = result.failures.length > 0;
  const figures = [
    `${result.passed} passed`,
    ...(hasFailed ? [`${result.failures.length} failed`] : []),
    ...(result.skips.length > 0 ? [`${result.skips.length} skipped`] : []),
    formatSeconds(result.elapsedMs),
  ];
  return [
    `${hasFailed ? 'FAIL' : 'ok  '}  ${result.path}  ${figures.join(', ')}`,
    ...result.notes.map((note) => indent(note, 6)),
    ...formatSkips(result.skips),
    ...result.failures.flatMap(({ title, detail }) => [`  failed: ${title}`, indent(detail, 6)]),
    ...(hasFailed && result.printed.trim() !== '' ? ['  printed:', indent(result.printed.trimEnd(), 6)] : []),
  ].join('\n');
}

/** What stands at the end: the slowest files, every failure by name, and the one line that machines read. */
export function formatSummary(results: readonly FileResult[]): string {
  const slowest = results.toSorted((a, b) => b.elapsedMs - a.elapsedMs).slice(0, SLOWEST_SHOWN);
  const failures = results.flatMap((result) => result.failures.map(({ title }) => `  ${result.path}: ${title}`));
  const { passed, failed, skipped } = tally(results);
  return [
    '',
    ...formatEngineMatrix(countContract(results)),
    '',
    ...(slowest.length > 1 ? [`slowest: ${slowest.map((result) => `${result.path} ${formatSeconds(result.elapsedMs)}`).join(', ')}`] : []),
    ...(failures.length > 0 ? ['failed:', ...failures] : []),
    `${passed} passed, ${failed} failed, ${skipped} skipped`,
  ].join('\n');
}

/** How many cases of the one contract each engine passed. */
function countContract(results: readonly FileResult[]): ReadonlyMap<string, number> {
  const cases = Map.groupBy(
    results.flatMap(({ contractEngines }) => contractEngines),
    (engine) => engine,
  );
  return new Map([...cases].map(([engine, { length }]) => [engine, length]));
}

/**
 * Compares the matrix in README.md with what passed.
 *
 * @returns a failure per engine of which it says something else; none of engines that did not run, or on which something failed anyhow
 */
export function judgeReadme(readme: string, results: readonly FileResult[]): readonly FileResult[] {
  const sound = results.filter(({ failures, skips }) => failures.length + skips.length === 0);
  const stated = readPassed(readme);
  const failures = [...countContract(sound)].flatMap(([engine, count]) =>
    stated.get(engine) === count || !CONTRACT_ENGINES.has(engine)
      ? []
      : [{ title: `the matrix says how many cases of the contract passed on ${engine}`, detail: `they were ${count}` }],
  );
  const nothing = { passed: 0, contractEngines: [], skips: [], notes: [], printed: '', elapsedMs: 0 };
  return failures.length === 0 ? [] : [{ path: 'README.md', failures, ...nothing }];
}

/** Adds up a run. */
export function tally(results: readonly FileResult[]): Tally {
  const sum = (count: (result: FileResult) => number) => results.reduce((total, result) => total + count(result), 0);
  return {
    passed: sum((result) => result.passed),
    failed: sum((result) => result.failures.length),
    skipped: sum((result) => result.skips.length),
  };
}

/** A reason is said once, with the tests that it holds for: without an engine it is the same for dozens. */
function formatSkips(skips: readonly TitledDetail[]): readonly string[] {
  const byReason = Map.groupBy(skips, (skip) => skip.detail);
  return [...byReason].map(([reason, group]) => {
    const titles = group.length > 3 ? `${group.length} tests` : group.map((skip) => skip.title).join('; ');
    return `  skipped: ${titles}${reason === '' ? '' : `: ${reason}`}`;
  });
}

function indent(text: string, width: number): string {
  return text.replaceAll(/^/gm, ' '.repeat(width));
}

function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
