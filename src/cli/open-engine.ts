import { OperatingError } from '../model/error.ts';
import { openDocker } from '../runtime/docker/docker-runtime.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** An address taken apart. */
interface EngineAddress {
  readonly scheme: 'unix' | 'containerd' | 'cri';
  readonly socketPath: string;
  readonly namespaces: readonly string[];
}

/**
 * Opens the engine at an address: `containerd://` by its own API, `cri://` by CRI alone, and behind `unix://` whatever answers.
 *
 * @throws OperatingError `settings` when it is no such address; else as the engines' own adapters do
 */
export async function openEngineAt(address: string): Promise<Runtime> {
  const { scheme, ...place } = parseEngineAddress(address);
  if (scheme === 'unix') return openDocker(place).catch((error: unknown) => openOther(error, address, place));
  return openGrpc(scheme, address, place);
}

/** What does not speak HTTP as Docker does may speak gRPC. */
async function openOther(error: unknown, address: string, place: Omit<EngineAddress, 'scheme'>): Promise<Runtime> {
  const isOther = error instanceof OperatingError && (error.kind === 'engine-nonsense' || error.problem.includes('closed before'));
  if (!isOther) throw error;
  return openGrpc('containerd', address, place).catch((other: unknown) => {
    throw other instanceof OperatingError && (other.kind === 'engine-nonsense' || other.kind === 'engine-unreachable') ? error : other;
  });
}

async function openGrpc(scheme: 'containerd' | 'cri', address: string, place: Omit<EngineAddress, 'scheme'>): Promise<Runtime> {
  if (scheme === 'cri') return (await import('../runtime/containerd/cri-runtime.ts')).openCri({ ...place, address });
  return (await import('../runtime/containerd/containerd-runtime.ts')).openContainerd({ ...place, address });
}

/** Reads `unix:///path`, `cri:///path`, `containerd:///path?namespace=a,b`. @throws OperatingError `settings` */
export function parseEngineAddress(address: string): EngineAddress {
  const [, scheme, socketPath, query = ''] = /^(unix|containerd|cri):\/\/(\/[^?]+)(?:\?(.*))?$/.exec(address) ?? [];
  const parameters = new URLSearchParams(query);
  const namespaces = (parameters.get('namespace') ?? '').split(',').filter((each) => each !== '');
  parameters.delete('namespace');
  const isKnown = scheme === 'unix' || scheme === 'containerd' || scheme === 'cri';
  if (isKnown && socketPath !== undefined && parameters.size === 0 && (scheme === 'containerd' || query === ''))
    return { scheme, socketPath, namespaces };
  const parts = { operation: 'use the engine address', subject: address, problem: 'it is no address of a socket' };
  const hint =
    'write unix:///var/run/docker.sock, cri:///var/run/crio/crio.sock or containerd:///run/containerd/containerd.sock?namespace=k8s.io';
  throw new OperatingError({ kind: 'settings', ...parts, hint });
}
