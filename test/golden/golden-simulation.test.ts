/**
 * A whole simulation, as `imagegc simulate --json` prints it: `UPDATE_GOLDEN=1 node test/golden/golden-simulation.test.ts` writes what it says now,
 * for a person to read in the diff.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { runCli } from '../../src/cli/program.ts';
import type { World } from '../../src/cli/world.ts';
import { offlineWorld } from './offline-world.ts';

const FOLDER = join(import.meta.dirname, 'simulation');
const IMAGES = join(FOLDER, 'images.jsonl');
const USES = join(FOLDER, 'uses.jsonl');
const isUpdate = process.env['UPDATE_GOLDEN'] === '1';
const lineOf = (layers: readonly object[]): string => JSON.stringify({ image: 'app@sha256:1', layers });

interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function run(args: readonly string[], change: Partial<World> = {}): Promise<Ran> {
  const { world, out, err } = offlineWorld();
  const listDirectory = (): readonly string[] => [];
  const status = await runCli(['simulate', ...args], { ...world, listDirectory, ...change });
  return { status, out: out.join(''), err: err.join('') };
}

/** Runs it on texts in place of files. */
function runTexts(images: string | Uint8Array, uses: string | Uint8Array, ...args: readonly string[]): Promise<Ran> {
  const files = new Map([
    ['images', images],
    ['uses', uses],
  ]);
  return run(['--images', 'images', '--uses', 'uses', '--json', ...args], { readBytes: (path) => Buffer.from(files.get(path) ?? '') });
}

