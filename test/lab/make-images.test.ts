import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BuiltImage, ImageSpec } from './make-images.ts';
import { digestOf, imageArchive, imageFamily, writeImageArchive } from './make-images.ts';
import { writeRegistryStorage } from './registry-storage.ts';

const BUSYBOX = Buffer.from('not really busybox');

function build(specs: readonly ImageSpec[]): readonly BuiltImage[] {
  const pieces = imageArchive(specs, BUSYBOX);
  for (;;) {
    const piece = pieces.next();
    if (piece.done === true) return piece.value;
  }
}

function temporaryDirectory(t: { after: (run: () => void) => void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'imagegc-images-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test('the same specification gives the same digests', () => {
  assert.deepEqual(
    build(imageFamily({ count: 3, baseKb: 20, midKb: 5, leafKb: 2 })),
    build(imageFamily({ count: 3, baseKb: 20, midKb: 5, leafKb: 2 })),
  );
});

test('images that name the same layers share them, and differ by what they do not share', () => {
  const [first, second] = build([
    {
      repository: 'lab/a',
      layers: [
        { key: 'base', kb: 4 },
        { key: 'a', kb: 4 },
      ],
    },
    {
      repository: 'lab/b',
      layers: [
        { key: 'base', kb: 4 },
        { key: 'b', kb: 4 },
      ],
    },
  ]);
  assert.equal(first?.layers[0]?.diffId, second?.layers[0]?.diffId);
  assert.notEqual(first?.layers[1]?.diffId, second?.layers[1]?.diffId);
  assert.notEqual(first?.digest, second?.digest);
});

test('labels alone make another image of the same layers', () => {
  const layers = [{ key: 'base', kb: 1 }];
  const [plain, labelled] = build([
    { repository: 'lab/a', layers },
    { repository: 'lab/a', layers, labels: { a: 'b' } },
  ]);
  assert.deepEqual(plain?.layers, labelled?.layers);
  assert.notEqual(plain?.manifests[0]?.configDigest, labelled?.manifests[0]?.configDigest);
});

test('an archive is a tar file that names every tag, and its blobs match their digests', (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'images.tar');
  const [image] = writeImageArchive(path, [{ repository: 'lab/a', tags: ['1', '2'], layers: [{ key: 'base', kb: 3, files: 3 }] }], BUSYBOX);
  execFileSync('tar', ['-xf', path, '-C', directory]);
  assert.match(readFileSync(join(directory, 'manifest.json'), 'utf8'), /"RepoTags":\["lab\/a:1","lab\/a:2"\]/);
  const digest = image?.manifests[0]?.configDigest ?? '';
  assert.equal(digestOf(readFileSync(join(directory, 'blobs', digest.replace(':', '/')))), digest);
});

test('an archive refuses an image of several platforms, which only a registry can hold', () => {
  assert.throws(
    () => build([{ repository: 'lab/a', layers: [], architectures: ['amd64', 'arm64'] }]),
    /lab\/a: an archive holds one platform/,
  );
});

test('a tag seeded twice moves to the newer image in the registry, and both stay', (t) => {
  const directory = temporaryDirectory(t);
  const seed = (label: string): BuiltImage | undefined =>
    writeRegistryStorage(
      directory,
      [{ repository: 'lab/a', tags: ['latest'], layers: [{ key: 'base', kb: 1 }], labels: { label } }],
      BUSYBOX,
    )[0];
  const [older, newer] = [seed('older'), seed('newer')];
  const repository = join(directory, 'docker/registry/v2/repositories/lab/a/_manifests');
  assert.equal(readFileSync(join(repository, 'tags/latest/current/link'), 'utf8'), newer?.digest);
  assert.equal(readFileSync(join(repository, 'revisions', older?.digest.replace(':', '/') ?? '', 'link'), 'utf8'), older?.digest);
});
