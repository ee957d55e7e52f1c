import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { OperatingError, readOrNull } from '../model/error.ts';
import { parseSocketAddress } from '../runtime/engine-client.ts';
import type { World } from './world.ts';

/** One place where an engine may listen. */
export interface Candidate {
  readonly socketPath: string;
  /** Why it is looked at: "DOCKER_HOST". */
  readonly source: string;
  /** `closed`: it is there, and this user may not open it. */
  readonly state: 'absent' | 'closed' | 'open';
}

type Surroundings = Pick<World, 'environment' | 'userId' | 'home'>;

/** Each is a wish: it is used whatever is there. */
const VARIABLES = ['DOCKER_HOST', 'CONTAINER_HOST'] as const;
const SYSTEM_PLACES = [
  ['/var/run/docker.sock', 'Docker'],
  ['/run/podman/podman.sock', 'Podman'],
] as const;
/** A user's own engines, below `$XDG_RUNTIME_DIR` and below the home folder. */
const RUNTIME_PLACES = [
  ['docker.sock', 'rootless Docker'],
  ['podman/podman.sock', 'rootless Podman'],
] as const;
const HOME_PLACES = [
  ['.docker/run/docker.sock', 'Docker Desktop'],
  ['.docker/desktop/docker.sock', 'Docker Desktop'],
] as const;

/** Where an engine may listen, in the order in which `auto` looks. Which engine it is, the socket itself is asked. */
export function listCandidates({ environment, userId, home }: Surroundings): readonly Candidate[] {
  const wishes = VARIABLES.flatMap((name) => {
    const address = environment[name] ?? '';
    return address === '' ? [] : [[parseSocketAddress(address), name] as const];
  });
  const runtime = environment['XDG_RUNTIME_DIR'] ?? `/run/user/${userId}`;
  const below = (folder: string, places: typeof RUNTIME_PLACES | typeof HOME_PLACES) =>
    places.map(([path, source]) => [join(folder, path), source] as const);
  const own = userId === 0 ? [] : [...below(runtime, RUNTIME_PLACES), ...below(home, HOME_PLACES)];
  return [...wishes, ...SYSTEM_PLACES, ...own].map(([socketPath, source]) => ({ socketPath, source, state: stateOf(socketPath) }));
}

/**
 * The socket to use: the one named, else with `auto` the first that can be opened, else the first that is there.
 *
 * @throws OperatingError `engine-unreachable` that names every place looked at
 */
export function findEngine(address: string, world: Surroundings): string {
  if (address !== 'auto') return parseSocketAddress(address);
  const candidates = listCandidates(world);
  const isWish = ({ source }: Candidate) => VARIABLES.some((name) => name === source);
  const chosen = candidates.find((each) => each.state === 'open' || isWish(each)) ?? candidates.find(({ state }) => state === 'closed');
  if (chosen !== undefined) return chosen.socketPath;
  const told = { operation: 'find a container engine', subject: 'engine.address = "auto"' };
  const problem = `no socket at ${candidates.map(({ socketPath, source }) => `${socketPath} (${source})`).join(' or ')}`;
  const hint = 'start the engine, or say where it listens: DOCKER_HOST=unix:///path or --engine-address unix:///path';
  throw new OperatingError({ kind: 'engine-unreachable', ...told, problem, hint });
}

function stateOf(path: string): Candidate['state'] {
  if (!existsSync(path)) return 'absent';
  return readOrNull(() => accessSync(path, constants.R_OK | constants.W_OK)) === null ? 'closed' : 'open';
}
