/**
 * What `npm test` runs. `node test/run.ts [--units] [PART-OF-A-PATH...]`
 *
 * Unit tests run first, while the engine laboratory is being opened; then the engine tests, which get its description in
 * IMAGEGC_TEST_LAB, or the words for what is missing in IMAGEGC_TEST_LAB_MISSING. `--units` leaves the engine tests out.
 * The last line is `N passed, N failed, N skipped`; the exit status is 1 if a test failed or none ran.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LabResult } from './lab/lab.ts';
import { describeLab, openLab } from './lab/lab.ts';
import { findTestFiles } from './runner/find-test-files.ts';
import { formatFileResult, formatSummary, judgeReadme, tally } from './runner/report.ts';
import type { FileResult } from './runner/run-file.ts';
import { runFile } from './runner/run-file.ts';

const ROOT = join(import.meta.dirname, '..');
/** Two cores are the smallest machine this is made for. */
const CONCURRENCY = 2;
const UNIT_TIMEOUT_MS = 300_000;
const ENGINE_TIMEOUT_MS = 1_200_000;
/** Settings of whoever runs the tests must not reach what is tested. */
const FOREIGN_SETTINGS = /^(IMAGEGC_|DOCKER_|CONTAINER_HOST$|NO_COLOR$|FORCE_COLOR$)/;

const UNITS_ONLY = '--units';
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg.startsWith('-') && arg !== UNITS_ONLY);
  if (unknown !== undefined) {
    console.error(`unknown option ${unknown}; usage: node test/run.ts [${UNITS_ONLY}] [PART-OF-A-PATH...]`);
    return EXIT_USAGE;
  }
  const interrupt = new AbortController();
  // once: a second Ctrl-C ends this process as ever, and the laboratory's own guard clears up
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupt.abort());
  const scratch = mkdtempSync(join(tmpdir(), 'imagegc-test-'));
  // tests that run something as another user need to get there
  chmodSync(scratch, 0o755);
  try {
    const ran = await runSuite(args, scratch, interrupt.signal);
    const results = [...ran, ...judgeReadme(readFileSync(join(ROOT, 'README.md'), 'utf8'), ran)];
    console.log(formatSummary(results));
    const { passed, failed } = tally(results);
    return interrupt.signal.aborted ? EXIT_INTERRUPTED : failed > 0 || passed === 0 ? EXIT_FAILED : 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function runSuite(args: readonly string[], scratch: string, signal: AbortSignal): Promise<readonly FileResult[]> {
  const patterns = args.filter((arg) => arg !== UNITS_ONLY);
  const { units, engines } = findTestFiles(ROOT, patterns);
  const wanted = args.includes(UNITS_ONLY) ? [] : engines;
  const opening = wanted.length === 0 ? null : openLab({ say: console.log, podman: true });
  // its failure is met where it is awaited, below
  opening?.catch(() => undefined);
  const common = { root: ROOT, scratch, signal };
  const results = await runAll(units, { ...common, testTimeoutMs: UNIT_TIMEOUT_MS, environment: cleanEnvironment() });
  const opened = await opening;
  if (opened === null) return results;
  await using _lab = opened.kind === 'ready' ? opened.lab : null;
  const environment = { ...cleanEnvironment(), ...describeOpened(opened) };
  return [...results, ...(await runAll(wanted, { ...common, testTimeoutMs: ENGINE_TIMEOUT_MS, environment }))];
}

function cleanEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN_SETTINGS.test(name)));
}

function describeOpened(opened: LabResult): Record<string, string> {
  return opened.kind === 'ready' ? { IMAGEGC_TEST_LAB: describeLab(opened.lab) } : { IMAGEGC_TEST_LAB_MISSING: opened.missing.join('; ') };
}

type RunOptions = Parameters<typeof runFile>[1];

/** Runs files side by side and prints each as it ends. After an interruption no further file is begun. */
async function runAll(paths: readonly string[], options: RunOptions): Promise<readonly FileResult[]> {
  const results: FileResult[] = [];
  const queue = [...paths.entries()];
  const work = async () => {
    for (let next = queue.shift(); next !== undefined && !options.signal.aborted; next = queue.shift()) {
      const [index, path] = next;
      const result = await runFile(path, { ...options, scratch: join(options.scratch, `${options.testTimeoutMs}-${index}`) });
      results.push(result);
      console.log(formatFileResult(result));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return results;
}
