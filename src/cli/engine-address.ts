import { existsSync } from 'node:fs';
import { OperatingError } from '../model/error.ts';
import { parseDockerAddress } from '../runtime/docker/docker-client.ts';
import type { World } from './world.ts';

/** One place where an engine may listen. */
export interface Candidate {
  readonly socketPath: string;
  /** Why it is looked at: "DOCKER_HOST". */
  readonly source: string;
  readonly isThere: boolean;
}

/** Where a Docker Engine may listen, the most particular first. */
export function listCandidates({ environment, userId }: Pick<World, 'environment' | 'userId'>): readonly Candidate[] {
  const host = environment['DOCKER_HOST'];
  const rootless = `${environment['XDG_RUNTIME_DIR'] ?? `/run/user/${userId}`}/docker.sock`;
  const places: [string, string][] = [['/var/run/docker.sock', 'the usual place']];
  if (userId !== 0) places.push([rootless, 'the usual place of a rootless engine']);
  if (host !== undefined && host !== '') places.unshift([parseDockerAddress(host), 'DOCKER_HOST']);
  return places.map(([socketPath, source]) => ({ socketPath, source, isThere: existsSync(socketPath) }));
}

/**
 * The socket to use: the one named, else with `auto` the first that is there. DOCKER_HOST is a wish, so it is used even when
 * nothing is there.
 *
 * @throws OperatingError `engine-unreachable` that names every place looked at
 */
export function findEngine(address: string, world: Pick<World, 'environment' | 'userId'>): string {
  if (address !== 'auto') return parseDockerAddress(address);
  const candidates = listCandidates(world);
  const chosen = candidates.find(({ isThere, source }) => isThere || source === 'DOCKER_HOST');
  if (chosen !== undefined) return chosen.socketPath;
  const told = { operation: 'find a container engine', subject: 'engine.address = "auto"' };
  const problem = `no socket at ${candidates.map(({ socketPath, source }) => `${socketPath} (${source})`).join(' or ')}`;
  const hint = 'start the engine, or say where it listens: DOCKER_HOST=unix:///path or --engine-address unix:///path';
  throw new OperatingError({ kind: 'engine-unreachable', ...told, problem, hint });
}