describe('a simulation', () => {
  const images = readFileSync(IMAGES, 'utf8');
  const uses = readFileSync(USES, 'utf8');

  it('prints what it printed before, field by field', async () => {
    const { status, out, err } = await run(['--images', IMAGES, '--uses', USES, '--capacity', '0.5W,1W,200MB', '--json']);
    assert.deepEqual([status, err], [0, 'imagegc: 0.5W is raised to 71.4 MB: the largest image has 70.0 MB\n']);
    const file = join(FOLDER, 'simulation.json');
    if (isUpdate) writeFileSync(file, out);
    assert.deepEqual(JSON.parse(out), JSON.parse(readFileSync(file, 'utf8')));
  });

  it('is the same from gzip, and with empty lines', async () => {
    const plain = await runTexts(images, uses);
    assert.deepEqual(await runTexts(gzipSync(images), gzipSync(`\n${uses.replaceAll('\n', '\n\n')}`)), plain);
  });

  it('under settings does what they say: nothing that they protect is removed', async () => {
    const config = '[rules]\nunused_for = "never"\nmin_age = "0s"\n[protect]\nreferences = ["*/app*"]\nlocal = "no"\n';
    const readFile = (path: string): string => (path === 'own.toml' ? config : readFileSync(path, 'utf8'));
    const args = ['--images', IMAGES, '--uses', USES, '--config', 'own.toml', '--policy', 'next-use', '--capacity', '1W', '--json'];
    assert.match((await run(args, { readFile })).out, /"removals": 0,/);
  });

  it('prints a table for a person', async () => {
    const { out } = await run(['--images', IMAGES, '--uses', USES, '--capacity', '1W', '--policy', 'next-use,lru']);
    assert.match(out, /^Live set \(W\): .*\n\nDISK {2}POLICY .*\n1W {4}next-use .*\n1W {4}lru .*\n$/);
  });

  it('draws a line for each policy and one for the bound', async () => {
    const drawn: string[] = [];
    const writeFile = (path: string, text: string): void => void drawn.push(path, text);
    await run(['--images', IMAGES, '--uses', USES, '--policy', 'next-use,lru', '--chart', 'chart.svg'], { writeFile });
    assert.equal(drawn[0], 'chart.svg');
    assert.equal(drawn[1]?.match(/<polyline/g)?.length, 3);
    assert.match(drawn[1] ?? '', /^<svg [\s\S]*>next-use<[\s\S]*>lru<[\s\S]*>no policy can do better<[\s\S]*<\/svg>\n$/);
  });

  it('shows on a terminal alone how far it is', async () => {
    const shown: string[] = [];
    const err = { write: (text: string) => void shown.push(text), isTTY: true, columns: 80 };
    await run(['--images', IMAGES, '--uses', USES, '--json'], { err });
    assert.ok(shown.some((text) => text.includes('simulating: 50 %')));
    assert.equal(shown.at(-1), '\r\u001b[2K');
  });

  const first = uses.split('\n')[0] ?? '';
  const second = uses.split('\n')[1] ?? '';
  for (const [what, bad, expected] of [
    ['a use before the one before it', [images, `${second}\n${first}`], /\(uses\): line 2: t is earlier than that of the use before/],
    [
      'a use of an image that is not there',
      [lineOf([{ digest: 'a', size: 1 }]), uses],
      /\(uses\): line 1: image is \S+, which is not in the images file/,
    ],
    ['an image without layers', [`${images}${lineOf([])}`, uses], /\(images\): line 10: layers is empty/],
    ['an image that tells no layers', [`${images}{"image":"a"}`, uses], /\(images\): line 10: it has no "layers"/],
    [
      'a negative size',
      [lineOf([{ digest: 'a', size: -1 }]), uses],
      /\(images\): line 1: layers\[0\]\.size must be a whole number of 0 or more, not -1/,
    ],
    [
      'a layer of two sizes',
      [`${lineOf([{ digest: 'a', size: 5 }])}\n${lineOf([{ digest: 'a', size: 7 }]).replace('app', 'web')}`, uses],
      /\(images\): line 2: layers\[0\]\.size is 7, but line 1 says 5 of the same layer/,
    ],
    ['an image twice', [`${images}${images}`, uses], /\(images\): line 10: image repeats registry/],
    ['a line that is cut', [images.slice(0, -9), uses], /\(images\): line 9: this is not whole JSON/],
    ['an empty file of images', ['', uses], /\(images\): line 1: there is nothing in it/],
    ['an empty file of uses', [images, '\n\n'], /\(uses\): line 1: there is nothing in it/],
    [
      'gzip data that is cut',
      [images, gzipSync(uses).subarray(0, -60)],
      /\(uses\): line [0-9]+: the gzip data cannot be read on from here/,
    ],
  ] as const) {
    it(`ends with 2 and one clear message on ${what}, with no half results`, async () => {
      const { status, out, err } = await runTexts(bad[0], bad[1]);
      assert.deepEqual([status, out], [2, '']);
      assert.match(err, expected);
      assert.equal(err.match(/^imagegc: /gm)?.length, 1);
    });
  }

  it('takes a size of 0 for unknown, whichever comes first', async () => {
    const of = (...sizes: readonly number[]): string =>
      sizes.map((size, at) => lineOf([{ digest: 'a', size }]).replace('app', `app${at}`)).join('\n');
    const use = JSON.stringify({ t: 1, image: 'app0@sha256:1', ref: 'app' });
    for (const sizes of [of(0, 5), of(5, 0)]) assert.match((await runTexts(sizes, use)).out, /"liveSetBytes": 5,/);
  });

  for (const [args, expected] of [
    [['--capacity', '10MB'], /cannot simulate \(--capacity\): 10MB is less than the largest image of the trace, which has 70\.0 MB/],
    [['--capacity', '10'], /"10" is not a size/],
    [['--policy', 'best'], /"best" cannot be simulated\n {2}hint: there are next-use, lru, /],
  ] as const) {
    it(`refuses ${args.join(' ')}`, async () => {
      const { status, out, err } = await runTexts(images, uses, ...args);
      assert.deepEqual([status, out], [2, '']);
      assert.match(err, expected);
    });
  }

  it('asks for both files', async () => {
    assert.match((await run(['--images', IMAGES])).err, /a trace is two files, and not both are given\n {2}hint: give both, or --host/);
  });
});
