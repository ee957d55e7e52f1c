import { existsSync } from 'node:fs';
import { OperatingError } from '../model/error.ts';
import { parseDockerAddress } from '../runtime/docker/docker-client.ts';
import { parseEngineAddress } from './open-engine.ts';
import type { World } from './world.ts';

/** Looked at after Docker, because a Docker has a containerd below it. */
const LATER_PLACES: readonly (readonly [address: string, source: string])[] = [
  ['containerd:///run/containerd/containerd.sock', 'containerd'],
  ['containerd:///run/k3s/containerd/containerd.sock', 'k3s and RKE2'],
  ['containerd:///run/k0s/containerd.sock', 'k0s'],
  ['containerd:///var/snap/microk8s/common/run/containerd.sock', 'MicroK8s'],
  ['cri:///var/run/crio/crio.sock', 'CRI-O'],
];

/** One place where an engine may listen. */
export interface Candidate {
  readonly address: string;
  readonly socketPath: string;
  /** Why it is looked at: "DOCKER_HOST". */
  readonly source: string;
  readonly isThere: boolean;
}

/** Where an engine may listen, the most particular first. */
export function listCandidates({ environment, userId }: Pick<World, 'environment' | 'userId'>): readonly Candidate[] {
  const host = environment['DOCKER_HOST'];
  const rootless = `${environment['XDG_RUNTIME_DIR'] ?? `/run/user/${userId}`}/docker.sock`;
  const places: [string, string][] = [['/var/run/docker.sock', 'the usual place']];
  if (userId !== 0) places.push([rootless, 'the usual place of a rootless engine']);
  if (host !== undefined && host !== '') places.unshift([parseDockerAddress(host), 'DOCKER_HOST']);
  const addresses = [...places.map(([socketPath, source]) => [`unix://${socketPath}`, source] as const), ...LATER_PLACES];
  return addresses.map(([address, source]) => {
    const { socketPath } = parseEngineAddress(address);
    return { address, socketPath, source, isThere: existsSync(socketPath) };
  });
}

/**
 * The address to use: the one named, else with `auto` the first that is there. DOCKER_HOST is a wish, so it is used even when
 * nothing is there.
 *
 * @throws OperatingError `engine-unreachable` that names every place looked at
 */
export function findEngine(address: string, world: Pick<World, 'environment' | 'userId'>): string {
  if (address !== 'auto') return address;
  const candidates = listCandidates(world);
  const chosen = candidates.find(({ isThere, source }) => isThere || source === 'DOCKER_HOST');
  if (chosen !== undefined) return chosen.address;
  const told = { operation: 'find a container engine', subject: 'engine.address = "auto"' };
  const problem = `no socket at ${candidates.map(({ socketPath, source }) => `${socketPath} (${source})`).join(' or ')}`;
  const hint = 'start the engine, or say where it listens: DOCKER_HOST=unix:///path or --engine-address unix:///path';
  throw new OperatingError({ kind: 'engine-unreachable', ...told, problem, hint });
}
