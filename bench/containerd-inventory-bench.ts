import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openContainerd } from '../src/runtime/containerd/containerd-runtime.ts';
import { connectGrpc, type GrpcClient } from '../src/runtime/containerd/grpc-client.ts';
import {
  containersApi,
  contentApi,
  imageServiceApi,
  imagesApi,
  introspectionApi,
  leasesApi,
  namespacesApi,
  runtimeServiceApi,
  snapshotsApi,
  tasksApi,
  versionApi,
} from '../src/runtime/containerd/messages.ts';
import type { Method } from '../src/runtime/containerd/wire.ts';
import type { ContainerdKind, Lab, LabContainerd } from '../test/lab/lab.ts';
import { writeImageArchive } from '../test/lab/make-images.ts';
import { imageSpecs, USED_IMAGE } from './engine-images.ts';
import type { Figure } from './figure.ts';
import { takeTurns } from './inventory-bench.ts';
import { inFlight } from './raw-calls.ts';

const CONTAINERS = 10;
/** ctr writes progress for each, and no more of that is taken. */
const IMAGES_AT_ONCE = 50;
const NAMESPACE = 'default';
/** As many as the product has on their way. */
const CALLS_IN_FLIGHT = 8;

/** The same as for Docker, on a containerd with CRI: its own calls, with answers that nobody reads. */
export async function benchContainerdInventory(lab: Lab, kind: ContainerdKind, count: number): Promise<readonly Figure[]> {
  const engine = await lab.startContainerd(kind);
  try {
    await fill(engine, count);
    const address = `containerd://${engine.socketPath}`;
    const runtime = await openContainerd({ socketPath: engine.socketPath, namespaces: [], address });
    const client = await connectGrpc(engine.socketPath, versionApi.version);
    try {
      const subject = `containerd ${runtime.identity.version.replace(/[~+].*/, '')}, ${count} images`;
      const open = () => openContainerd({ socketPath: engine.socketPath, namespaces: [], address });
      const calls = await rawCalls(client);
      return await takeTurns({ runtime, open, askForAll: calls.askForAll, askForLists: calls.askForLists }, subject);
    } finally {
      runtime.close();
      client.close();
    }
  } finally {
    await engine.stop();
  }
}

async function fill(engine: LabContainerd, count: number): Promise<void> {
  const archive = join(engine.directory, 'bench.tar');
  const specs = imageSpecs(count);
  for (let begin = 0; begin < count; begin += IMAGES_AT_ONCE) {
    writeImageArchive(archive, specs.slice(begin, begin + IMAGES_AT_ONCE), engine.busybox);
    await engine.ctr(NAMESPACE, 'images', 'import', archive);
  }
  writeFileSync(archive, '');
  for (let index = 0; index < CONTAINERS; index += 1)
    await engine.ctr(NAMESPACE, 'containers', 'create', `docker.io/${USED_IMAGE}`, `bench${index}`);
}

/** Leaves the answer as it came. */
function raw<Asked>({ path, asked }: Method<Asked, unknown>): Method<Asked, Uint8Array> {
  return { path, asked, answered: { decode: (data) => data, fields: new Map() } };
}

/** What any client has to ask for the same, as much of it at once as does not need another answer. */
async function rawCalls(
  client: GrpcClient,
): Promise<{ readonly askForLists: () => Promise<void>; readonly askForAll: () => Promise<void> }> {
  const { plugins } = await client.call(introspectionApi.plugins, {});
  const working = plugins.filter(({ type, initErr }) => type === 'io.containerd.snapshotter.v1' && initErr === null);
  const layers = (await client.collect(snapshotsApi.list, { snapshotter: 'overlayfs' }, NAMESPACE)).flatMap(({ info }) => info);
  const askForLists = async (): Promise<void> => {
    const { namespaces } = await client.call(namespacesApi.list, {});
    const names = namespaces.map(({ name }) => name);
    await Promise.all([
      client.call(raw(imageServiceApi.listImages), {}),
      client.call(raw(runtimeServiceApi.status), { verbose: true }),
      ...names.map((name) => client.call(raw(imagesApi.list), {}, name)),
    ]);
    await Promise.all(names.map((name) => client.collect(raw(contentApi.list), {}, name)));
    await Promise.all(names.map((name) => client.call(raw(leasesApi.list), {}, name)));
    const lists = names.flatMap((name) => [
      client.call(raw(containersApi.list), {}, name),
      client.call(raw(tasksApi.list), {}, name),
      ...working.map(({ id }) => client.collect(raw(snapshotsApi.list), { snapshotter: id }, name)),
    ]);
    await Promise.all([...lists, client.call(raw(runtimeServiceApi.listContainers), {})]);
  };
  const askForAll = async (): Promise<void> => {
    await askForLists();
    await inFlight(layers, CALLS_IN_FLIGHT, ({ name: key }) =>
      client.call(raw(snapshotsApi.usage), { snapshotter: 'overlayfs', key }, NAMESPACE),
    );
  };
  return { askForLists, askForAll };
}
