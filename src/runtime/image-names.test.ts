import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageId } from '../model/brands.ts';
import { originByDigest, sortNames, withHeldNames } from './image-names.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const MARK = '0a1b2c3d-1-2-3-4';
const HOLD = `docker.io/library/app:imagegc.hold.${MARK}.1`;

test('sortNames() makes names canonical, each once, and keeps holds apart', () => {
  const names = sortNames(imageId('i'), ['app:2', `host:5000/a@${DIGEST}`, 'app:1', 'library/app:1', HOLD]);
  assert.deepEqual(names.references, ['docker.io/library/app:1', 'docker.io/library/app:2']);
  assert.deepEqual(names.digests, [`host:5000/a@${DIGEST}`]);
  assert.deepEqual(
    names.holds.map(({ reference, original }) => [reference, original]),
    [[HOLD, 'docker.io/library/app:1']],
  );
});

test('withHeldNames() counts the original of a hold, once, and not when it points elsewhere', () => {
  const held = [imageId('held'), sortNames(imageId('held'), [HOLD])] as const;
  const other = [imageId('other'), sortNames(imageId('other'), ['app:1'])] as const;
  assert.deepEqual(withHeldNames(new Map([held])).get(imageId('held'))?.references, ['docker.io/library/app:1']);
  assert.deepEqual(withHeldNames(new Map([held, other])).get(imageId('held'))?.references, []);
});

test('originByDigest() calls no image local that has no name', () => {
  assert.equal(originByDigest({ references: ['a:1'], digests: [`a@${DIGEST}`] }), 'pulled');
  assert.equal(originByDigest({ references: ['a:1'], digests: [] }), 'local');
  assert.equal(originByDigest({ references: [], digests: [] }), null);
});
