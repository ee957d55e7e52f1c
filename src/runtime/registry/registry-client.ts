import type { IncomingHttpHeaders, RequestOptions } from 'node:http';
import * as v from 'valibot';
import { splitReference } from '../../model/reference.ts';
import type { RegistryAnswer } from '../../model/registry-answer.ts';
import { trustedAuthorities } from '../trusted-authorities.ts';
import type { Credential } from './credentials.ts';

/** Speaks to registries: one question per name, each with a time-out. Nothing is cached here, nothing retried, no redirection followed. */
export interface RegistryClient {
  /**
   * Whether the registry of a name has its manifest (HEAD by digest, with a bearer token where it asks for one).
   *
   * @param name canonical: `registry.example/team/app@sha256:…`
   * @returns `unknown` for whatever is neither yes nor no; never throws for what a registry or the network does
   * @see distribution-spec, "Checking if content exists in the registry"
   */
  ask(name: string): Promise<RegistryAnswer>;
}

/** What a client needs. */
export interface RegistryClientOptions {
  readonly findCredential: (repository: string) => Promise<Credential | null>;
  /** For one question, its token included. */
  readonly timeoutMs: number;
}

/** All that engines pull. */
const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');
/** A token service that sends more is none. */
const BODY_MAX = 1_000_000;
/** As Docker: without TLS only to this host. */
const LOOPBACK = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]+)?$/;

const tokenAnswer = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ token: v.optional(v.string(), ''), access_token: v.optional(v.string(), '') }),
);

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Makes a client; it holds no connection between questions. */
export function openRegistryClient({ findCredential, timeoutMs }: RegistryClientOptions): RegistryClient {
  return {
    ask: async (name) => {
      const { name: repository, digest } = splitReference(name);
      const host = repository.slice(0, repository.indexOf('/'));
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        const url = manifestUrl(host, repository.slice(host.length + 1), digest ?? '');
        const headers = { accept: ACCEPT };
        const first = await send(url, { method: 'HEAD', headers }, signal);
        if (first.status !== 401) return judge(host, digest, first);
        const authorization = await authorize(first.headers['www-authenticate'] ?? '', url, await findCredential(repository), signal);
        if (authorization === null) return judge(host, digest, first);
        return judge(host, digest, await send(url, { method: 'HEAD', headers: { ...headers, authorization } }, signal));
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
        const detail = signal.aborted ? `${host} did not answer within ${timeoutMs / 1_000} s` : `${host} cannot be reached (${code})`;
        return { kind: 'unknown', detail };
      }
    },
  };
}

/** Docker Hub serves its API under another name than its images have. */
function manifestUrl(host: string, path: string, digest: string): URL {
  const served = host === 'docker.io' ? 'registry-1.docker.io' : host;
  return new URL(`${LOOPBACK.test(host) ? 'http' : 'https'}://${served}/v2/${path}/manifests/${digest}`);
}

function judge(host: string, digest: string | null, { status, headers }: Answer): RegistryAnswer {
  const sent = headers['docker-content-digest'];
  if (status === 200 && (sent === undefined || sent === digest)) return { kind: 'present' };
  if (status === 200) return { kind: 'absent', detail: `${host} answers with another digest` };
  if (status === 404) return { kind: 'absent', detail: `${host} does not have it by that digest (404)` };
  if (status === 401 || status === 403) return { kind: 'absent', detail: `${host} does not let this host pull it (${status})` };
  return { kind: 'unknown', detail: status === 429 ? `${host} is asked too often (429)` : `${host} answers ${status}` };
}

/** What to send along, as the challenge asks; null where that cannot be had. */
async function authorize(challenge: string, from: URL, credential: Credential | null, signal: AbortSignal): Promise<string | null> {
  if (/^basic\b/i.test(challenge)) return credential?.kind === 'password' ? basic(credential) : null;
  const [, parameters] = /^bearer\s+(.*)$/i.exec(challenge) ?? [];
  const told = new Map([...(parameters ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]));
  const realm = URL.parse(told.get('realm') ?? '');
  // Whoever is asked over TLS does not send a password elsewhere without.
  if (realm === null || !(realm.protocol === 'https:' || (from.protocol === 'http:' && LOOPBACK.test(realm.host)))) return null;
  const query = new URLSearchParams([...told].filter(([key]) => key === 'service' || key === 'scope'));
  const answer = await send(...tokenRequest(realm, query, credential), signal);
  const parsed = answer.status === 200 ? v.safeParse(tokenAnswer, answer.body) : null;
  if (parsed?.success !== true) return null;
  return `Bearer ${parsed.output.token || parsed.output.access_token}`;
}

type Told = Pick<RequestOptions, 'method' | 'headers'> & { readonly body?: string };

/** A token that a login left is exchanged for one that pulls (OAuth 2); anybody else gets one for the asking. */
function tokenRequest(realm: URL, query: URLSearchParams, credential: Credential | null): [url: URL, told: Told] {
  if (credential?.kind === 'token') {
    const grant = { grant_type: 'refresh_token', client_id: 'imagegc', refresh_token: credential.refreshToken };
    const body = new URLSearchParams([...query, ...Object.entries(grant)]).toString();
    return [realm, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body }];
  }
  const url = new URL(realm);
  for (const [key, value] of query) url.searchParams.set(key, value);
  return [url, { method: 'GET', headers: credential === null ? {} : { authorization: basic(credential) } }];
}

function basic({ user, password }: Extract<Credential, { kind: 'password' }>): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

async function send(url: URL, { body, ...told }: Told, signal: AbortSignal): Promise<Answer> {
  const isSecure = url.protocol === 'https:';
  const { request } = isSecure ? await import('node:https') : await import('node:http');
  const authorities = isSecure ? { ca: await trustedAuthorities() } : {};
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sent = request(url, { ...told, ...authorities, signal, agent: false }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (text.length > BODY_MAX) response.destroy(new Error('its answer has no end'));
    });
    response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text })).on('error', reject);
  });
  sent.on('error', reject).end(body);
  return promise;
}
