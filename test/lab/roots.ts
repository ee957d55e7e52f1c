/** The extracted Debian roots, one per engine generation: made once per checkout, then only found. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runLab, runRoots } from './lab-script.ts';

/** `old` is Debian bookworm, `new` the moving suite sid. */
export type Generation = 'old' | 'new';
export const GENERATIONS: readonly Generation[] = ['old', 'new'];

/** What is in a root: Docker and a registry, or Podman and Buildah. */
export type RootSet = 'docker' | 'podman';

/** A root and the versions found in it, as `dockerd 20.10.24+dfsg1`. */
export type Root = {
  readonly generation: Generation;
  readonly set: RootSet;
  readonly path: string;
  readonly versions: readonly string[];
};

const SUITES = { old: process.env['LAB_OLD_SUITE'] ?? 'bookworm', new: process.env['LAB_NEW_SUITE'] ?? 'sid' } as const;
/** Rounded up from what was fetched in 2026; only for the line that says what is going on. */
const FETCH_MEGABYTES = { docker: { old: 100, new: 80 }, podman: { old: 80, new: 110 } } as const;

/** Makes the roots that are not there yet. @throws with the words of what failed (no mirror, no network, ...) */
export async function openRoots(generations: readonly Generation[], set: RootSet, say: (line: string) => void): Promise<readonly Root[]> {
  const absent = await whichAreAbsent(generations, set);
  if (absent.length > 0) {
    const size = absent.map((each) => `${SUITES[each]} (about ${FETCH_MEGABYTES[set][each]} MB)`).join(' and ');
    say(`lab: fetching ${set} from Debian ${size}, extracting it into .lab/roots; nothing of it is installed`);
    await runRoots('tools');
  }
  // asked even when all are there: it waits for another run that is making one, and renews one of another package list
  await runLab('', 'setup', ...generations, '--with', set);
  const roots = await Promise.all(generations.map((generation) => describe(generation, set)));
  for (const root of roots) say(`lab: Debian ${SUITES[root.generation]}: ${root.versions.join(', ')}`);
  return roots;
}

/** The static busybox of a root, which runs in every image the laboratory makes. */
export function busyboxOf(roots: readonly Root[]): Buffer {
  const [root] = roots;
  if (root === undefined) throw new RangeError('a laboratory without a root has no busybox');
  return readFileSync(join(root.path, 'bin/busybox'));
}

async function whichAreAbsent(generations: readonly Generation[], set: RootSet): Promise<readonly Generation[]> {
  const paths = await Promise.all(generations.map((generation) => runRoots('path', SUITES[generation], set)));
  return generations.filter((_, index) => !existsSync(join(paths[index] ?? '', '.lab-root')));
}

async function describe(generation: Generation, set: RootSet): Promise<Root> {
  const suite = SUITES[generation];
  const [path, versions] = await Promise.all([runRoots('path', suite, set), runRoots('versions', suite, set)]);
  return { generation, set, path, versions: versions.split('\n') };
}
