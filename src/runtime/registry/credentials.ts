import { join } from 'node:path';
import * as v from 'valibot';

/** Who asks: a name and a password, or a token that a login left in place of them. */
export type Credential =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'token'; readonly refreshToken: string };

/** Where logins of Docker and Podman lie. */
export interface CredentialSources {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly userId: number;
  /** @throws where there is nothing to be read */
  readonly readFile: (path: string) => string;
  /** Runs `docker-credential-NAME get` with the server on its standard input. @returns what it printed @throws when it fails */
  readonly runHelper: (program: string, server: string) => Promise<string>;
}

/** As Docker's client writes the registry that a bare name means. */
const HUB_KEY = 'https://index.docker.io/v1/';
const HELPER_NAME = /^[\w.-]+$/;
/** What a helper gives as the user of a token. */
const TOKEN_USER = '<token>';

const login = v.object({ auth: v.optional(v.string(), ''), identitytoken: v.optional(v.string(), '') });
const config = v.object({
  auths: v.optional(v.record(v.string(), login), {}),
  credHelpers: v.optional(v.record(v.string(), v.string()), {}),
  credsStore: v.optional(v.string(), ''),
});
const helped = v.object({ Username: v.string(), Secret: v.string() });

/**
 * The login for a repository: the first that Podman's or Docker's files have, the most specific key first. A file or a helper that cannot be
 * used has none.
 *
 * @param repository canonical: `docker.io/library/app`
 * @returns null where there is none: then it is asked as anybody
 * @see containers-auth.json(5)
 */
export async function findCredential(repository: string, sources: CredentialSources): Promise<Credential | null> {
  const keys = keysOf(repository);
  for (const path of filesOf(sources)) {
    const found = await lookIn(path, keys, sources).catch(() => null);
    if (found !== null) return found;
  }
  return null;
}

async function lookIn(path: string, keys: readonly string[], { readFile, runHelper }: CredentialSources): Promise<Credential | null> {
  const { auths, credHelpers, credsStore } = v.parse(config, JSON.parse(readFile(path)));
  const host = keys.at(-1) ?? '';
  const helper = credHelpers[host] ?? credsStore;
  if (HELPER_NAME.test(helper)) {
    const server = host === 'docker.io' ? HUB_KEY : host;
    const { Username, Secret } = v.parse(helped, JSON.parse(await runHelper(`docker-credential-${helper}`, server)));
    return Username === TOKEN_USER ? { kind: 'token', refreshToken: Secret } : { kind: 'password', user: Username, password: Secret };
  }
  const known = new Map(Object.entries(auths).map(([key, entry]) => [plainKey(key), entry]));
  const entry = keys.map((key) => known.get(key)).find((each) => each !== undefined);
  if (entry === undefined) return null;
  if (entry.identitytoken !== '') return { kind: 'token', refreshToken: entry.identitytoken };
  const [, user, password] = /^([^:]+):(.*)$/s.exec(Buffer.from(entry.auth, 'base64').toString()) ?? [];
  return user === undefined || password === undefined ? null : { kind: 'password', user, password };
}

/** `registry/team/app`, `registry/team`, `registry`. */
function keysOf(repository: string): readonly string[] {
  const parts = repository.split('/');
  return parts.map((_, at) => parts.slice(0, parts.length - at).join('/'));
}

/** Docker's keys may be addresses; the API's version behind them tells nothing. */
function plainKey(key: string): string {
  return key
    .replace(/^https?:\/\//, '')
    .replace(/\/(?:v[12]\/?)?$/, '')
    .replace(/^index\.docker\.io$/, 'docker.io');
}

function filesOf({ environment, home, userId }: CredentialSources): readonly string[] {
  const { REGISTRY_AUTH_FILE = '', XDG_RUNTIME_DIR = '', XDG_CONFIG_HOME = '', DOCKER_CONFIG = '' } = environment;
  return [
    ...(REGISTRY_AUTH_FILE === '' ? [] : [REGISTRY_AUTH_FILE]),
    XDG_RUNTIME_DIR === '' ? `/run/containers/${userId}/auth.json` : join(XDG_RUNTIME_DIR, 'containers/auth.json'),
    join(XDG_CONFIG_HOME || join(home, '.config'), 'containers/auth.json'),
    join(DOCKER_CONFIG || join(home, '.docker'), 'config.json'),
  ];
}
