import { OperatingError } from '../model/error.ts';
import { startDocker } from './docker/docker-runtime.ts';
import { connectEngine } from './engine-client.ts';
import { type EngineAddress, formatEngineAddress, type GrpcAddress, type HttpAddress } from './engine-transport.ts';
import type { Runtime } from './runtime.ts';

/**
 * Opens the engine at an address: `containerd://` by its own API, `cri://` by CRI alone, and elsewhere whatever answers, which is asked, because a
 * path says nothing: Podman answers at Docker's place as well. What only some need is loaded by them.
 *
 * @throws OperatingError `engine-unreachable`, `permission`, `engine-refused` or `engine-nonsense`
 */
export async function openEngineAt(address: EngineAddress): Promise<Runtime> {
  if ('namespaces' in address) return openGrpc(address);
  return openHttp(address).catch((error: unknown) => openOther(error, address));
}

async function openHttp(address: HttpAddress): Promise<Runtime> {
  const connection = await connectEngine({ address });
  if (connection.greeting.headers['libpod-api-version'] === undefined) return startDocker(connection);
  return (await import('./podman/podman-runtime.ts')).startPodman(connection);
}

/** What listens at a socket and does not speak HTTP may speak gRPC. */
async function openOther(error: unknown, address: HttpAddress): Promise<Runtime> {
  const isOther = error instanceof OperatingError && (error.kind === 'engine-nonsense' || error.problem.includes('closed before'));
  if (!isOther || address.kind !== 'unix') throw error;
  return openGrpc({ ...address, kind: 'containerd', namespaces: [] }).catch((other: unknown) => {
    throw other instanceof OperatingError && (other.kind === 'engine-nonsense' || other.kind === 'engine-unreachable') ? error : other;
  });
}

async function openGrpc(address: GrpcAddress): Promise<Runtime> {
  const options = { ...address, address: formatEngineAddress(address) };
  if (address.kind === 'cri') return (await import('./containerd/cri-runtime.ts')).openCri(options);
  return (await import('./containerd/containerd-runtime.ts')).openContainerd(options);
}
