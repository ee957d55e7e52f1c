import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Code } from './parse-code.ts';
import { parseCode } from './parse-code.ts';

/** The checkout that the tests stand in. */
export const PROJECT_ROOT = join(import.meta.dirname, '..', '..');

/** Every file that git keeps or would keep, sorted: what a clone has, and what is about to be added. */
export function listProjectFiles(): readonly string[] {
  const listing = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: PROJECT_ROOT,
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  });
  // a file that was deleted but not yet committed is still listed
  return [...new Set(listing.split('\0'))].filter((path) => path !== '' && existsSync(join(PROJECT_ROOT, path))).sort();
}

/** The text of a project file. */
export function readProjectFile(path: string): string {
  return readFileSync(join(PROJECT_ROOT, path), 'utf8');
}

/** All TypeScript of the project, parsed. */
export function readProjectCode(): readonly Code[] {
  return listProjectFiles()
    .filter((path) => path.endsWith('.ts') || path.endsWith('.tsx'))
    .map((path) => parseCode(path, readProjectFile(path)));
}

/** Whether a file is a unit test. */
export function isTest(path: string): boolean {
  return path.endsWith('.test.ts');
}

/** Whether a file is part of the product. */
export function isSource(path: string): boolean {
  return path.startsWith('src/') && !isTest(path);
}
