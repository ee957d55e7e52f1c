import { join } from 'node:path';
import * as v from 'valibot';
import { OperatingError, readOrNull } from '../model/error.ts';
import { type EngineAddress, parseEngineAddress, type TlsMaterial } from '../runtime/engine-transport.ts';
import type { World } from './world.ts';

type Surroundings = Pick<World, 'environment' | 'home' | 'readFile'>;

/** An engine that somebody asked for, and by what. */
export interface Wish {
  readonly address: EngineAddress;
  readonly source: string;
}

const clientConfig = v.object({ currentContext: v.optional(v.string(), 'default') });
const contextMeta = v.object({
  Endpoints: v.object({ docker: v.object({ Host: v.optional(v.string(), ''), SkipTLSVerify: v.optional(v.boolean(), false) }) }),
});

/**
 * The engine that Docker's own client would speak to, where that was chosen: by DOCKER_HOST, else by a context (DOCKER_CONTEXT, or the
 * one in use).
 *
 * @returns null when nothing was chosen
 * @throws OperatingError `settings` for what is no address, or a context or certificate that cannot be read
 */
export function readDockerWish(world: Surroundings): Wish | null {
  const { environment } = world;
  const folder = environment['DOCKER_CONFIG'] || join(world.home, '.docker');
  const host = environment['DOCKER_HOST'] ?? '';
  if (host !== '') return { address: parseEngineAddress(host, tlsOfEnvironment(world, folder)), source: 'DOCKER_HOST' };
  const named = environment['DOCKER_CONTEXT'] || readCurrentContext(world, folder);
  return named === 'default' ? null : readContext(world, folder, named);
}

/** TLS as Docker's client is told of it by DOCKER_TLS_VERIFY and DOCKER_CERT_PATH; null where nobody asks for it. */
export function tlsOfEnvironment(world: Surroundings, folder: string = join(world.home, '.docker')): TlsMaterial | null {
  const { DOCKER_TLS_VERIFY = '', DOCKER_CERT_PATH = '' } = world.environment;
  if (DOCKER_TLS_VERIFY === '') return null;
  return readTls(world, DOCKER_CERT_PATH || folder, { isVerified: true, isNeeded: true });
}

function readCurrentContext({ readFile }: Surroundings, folder: string): string {
  const config = readOrNull(() => v.parse(clientConfig, JSON.parse(readFile(join(folder, 'config.json')))));
  return config?.currentContext || 'default';
}

/** Docker keeps a context under the SHA-256 of its name. */
function readContext(world: Surroundings, folder: string, name: string): Wish {
  const source = `the Docker context "${name}"`;
  // Loaded here, because it takes 1.5 MB, and most hosts have no context.
  const key = process.getBuiltinModule('node:crypto').createHash('sha256').update(name).digest('hex');
  const meta = readOrNull(() => v.parse(contextMeta, JSON.parse(world.readFile(join(folder, 'contexts/meta', key, 'meta.json')))));
  if (meta === null) throw unreadable(source, 'it cannot be read', 'see "docker context ls", or name the engine: --engine-address');
  const { Host, SkipTLSVerify } = meta.Endpoints.docker;
  const tls = readTls(world, join(folder, 'contexts/tls', key, 'docker'), { isVerified: !SkipTLSVerify, isNeeded: false });
  return { address: parseEngineAddress(Host || 'unix:///var/run/docker.sock', tls), source };
}

/** @returns null when there is no material, and none is needed */
function readTls(
  { readFile }: Surroundings,
  folder: string,
  { isVerified, isNeeded }: { readonly isVerified: boolean; readonly isNeeded: boolean },
): TlsMaterial | null {
  const read = (name: string): string | null => readOrNull(() => readFile(join(folder, name)));
  const [ca, cert, key] = [read('ca.pem'), read('cert.pem'), read('key.pem')];
  const hint = 'set DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem';
  if (isNeeded && ca === null) throw unreadable(join(folder, 'ca.pem'), 'the certificate cannot be read', hint);
  if (ca === null && cert === null && isVerified) return null;
  return { rejectUnauthorized: isVerified, ...(ca !== null && { ca }), ...(cert !== null && { cert }), ...(key !== null && { key }) };
}

function unreadable(subject: string, problem: string, hint: string): OperatingError {
  return new OperatingError({ kind: 'settings', operation: 'find the engine', subject, problem, hint });
}
