import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readProjectFile } from '../code/project-files.ts';
import { judgeTrace, tellIntervals, tellTrace } from './intervals.ts';
import { NAMED_TRACES } from './paired-replay.ts';

/** Made-up hosts that take a second in all; of the last one history is short. */
const CHEAP = NAMED_TRACES.filter(({ name }) => ['edge 1', 'seldom 1', 'seldom 2', 'bursts 1'].includes(name));

describe('the intervals of next-use / lru', () => {
  const rows = CHEAP.map(judgeTrace);

  it('are in docs/policy.md as they come out now, for four of the twenty traces', () => {
    const page = readProjectFile('docs/policy.md');
    const missing = rows.map(tellTrace).filter((row) => !page.includes(row));
    assert.deepEqual([rows.length, missing], [4, []]);
  });

  it('hold the ratio, and are not told of a history of two months', () => {
    for (const { trace, weeks, cells } of rows) {
      for (const { ratio, interval } of cells) {
        assert.equal(interval === null, weeks < 16, trace.name);
        if (interval !== null) assert.ok(interval.low <= ratio && ratio <= interval.high, trace.name);
      }
    }
  });

  it('and what they come to over traces are told in the same words whenever they are asked for', () => {
    const tell = (): readonly string[] => {
      const lines: string[] = [];
      tellIntervals(CHEAP.slice(0, 3), (line) => lines.push(line));
      return lines;
    };
    assert.deepEqual(tell(), tell());
  });
});
