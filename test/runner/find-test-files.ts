import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

/** The test files of a run, in the order of their paths. */
export interface TestFiles {
  /** Need nothing but Node. */
  readonly units: readonly string[];
  /** Need the engine laboratory. */
  readonly engines: readonly string[];
}

const FOLDERS = ['src', 'test', 'bench', 'demo'] as const;
const ENGINE_TEST = /^test\/(e2e|lab)\/|\.real\.test\.ts$/;
const SKIPPED: readonly string[] = ['node_modules', 'traces', 'fixtures'];

/** Takes minutes on a quiet machine and waits for what an engine decides in its own time: run when its name is asked for. */
const LONG_TEST = '.long.test.ts';

/** Finds `*.test.ts` below the project's folders. @param patterns parts of paths; a file that holds one is taken; none takes all but the long ones */
export function findTestFiles(root: string, patterns: readonly string[]): TestFiles {
  const all = FOLDERS.flatMap((folder) => list(join(root, folder)))
    .map((path) => relative(root, path))
    .filter((path) => (patterns.length === 0 ? !path.endsWith(LONG_TEST) : patterns.some((pattern) => path.includes(pattern))))
    .sort();
  return { units: all.filter((path) => !ENGINE_TEST.test(path)), engines: all.filter((path) => ENGINE_TEST.test(path)) };
}

function list(folder: string): readonly string[] {
  const entries = tryReadFolder(folder).filter((entry) => !SKIPPED.includes(entry.name));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? list(path) : entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

function tryReadFolder(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // not every folder exists in every checkout
    return [];
  }
}
