import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { LOGIN, type Mood, MoodyRegistry, REFRESH_TOKEN } from '../../../test/worlds/moody-registry.ts';
import type { Credential } from './credentials.ts';
import { openRegistryClient } from './registry-client.ts';

const [user = '', ...rest] = LOGIN.split(':');
const PASSWORD: Credential = { kind: 'password', user, password: rest.join(':') };
const DIGEST = `sha256:${'a'.repeat(64)}`;
/** Only what never answers runs into the short one: a busy machine answers late. */
const [TIMEOUT_MS, SHORT_MS] = [20_000, 150];

describe('a registry is asked for a manifest by its digest', () => {
  let registry: MoodyRegistry;
  before(async () => {
    registry = await MoodyRegistry.open();
    registry.digests.add(DIGEST);
  });
  after(() => registry[Symbol.asyncDispose]());

  async function ask(mood: Mood, credential: Credential | null = null, digest = DIGEST): Promise<string> {
    registry.moods.set('lab/app', mood);
    registry.asked.length = 0;
    const client = openRegistryClient({
      findCredential: () => Promise.resolve(credential),
      timeoutMs: mood === 'slow' ? SHORT_MS : TIMEOUT_MS,
    });
    const answer = await client.ask(`${registry.address}/lab/app@${digest}`);
    return answer.kind === 'present' ? 'present' : `${answer.kind}: ${answer.detail.replace(registry.address, 'HOST')}`;
  }

  it('and says that it has it, with one HEAD and nobody told who asks', async () => {
    assert.equal(await ask('well', PASSWORD), 'present');
    assert.deepEqual(registry.asked, ['HEAD lab/app']);
  });

  it('and does not say so for whatever else happens, each in words', async () => {
    const other = `sha256:${'b'.repeat(64)}`;
    assert.equal(await ask('well', null, other), 'absent: HOST does not have it by that digest (404)');
    assert.equal(await ask('missing'), 'absent: HOST does not have it by that digest (404)');
    assert.equal(await ask('closed'), 'absent: HOST does not let this host pull it (403)');
    assert.equal(await ask('busy'), 'unknown: HOST is asked too often (429)');
    assert.equal(await ask('broken'), 'unknown: HOST answers 500');
    assert.equal(await ask('slow'), 'unknown: HOST did not answer within 0.15 s');
  });

  it('and is followed nowhere else', async () => {
    assert.equal(await ask('elsewhere'), 'unknown: HOST answers 307');
    assert.deepEqual(registry.asked, ['HEAD lab/app']);
  });

  it('with a token from where its challenge says, for a password and for a token of a login', async () => {
    assert.equal(await ask('token', PASSWORD), 'present');
    assert.deepEqual(registry.asked, ['HEAD lab/app', 'GET /token', 'HEAD lab/app']);
    assert.equal(await ask('token', { kind: 'token', refreshToken: REFRESH_TOKEN }), 'present');
    assert.deepEqual(registry.asked, ['HEAD lab/app', 'POST /token', 'HEAD lab/app']);
    const refused = 'absent: HOST does not let this host pull it (401)';
    assert.equal(await ask('token'), refused);
    assert.equal(await ask('token', { kind: 'token', refreshToken: 'spent' }), refused);
  });

  it('with a password where it asks for one', async () => {
    assert.equal(await ask('basic', PASSWORD), 'present');
    assert.equal(await ask('basic', { ...PASSWORD, password: 'wrong' }), 'absent: HOST does not let this host pull it (401)');
    assert.equal(await ask('basic'), 'absent: HOST does not let this host pull it (401)');
  });

  it('where nobody listens, and gets no answer', async () => {
    const gone = await MoodyRegistry.open();
    const { address } = gone;
    await gone[Symbol.asyncDispose]();
    const client = openRegistryClient({ findCredential: () => Promise.resolve(null), timeoutMs: 5_000 });
    assert.deepEqual(await client.ask(`${address}/lab/app@${DIGEST}`), {
      kind: 'unknown',
      detail: `${address} cannot be reached (ECONNREFUSED)`,
    });
  });

  it('over TLS alone where it is not on this host', async () => {
    const client = openRegistryClient({ findCredential: () => Promise.resolve(null), timeoutMs: 5_000 });
    const { port } = new URL(`http://${registry.address}`);
    registry.asked.length = 0;
    // The whole of 127.0.0.0/8 is this host; 0.0.0.0 leads there and is not in it.
    const answer = await client.ask(`0.0.0.0:${port}/lab/app@${DIGEST}`);
    assert.equal(answer.kind, 'unknown');
    assert.deepEqual(registry.asked, []);
  });
});
