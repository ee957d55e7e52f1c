import { after, describe, test } from 'node:test';
import { kindsOf, openLabOfRun } from '../contract/lab-of-run.ts';
import { CONTAINERD_KINDS, ENGINE_KINDS, isPodman } from '../lab/lab.ts';
import { openContainerdCrashEngine } from './containerd-crash-engine.ts';
import { RACE_MODES } from './containerd-race-engine.ts';
import { checkCrashes } from './crash-cases.ts';
import { openDockerCrashEngine } from './docker-crash-engine.ts';

/** On containerd a run has five times as many calls. crash.long.test.ts is killed at each of them. */
const SOME = { changesStep: 3, looksStep: 60, randomKills: 1, least: { givenBack: 2, completed: 0 } } as const;

const lab = await openLabOfRun([...ENGINE_KINDS, ...CONTAINERD_KINDS].map((kind) => `crashes on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  describe('kill -9', { concurrency: true }, () => {
    for (const kind of kindsOf(lab, ENGINE_KINDS, 'crashes')) {
      // Podman takes three times as long for each.
      const step = isPodman(kind) ? 3 : 1;
      const how = { changesStep: step, looksStep: step, randomKills: 10, least: { givenBack: 10, completed: 6 } };
      test(`at every call of a collection on ${kind}, the store kept or lost, is repaired by the next run`, (t) =>
        checkCrashes(t, { open: () => openDockerCrashEngine(lab, kind), ...how }));
    }
    for (const kind of CONTAINERD_KINDS) {
      for (const mode of RACE_MODES) {
        test(`at some calls of a collection on ${kind}, ${mode}, the store kept or lost, is repaired by the next run`, (t) =>
          checkCrashes(t, { open: () => openContainerdCrashEngine(lab, kind, mode), ...SOME }));
      }
    }
  });
}
