import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DAY_MS } from '../../test/worlds/world.ts';
import { isWorse, judgeOrder } from './judge-order.ts';
import type { Trace } from './trace.ts';

/** One image after the other, over and over, a day apart. */
function loopOf(images: number, days: number): Trace {
  const uses = Array.from({ length: days }, (_, day) => {
    return { atMs: day * DAY_MS, image: day % images, lineage: `app${day % images}`, lastedMs: 0 };
  });
  return { layers: Array.from({ length: images }, (_, image) => [image]), sizes: Array.from({ length: images }, () => 10), uses };
}

function judge(trace: Trace, capacityBytes: number, isCut = false): string {
  const steps = judgeOrder(trace, capacityBytes, isCut);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

describe('judgeOrder()', () => {
  test('stays with next-use where it serves the host, and where too little is known to tell', () => {
    assert.equal(judge(loopOf(4, 90), 30), 'next-use');
    assert.equal(judge(loopOf(4, 20), 30), 'next-use');
    assert.equal(judge({ layers: [], sizes: [], uses: [] }, 0), 'next-use');
    assert.equal(judge({ layers: [], sizes: [], uses: [] }, 0, true), 'next-use');
  });

  test('goes by lru on a history in which habits mislead: two versions in turn, each a day or so, beside bursts', () => {
    const HOUR_MS = DAY_MS / 24;
    const uses: Trace['uses'][number][] = [];
    const use = (hour: number, image: number, lineage: string): void =>
      void uses.push({ atMs: hour * HOUR_MS, image, lineage, lastedMs: 0 });
    for (let hour = 88; hour < 60 * 24; hour += 31) use(hour, 0, 'app');
    for (let hour = 69; hour < 60 * 24; hour += 29) use(hour, 1, 'app');
    for (let hour = 21; hour < 60 * 24; hour += 80) for (const burst of [0, 5, 10, 15]) use(hour + burst, 2, 'other');
    const inOrder = uses.toSorted((one, other) => one.atMs - other.atMs);
    const trace = { layers: [[0], [1], [2]], sizes: [10, 10, 10], uses: inOrder };
    assert.equal(judge(trace, 20), 'lru');
    const short = { ...trace, uses: inOrder.filter(({ atMs }) => atMs > 25 * DAY_MS) };
    assert.deepEqual([judge(short, 20), judge(short, 20, true)], ['next-use', 'lru']);
    assert.equal(judge({ ...trace, uses: inOrder.filter(({ lineage }) => lineage === 'app') }, 20), 'next-use');
  });

  test('goes by lru only where next-use was worse by more than chance', () => {
    assert.deepEqual(
      [isWorse(206, 100, 1_000), isWorse(205, 100, 1_000), isWorse(101, 0, 1_000), isWorse(0, 0, 0)],
      [true, false, true, false],
    );
  });
});
