import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { OperatingError, readOrNull } from '../model/error.ts';
import { type EngineAddress, formatEngineAddress, parseEngineAddress } from '../runtime/engine-transport.ts';
import { readDockerWish, tlsOfEnvironment } from './docker-host.ts';
import { splitAddresses } from './settings/setting-kind.ts';
import type { World } from './world.ts';

/** One place where an engine may listen. */
export interface Candidate {
  readonly address: EngineAddress;
  /** Why it is looked at: "DOCKER_HOST". */
  readonly source: string;
  /** `closed`: it is there, and this user may not open it. `wished`: it is used whatever is there. */
  readonly state: 'wished' | 'absent' | 'closed' | 'open';
}

type Surroundings = Pick<World, 'environment' | 'userId' | 'home' | 'readFile'>;

const SYSTEM_PLACES = [
  ['unix:///var/run/docker.sock', 'Docker'],
  ['unix:///run/podman/podman.sock', 'Podman'],
] as const;
/** Looked at last, because Docker has a containerd below it. */
const LATER_PLACES = [
  ['containerd:///run/containerd/containerd.sock', 'containerd'],
  ['containerd:///run/k3s/containerd/containerd.sock', 'k3s and RKE2'],
  ['containerd:///run/k0s/containerd.sock', 'k0s'],
  ['containerd:///var/snap/microk8s/common/run/containerd.sock', 'MicroK8s'],
  ['cri:///var/run/crio/crio.sock', 'CRI-O'],
] as const;
/** A user's own engines, below `$XDG_RUNTIME_DIR` and below the home folder. */
const OWN_PLACES = [
  ['runtime', 'docker.sock', 'rootless Docker'],
  ['runtime', 'podman/podman.sock', 'rootless Podman'],
  ['home', '.docker/run/docker.sock', 'Docker Desktop'],
  ['home', '.docker/desktop/docker.sock', 'Docker Desktop'],
] as const;

/** Where an engine may listen, in the order in which `auto` looks. Which engine it is, the socket itself is asked. */
export function listCandidates(world: Surroundings): readonly Candidate[] {
  const { environment, userId, home } = world;
  const docker = readDockerWish(world);
  const podman = environment['CONTAINER_HOST'] ?? '';
  const wishes = [
    ...(docker === null ? [] : [docker]),
    ...(podman === '' ? [] : [{ address: parseEngineAddress(podman), source: 'CONTAINER_HOST' }]),
  ];
  const folders = { runtime: environment['XDG_RUNTIME_DIR'] ?? `/run/user/${userId}`, home };
  const own = OWN_PLACES.map(([folder, path, source]) => [`unix://${join(folders[folder], path)}`, source] as const);
  const places = [...SYSTEM_PLACES, ...(userId === 0 ? [] : own), ...LATER_PLACES];
  return [...wishes.map((wish) => ({ ...wish, state: 'wished' as const })), ...places.map(([address, source]) => lookAt(address, source))];
}

/**
 * The engines to use, each once whatever paths lead to its socket: those named, separated by commas; else with `auto` what was wished for, else
 * all that can be opened, else the first that is there. The system's containerd is taken so only where no Docker is: below a Docker it is Docker's.
 *
 * @throws OperatingError `settings`; `engine-unreachable` that names every place looked at
 */
export function findEngines(setting: string, world: Surroundings): readonly [EngineAddress, ...EngineAddress[]] {
  const found = splitAddresses(setting).flatMap((part) =>
    part === 'auto' ? chooseEngines(listCandidates(world)) : [parseEngineAddress(part, tlsOfEnvironment(world))],
  );
  const resolved = found.map(resolveAddress);
  const [first, ...others] = found.filter((_, index) => resolved.indexOf(resolved[index] ?? '') === index);
  if (first !== undefined) return [first, ...others];
  const told = { operation: 'find a container engine', subject: 'engine.address = "auto"' };
  const places = listCandidates(world).map(({ address, source }) => `${formatEngineAddress(address).replace('unix://', '')} (${source})`);
  const problem = `no socket at ${places.join(' or ')}`;
  const hint = 'start the engine, or say where it listens: DOCKER_HOST=unix:///path or --engine-address unix:///path';
  throw new OperatingError({ kind: 'engine-unreachable', ...told, problem, hint });
}

/** What `auto` takes, as {@link findEngines} says. */
export function chooseEngines(candidates: readonly Candidate[]): readonly EngineAddress[] {
  const inState = (wanted: Candidate['state']) => candidates.filter(({ state }) => state === wanted);
  const [wished, open] = [inState('wished'), inState('open')];
  const hasDocker = open.some(({ source }) => source.includes('Docker'));
  const own = open.filter(({ source }) => source !== 'containerd' || !hasDocker);
  const chosen = wished.length > 0 ? wished : open.length > 0 ? own : inState('closed').slice(0, 1);
  return chosen.map(({ address }) => address);
}

/** The address without symbolic links, so that `/var/run/docker.sock` and `/run/docker.sock` are one. */
function resolveAddress(address: EngineAddress): string {
  if (!('socketPath' in address)) return formatEngineAddress(address);
  const { socketPath } = address;
  return formatEngineAddress({ ...address, socketPath: readOrNull(() => realpathSync(socketPath)) ?? socketPath });
}

function lookAt(text: string, source: string): Candidate {
  const address = parseEngineAddress(text);
  return { address, source, state: 'socketPath' in address ? stateOf(address.socketPath) : 'wished' };
}

function stateOf(path: string): Candidate['state'] {
  if (!existsSync(path)) return 'absent';
  return readOrNull(() => accessSync(path, constants.R_OK | constants.W_OK)) === null ? 'closed' : 'open';
}
