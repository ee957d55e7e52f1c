import { after, describe, test } from 'node:test';
import { openLabOfRun } from '../contract/lab-of-run.ts';
import { CONTAINERD_KINDS } from '../lab/lab.ts';
import { openContainerdCrashEngine } from './containerd-crash-engine.ts';
import { RACE_MODES } from './containerd-race-engine.ts';
import { checkCrashes } from './crash-cases.ts';

/** What crash.test.ts takes samples of. */
const EACH = { changesStep: 1, looksStep: 1, randomKills: 30, least: { givenBack: 5, completed: 0 } } as const;

const lab = await openLabOfRun(CONTAINERD_KINDS.map((kind) => `every crash on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  describe('kill -9', { concurrency: true }, () => {
    for (const kind of CONTAINERD_KINDS) {
      for (const mode of RACE_MODES) {
        test(`at every call of a collection on ${kind}, ${mode}, the store kept or lost, is repaired by the next run`, (t) =>
          checkCrashes(t, { open: () => openContainerdCrashEngine(lab, kind, mode), ...EACH }));
      }
    }
  });
}
