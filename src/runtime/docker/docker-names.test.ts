import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDockerNames } from './docker-names.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

test('readDockerNames() reads every way in which engines write that there is no name', () => {
  const nothing = { references: [], digests: [], holds: [] };
  assert.deepEqual(readDockerNames({ Id: 'i', RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'] }), nothing);
  assert.deepEqual(readDockerNames({ Id: 'i', RepoTags: null, RepoDigests: [] }), nothing);
});

test('readDockerNames() takes a digest among the tags for what it is', () => {
  const names = readDockerNames({ Id: 'i', RepoTags: [`app@${DIGEST}`, 'app:1'], RepoDigests: [`app@${DIGEST}`] });
  assert.deepEqual(names, { references: ['docker.io/library/app:1'], digests: [`docker.io/library/app@${DIGEST}`], holds: [] });
});

test('readDockerNames() completes a digest without a repository from the tags', () => {
  const names = readDockerNames({ Id: 'i', RepoTags: ['app:1', 'app:2'], RepoDigests: [DIGEST] });
  assert.deepEqual(names.digests, [`docker.io/library/app@${DIGEST}`]);
  assert.deepEqual(readDockerNames({ Id: 'i', RepoTags: [], RepoDigests: [DIGEST] }).digests, []);
});

test('readDockerNames() completes the one digest that a listing tells of several repositories, where the digest is the ID', () => {
  const listed = { RepoTags: ['app:1', 'team/app:1'], RepoDigests: [`team/app@${DIGEST}`] };
  const both = [`docker.io/library/app@${DIGEST}`, `docker.io/team/app@${DIGEST}`];
  assert.deepEqual(readDockerNames({ Id: DIGEST, ...listed }).digests, both);
  assert.deepEqual(readDockerNames({ Id: 'sha256:config', ...listed }).digests, [`docker.io/team/app@${DIGEST}`]);
});
