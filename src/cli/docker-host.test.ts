import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { OperatingError } from '../model/error.ts';
import { readDockerWish } from './docker-host.ts';

const HOME = '/home/ann';
const KEY = createHash('sha256').update('far').digest('hex');
const META = `${HOME}/.docker/contexts/meta/${KEY}/meta.json`;
const TLS = `${HOME}/.docker/contexts/tls/${KEY}/docker`;

function wish(
  environment: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>> = {},
): ReturnType<typeof readDockerWish> {
  const readFile = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
    return text;
  };
  return readDockerWish({ environment, home: HOME, readFile });
}

function contextOf(docker: object): string {
  return JSON.stringify({ Name: 'far', Metadata: {}, Endpoints: { docker } });
}

function isSettingsError(error: unknown): boolean {
  return error instanceof OperatingError && error.kind === 'settings';
}

test('readDockerWish() finds nothing where nothing was chosen', () => {
  assert.equal(wish({}), null);
  assert.equal(wish({}, { [`${HOME}/.docker/config.json`]: '{"auths":{}}' }), null);
  assert.equal(wish({}, { [`${HOME}/.docker/config.json`]: 'not JSON' }), null);
  assert.equal(wish({ DOCKER_CONTEXT: 'default' }), null);
});

test('readDockerWish() takes DOCKER_HOST, and TLS where DOCKER_TLS_VERIFY asks for it', () => {
  assert.deepEqual(wish({ DOCKER_HOST: 'tcp://host:1' })?.address, { kind: 'tcp', host: 'host', port: 1, tls: null });
  const files = { '/certs/ca.pem': 'CA', '/certs/cert.pem': 'CERT', '/certs/key.pem': 'KEY' };
  const found = wish({ DOCKER_HOST: 'tcp://host', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs', DOCKER_CONTEXT: 'far' }, files);
  const tls = { rejectUnauthorized: true, ca: 'CA', cert: 'CERT', key: 'KEY' };
  assert.deepEqual(found, { address: { kind: 'tcp', host: 'host', port: 2376, tls }, source: 'DOCKER_HOST' });
  assert.throws(() => wish({ DOCKER_HOST: 'tcp://host', DOCKER_TLS_VERIFY: '1' }), isSettingsError);
});

test('readDockerWish() takes the context in use, or the one that DOCKER_CONTEXT names', () => {
  const files = { [`${HOME}/.docker/config.json`]: '{"currentContext":"far"}', [META]: contextOf({ Host: 'ssh://ann@far.example' }) };
  const address = { kind: 'ssh', user: 'ann', host: 'far.example', port: '' };
  assert.deepEqual(wish({}, files), { address, source: 'the Docker context "far"' });
  assert.deepEqual(wish({ DOCKER_CONTEXT: 'far' }, { [META]: files[META] ?? '' })?.address, address);
});

test('readDockerWish() takes the certificates of a context, and its word to skip checking', () => {
  const files = {
    [META]: contextOf({ Host: 'tcp://far:2376' }),
    [`${TLS}/ca.pem`]: 'CA',
    [`${TLS}/cert.pem`]: 'C',
    [`${TLS}/key.pem`]: 'K',
  };
  const tls = { rejectUnauthorized: true, ca: 'CA', cert: 'C', key: 'K' };
  assert.deepEqual(wish({ DOCKER_CONTEXT: 'far' }, files)?.address, { kind: 'tcp', host: 'far', port: 2376, tls });
  const skipping = wish({ DOCKER_CONTEXT: 'far' }, { [META]: contextOf({ Host: 'tcp://far:2376', SkipTLSVerify: true }) });
  assert.deepEqual(skipping?.address, { kind: 'tcp', host: 'far', port: 2376, tls: { rejectUnauthorized: false } });
});

test('readDockerWish() says that a context cannot be read', () => {
  assert.throws(() => wish({ DOCKER_CONTEXT: 'far' }), isSettingsError);
  assert.throws(() => wish({ DOCKER_CONTEXT: 'far' }, { [META]: '{}' }), isSettingsError);
});
