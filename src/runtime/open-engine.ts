import { startDocker } from './docker/docker-runtime.ts';
import { connectEngine, type EngineClientOptions } from './engine-client.ts';
import type { Runtime } from './runtime.ts';

/**
 * Opens whatever listens on a socket: it is asked, and its path says nothing, because Podman answers at Docker's place as well.
 *
 * @throws OperatingError `engine-unreachable`, `permission`, `engine-refused` or `engine-nonsense`
 */
export async function openEngineAt(options: EngineClientOptions): Promise<Runtime> {
  const connection = await connectEngine(options);
  if (connection.greeting.headers['libpod-api-version'] === undefined) return startDocker(connection);
  // Loaded by who has it alone.
  return (await import('./podman/podman-runtime.ts')).startPodman(connection);
}
