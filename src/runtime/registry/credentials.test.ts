import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Credential, type CredentialSources, findCredential } from './credentials.ts';

const encode = (login: string): object => ({ auth: Buffer.from(login).toString('base64') });

function find(
  repository: string,
  files: Readonly<Record<string, object | string>>,
  change: Partial<CredentialSources> = {},
): Promise<Credential | null> {
  return findCredential(repository, {
    ...{ environment: {}, home: '/root', userId: 0 },
    readFile: (path) => {
      const file = files[path];
      if (file === undefined) throw new Error('ENOENT');
      return typeof file === 'string' ? file : JSON.stringify(file);
    },
    runHelper: () => Promise.reject(new Error('credentials not found')),
    ...change,
  });
}

const DOCKER = '/root/.docker/config.json';
const password = (user: string, secret: string): Credential => ({ kind: 'password', user, password: secret });

describe('findCredential()', () => {
  it("reads Docker's logins, under every spelling of a registry", async () => {
    for (const key of ['registry.example', 'https://registry.example', 'https://registry.example/v2/']) {
      assert.deepEqual(
        await find('registry.example/team/app', { [DOCKER]: { auths: { [key]: encode('me:a:b') } } }),
        password('me', 'a:b'),
      );
    }
    const hub = { auths: { 'https://index.docker.io/v1/': encode('hub:x') } };
    assert.deepEqual(await find('docker.io/library/app', { [DOCKER]: hub }), password('hub', 'x'));
    assert.equal(await find('registry.example/app', { [DOCKER]: hub }), null);
  });

  it("reads Podman's before them, the most specific first", async () => {
    const auths = { 'registry.example': encode('all:1'), 'registry.example/team': encode('team:2') };
    const files = { '/run/containers/0/auth.json': { auths }, [DOCKER]: { auths: { 'registry.example': encode('docker:3') } } };
    assert.deepEqual(await find('registry.example/team/app', files), password('team', '2'));
    assert.deepEqual(await find('registry.example/other/app', files), password('all', '1'));
    const named = { environment: { REGISTRY_AUTH_FILE: '/auth.json' } };
    const file = { '/auth.json': { auths: { 'registry.example': { auth: '', identitytoken: 't' } } } };
    assert.deepEqual(await find('registry.example/app', { ...files, ...file }, named), { kind: 'token', refreshToken: 't' });
  });

  it('asks the helper that is named for a registry, else the one for all', async () => {
    const asked: string[] = [];
    const runHelper = (program: string, server: string): Promise<string> => {
      asked.push(`${program} ${server}`);
      return Promise.resolve(JSON.stringify({ ServerURL: server, Username: program.endsWith('all') ? '<token>' : 'me', Secret: 's' }));
    };
    const files = { [DOCKER]: { credsStore: 'all', credHelpers: { 'registry.example': 'own' } } };
    assert.deepEqual(await find('registry.example/app', files, { runHelper }), password('me', 's'));
    assert.deepEqual(await find('docker.io/library/app', files, { runHelper }), { kind: 'token', refreshToken: 's' });
    assert.deepEqual(asked, ['docker-credential-own registry.example', 'docker-credential-all https://index.docker.io/v1/']);
  });

  it('has none where a file is damaged, a helper fails or has a name that is a path', async () => {
    let runs = 0;
    const runHelper = (): Promise<string> => {
      runs += 1;
      return Promise.reject(new Error('credentials not found'));
    };
    assert.equal(await find('registry.example/app', { [DOCKER]: '{' }), null);
    assert.equal(await find('registry.example/app', { [DOCKER]: { auths: { 'registry.example': { auth: 'bm8=' } } } }), null);
    assert.equal(await find('registry.example/app', { [DOCKER]: { credsStore: 'none' } }, { runHelper }), null);
    assert.equal(await find('registry.example/app', { [DOCKER]: { credsStore: '../../bin/sh' } }, { runHelper }), null);
    assert.equal(runs, 1);
  });
});
