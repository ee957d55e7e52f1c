import { test } from 'node:test';
import { attachLab, type Lab, openLab } from '../lab/lab.ts';

/**
 * The laboratory that the test runner opened; one of this file's own when a person asked for it with IMAGEGC_TEST_LAB_OPEN=1.
 *
 * @returns null when there is none: then a skipped test says what is missing
 */
export async function openLabOfRun(subject: string): Promise<Lab | null> {
  const { IMAGEGC_TEST_LAB: description, IMAGEGC_TEST_LAB_OPEN: mayOpen, IMAGEGC_TEST_LAB_MISSING: missing } = process.env;
  if (description !== undefined) return attachLab(description);
  const result = mayOpen === '1' ? await openLab({ say: console.log }) : null;
  if (result?.kind === 'ready') return result.lab;
  const reason = missing ?? result?.missing.join('; ') ?? 'the engine laboratory: run npm test, or set IMAGEGC_TEST_LAB_OPEN=1 as root';
  test(subject, { skip: `missing: ${reason}` });
  return null;
}
