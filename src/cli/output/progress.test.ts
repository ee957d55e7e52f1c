import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes } from '../../model/brands.ts';
import { progressBar, showProgress } from './progress.ts';

const HALF = { done: 5, total: 10, freedBytes: bytes(1_200_000_000) };

test('progressBar() fills in proportion and is narrower than the terminal', () => {
  assert.equal(progressBar(HALF, 50), '[##########..........] 5/10 images, 1.20 GB freed');
  for (let width = 10; width < 120; width++) assert.ok(progressBar(HALF, width).length < width);
});

test('progressBar() gives up the bar before the figures', () => {
  assert.equal(progressBar(HALF, 30), '5/10 images, 1.20 GB freed');
});

test('showProgress() draws over its own line on a terminal, and clears it at the end', () => {
  const written: string[] = [];
  const progress = showProgress((text) => written.push(text), 60);
  progress.show(HALF);
  progress.end();
  assert.equal(written.length, 2);
  assert.ok(!written.join('').includes('\n'));
  assert.equal(written[1], '\r\u001b[2K');
});

test('showProgress() prints one line per batch where there is no terminal', () => {
  const written: string[] = [];
  const progress = showProgress((text) => written.push(text), null);
  progress.show(HALF);
  progress.end();
  assert.deepEqual(written, ['5 of 10 images done, 1.20 GB freed\n']);
});
