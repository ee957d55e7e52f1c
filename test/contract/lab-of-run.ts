import { test } from 'node:test';
import { attachLab, type EngineKind, type Lab, openLab } from '../lab/lab.ts';

/**
 * The laboratory that the test runner opened; one of this file's own when a person asked for it with IMAGEGC_TEST_LAB_OPEN=1.
 *
 * @param subjects what a skipped test each stands for when there is none
 * @returns null when there is none; the skipped tests say what is missing
 */
export async function openLabOfRun(subjects: readonly string[]): Promise<Lab | null> {
  const { IMAGEGC_TEST_LAB: description, IMAGEGC_TEST_LAB_OPEN: mayOpen, IMAGEGC_TEST_LAB_MISSING: missing } = process.env;
  if (description !== undefined) return attachLab(description);
  const result = mayOpen === '1' ? await openLab({ say: console.log, podman: true }) : null;
  if (result?.kind === 'ready') return result.lab;
  const reason = missing ?? result?.missing.join('; ') ?? 'the engine laboratory: run npm test, or set IMAGEGC_TEST_LAB_OPEN=1 as root';
  for (const subject of subjects) test(subject, { skip: `missing: ${reason}` });
  return null;
}

/**
 * The kinds of engines that the laboratory can start; a skipped test stands for each of the others, and says what is missing.
 *
 * @param subject what would be tested on each: `runtime contract`
 */
export function kindsOf<Kind extends EngineKind>(lab: Lab, kinds: readonly Kind[], subject: string): readonly Kind[] {
  return kinds.filter((kind) => {
    const missing = lab.missing(kind);
    if (missing !== null) test(`${subject} on ${kind}`, { skip: `missing: ${missing}` });
    return missing === null;
  });
}
