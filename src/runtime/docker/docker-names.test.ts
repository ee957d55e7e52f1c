import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDockerNames, readHistoryNames } from './docker-names.ts';

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

test('readHistoryNames() finds what an inspection tells: a digest for every repository, and what was pulled by digest', () => {
  const raw = readHistoryNames({ Id: DIGEST, Tags: ['app:1', 'app:2', `team/app@${DIGEST}`] });
  assert.ok(raw !== null);
  assert.deepEqual(readDockerNames(raw), {
    references: ['docker.io/library/app:1', 'docker.io/library/app:2'],
    digests: [`docker.io/library/app@${DIGEST}`, `docker.io/team/app@${DIGEST}`],
    holds: [],
  });
  assert.deepEqual(readHistoryNames({ Id: DIGEST, Tags: null }), { Id: DIGEST, RepoTags: [], RepoDigests: [DIGEST] });
});

test('readHistoryNames() takes no line for an image that does not name one', () => {
  assert.equal(readHistoryNames({ Id: '<missing>', Tags: ['app:1'] }), null);
  assert.equal(readHistoryNames({ Id: '', Tags: null }), null);
});
