import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { blobKey, chainIds } from './chain-ids.ts';
import { alignHistory, type HistoryEntry } from './layer-sizes.ts';

/** Newest first, as Docker answers. */
function history(...oldestFirst: readonly (readonly [createdBy: string, size: number])[]): readonly HistoryEntry[] {
  return oldestFirst.map(([CreatedBy, Size]) => ({ CreatedBy, Size })).toReversed();
}

test('chainIds() hashes each layer with all below it', () => {
  // Checked with: printf 'sha256:a sha256:b' | sha256sum
  assert.deepEqual(chainIds(['sha256:a', 'sha256:b']), [
    'sha256:a',
    'sha256:970a948bffa8de94d6e22d747ba8c95030e6e546909f98f54e99a13005e173a8',
  ]);
  assert.deepEqual(chainIds([]), []);
});

test('blobKey() differs from the chain ID of the same digest', () => {
  assert.notEqual(blobKey('sha256:a'), chainIds(['sha256:a'])[0]);
});

test('alignHistory() takes every line when there are as many as layers, empty ones too', () => {
  assert.deepEqual(alignHistory(history(['base', 80], ['WORKDIR /app', 0], ['COPY . .', 5]), 3), [80, 0, 5]);
});

test('alignHistory() leaves out lines of no size when the others are as many as layers', () => {
  assert.deepEqual(alignHistory(history(['base', 80], ['ENV A=1', 0], ['RUN make', 10], ['CMD ["/app"]', 0]), 2), [80, 10]);
});

test('alignHistory() takes an empty directory for a layer rather than an ENV', () => {
  const lines = history(['base', 80], ['ENV A=1', 0], ['/bin/sh -c #(nop)  CMD ["sh"]', 0], ['WORKDIR /app', 0], ['COPY . .', 5]);
  assert.deepEqual(alignHistory(lines, 3), [80, 0, 5]);
});

test('alignHistory() gives null when the lines cannot be the layers', () => {
  assert.equal(alignHistory(history(['base', 80]), 2), null);
  assert.equal(alignHistory(history(['base', 80], ['RUN a', 1], ['RUN b', 2]), 2), null);
  assert.equal(alignHistory(history(['base', -1]), 1), null);
});

test('alignHistory() never loses a byte: whatever fits sums up to the whole history', () => {
  const line = fc.tuple(fc.constantFrom('RUN make', 'ENV A=1', 'WORKDIR /app', 'CMD ["a"]'), fc.integer({ min: 0, max: 3 }));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.integer({ min: 0, max: 8 }), (lines, layerCount) => {
      const sizes = alignHistory(history(...lines), layerCount);
      const sized = lines.filter(([, size]) => size > 0).length;
      assert.equal(sizes !== null, layerCount >= sized && layerCount <= lines.length);
      if (sizes === null) return;
      const sum = (numbers: readonly number[]) => numbers.reduce((total, size) => total + size, 0);
      assert.equal(sizes.length, layerCount);
      assert.equal(sum(sizes), sum(lines.map(([, size]) => size)));
    }),
  );
});
