import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readProjectFile } from '../code/project-files.ts';
import { DISTURBANCES, type Disturbance } from './disturbances.ts';
import { NAMED_TRACES, type NamedTrace } from './paired-replay.ts';
import { type DisturbedRow, disturb, tellDisturbance } from './sweep.ts';

/** Made-up hosts that take a second in all. */
const CHEAP = NAMED_TRACES.filter(({ name }) => ['edge 1', 'seldom 1', 'seldom 2', 'bursts 1'].includes(name));

function titled(title: string): Disturbance {
  return DISTURBANCES.find((disturbance) => disturbance.title === title) ?? assert.fail(title);
}

function disturbAll(traces: readonly NamedTrace[], title: string): readonly DisturbedRow[] {
  return traces.map((named) => disturb(named, named.make(), titled(title)));
}

describe('next-use', () => {
  const plain = disturbAll(CHEAP, 'nothing');
  const meanOf = (rows: readonly DisturbedRow[]): number => {
    const ratios = rows.flatMap((row) => row.ratios);
    return ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  };

  it('decides by which uses are of one lineage, and never by what it is called: with other names all is the same', () => {
    assert.deepEqual(disturbAll(CHEAP, 'lineages renamed'), plain);
  });

  it('pulls as much again as lru where all images are of one lineage, which tells nothing', () => {
    for (const { name, ratios } of disturbAll(CHEAP, 'one lineage for all')) {
      for (const ratio of ratios) assert.ok(ratio > 0.98 && ratio < 1.02, `${name}: ${ratios}`);
    }
  });

  for (const title of [
    'the host weighs .5',
    'the host weighs 8',
    'a tenth of the uses not recorded',
    'four nodes, each job on any of them',
  ]) {
    it(`pulls less again than lru all the same: ${title}`, (t) => {
      const rows = disturbAll(CHEAP, title);
      t.diagnostic(`${meanOf(rows).toFixed(3)}, undisturbed ${meanOf(plain).toFixed(3)}`);
      assert.ok(meanOf(rows) < 0.95, `${meanOf(rows)}`);
    });
  }

  it('is told in docs/policy.md as it is where each image is used once, on all traces: worse than lru', () => {
    const row = tellDisturbance('each image used once', disturbAll(NAMED_TRACES, 'each image used once'));
    assert.ok(readProjectFile('docs/policy.md').includes(row), row);
  });
});
