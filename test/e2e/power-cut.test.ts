/**
 * The power fails while the daemon writes. A real process is traced by strace, and its writes are played back onto a simulated disk that
 * keeps only what was synced, up to every call or to a sample of them: then the real store is opened on what is left.
 *
 * POWER_CUTS=all tries every call with several chances, in near an hour; POWER_CUT_SEED=N tries another sample.
 */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { randomFrom } from '../../src/simulate/seeded-random.ts';
import { CUT_SCENES, type CutScene } from '../crash/cut-scenes.ts';
import { makeFastFolder } from '../crash/fast-folder.ts';
import { type Cut, cutsOf, findObstacle, recordRun } from '../crash/recorded-run.ts';
import { type Ending, SimulatedDisk } from '../crash/simulated-disk.ts';

const isAll = process.env['POWER_CUTS'] === 'all';
const seed = Number(process.env['POWER_CUT_SEED'] ?? 1);
/** Cuts right before a sync are all tried; of the others near so many per scene. */
const SAMPLE = 60;
const CHANCES = isAll ? 4 : 1;
/** Of names that came and went seldom more than a few are unsynced, and seldom for long. */
const NAME_CHANCES = 8;

describe('a power cut loses no acknowledged write', () => {
  const obstacle = findObstacle();
  for (const scene of CUT_SCENES) {
    test(`of ${scene.title}`, obstacle === null ? {} : { skip: obstacle }, (t) => {
      const folder = makeFastFolder();
      try {
        t.diagnostic(cutEverywhere(scene, folder));
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }
});

/** @returns what was tried, in words */
function cutEverywhere(scene: CutScene, folder: string): string {
  const random = randomFrom(seed);
  const root = join(folder, 'run');
  mkdirSync(root);
  scene.prepare(root);
  const disk = new SimulatedDisk(root);
  const calls = recordRun(scene.scene, join(root, scene.place), root);
  const counts = { places: 0, endings: 0, acknowledged: 0 };
  for (const cut of cutsOf(calls, disk)) {
    const isChosen = isAll || random() < SAMPLE / calls.length;
    counts.acknowledged = cut.acknowledged.count;
    const endings = endingsOf(cut, isChosen);
    if (endings.length > 0) counts.places += 1;
    for (const ending of endings) {
      counts.endings += 1;
      tryCut(scene, cut, ending, join(folder, `${counts.endings}`), Math.floor(random() * 2 ** 32));
    }
  }
  assert.ok(counts.acknowledged > 0);
  return `${counts.endings} endings at ${counts.places} calls of ${calls.length}, ${counts.acknowledged} acknowledged writes`;
}

/** Right before a sync most can be lost, and most was acknowledged since the last one. */
function endingsOf({ isBeforeSync, unsynced }: Cut, isChosen: boolean): readonly Ending[] {
  const chances = unsynced.names ? NAME_CHANCES : unsynced.files && (isChosen || isBeforeSync) ? CHANCES : 0;
  const torn = Array.from({ length: chances }, () => 'torn' as const);
  return [...(isBeforeSync || isChosen ? ['lost' as const] : []), ...(isChosen ? ['killed' as const] : []), ...torn];
}

function tryCut(scene: CutScene, cut: Cut, ending: Ending, folder: string, chance: number): void {
  cut.restore(ending, randomFrom(chance), folder);
  try {
    scene.check(folder, cut.acknowledged);
  } catch (error) {
    const where = `behind call ${cut.index} (${cut.name}) with ${cut.acknowledged.count} writes acknowledged`;
    throw new Error(`${ending} ${where}, POWER_CUT_SEED=${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  rmSync(folder, { recursive: true });
}
