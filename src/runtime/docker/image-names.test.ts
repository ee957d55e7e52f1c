import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageId } from '../../model/brands.ts';
import { readImageNames, withHeldNames } from './image-names.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const MARK = '0a1b2c3d-1-2-3-4';
const HOLD = `app:imagegc.hold.${MARK}.1`;

test('readImageNames() reads every way in which engines write that there is no name', () => {
  const nothing = { references: [], digests: [], holds: [] };
  assert.deepEqual(readImageNames({ Id: 'i', RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'] }), nothing);
  assert.deepEqual(readImageNames({ Id: 'i', RepoTags: null, RepoDigests: [] }), nothing);
});

test('readImageNames() makes names canonical and takes a digest among the tags for what it is', () => {
  const names = readImageNames({ Id: 'i', RepoTags: ['app:2', `host:5000/a@${DIGEST}`, 'app:1'], RepoDigests: [`app@${DIGEST}`] });
  assert.deepEqual(names.references, ['docker.io/library/app:1', 'docker.io/library/app:2']);
  assert.deepEqual(names.digests, [`docker.io/library/app@${DIGEST}`, `host:5000/a@${DIGEST}`]);
});

test('readImageNames() completes a digest without a repository from the tags', () => {
  const names = readImageNames({ Id: 'i', RepoTags: ['app:1', HOLD], RepoDigests: [DIGEST] });
  assert.deepEqual(names.digests, [`docker.io/library/app@${DIGEST}`]);
  assert.deepEqual(readImageNames({ Id: 'i', RepoTags: [], RepoDigests: [DIGEST] }).digests, []);
});

test('withHeldNames() counts the original of a hold, once, and not when it points elsewhere', () => {
  const held = readImageNames({ Id: 'held', RepoTags: [HOLD], RepoDigests: [] });
  const alone = withHeldNames(new Map([[imageId('held'), held]]));
  assert.deepEqual(alone.get(imageId('held'))?.references, ['docker.io/library/app:1']);
  const other = readImageNames({ Id: 'other', RepoTags: ['app:1'], RepoDigests: [] });
  const both = withHeldNames(
    new Map([
      [imageId('held'), held],
      [imageId('other'), other],
    ]),
  );
  assert.deepEqual(both.get(imageId('held'))?.references, []);
});
