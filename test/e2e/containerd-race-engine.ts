/** The races' engine where it is containerd: containers as `ctr` makes them, or as a kubelet does, in pods of each state. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chainIds } from '../../src/runtime/chain-ids.ts';
import { engineWords, STATUS, statusOf } from '../../src/runtime/containerd/grpc-client.ts';
import { containersApi, snapshotsApi } from '../../src/runtime/containerd/messages.ts';
import { containerCalls, criCalls, imageCalls, leaseCalls, podOf, snapshotCalls } from '../contract/containerd-calls.ts';
import { type ContainerdWorld, openContainerdWorld } from '../contract/containerd-world.ts';
import type { BuiltImage, ContainerdKind, Lab, LabRegistry } from '../lab/lab.ts';
import { writeImageArchive } from '../lab/make-images.ts';
import { specsOf } from './docker-race-engine.ts';
import type { NamesById } from './engine-names.ts';
import { openGrpcGate } from './grpc-gate.ts';
import { makeFolder } from './imagegc-process.ts';
import { CREATED, inLanes, NOT_FOUND, type RaceContainer, type RaceEngine, type RaceImage, REFUSED, type Way } from './race-engine.ts';

/** `native`: in `default`, as ctr and nerdctl do. `kubernetes`: in `k8s.io`, by CRI. */
export type RaceMode = 'native' | 'kubernetes';
export const RACE_MODES: readonly RaceMode[] = ['native', 'kubernetes'];

const COMMAND = ['/bin/sleep', '1000000'];
const SNAPSHOTTER = 'overlayfs';
/** In which a pod or its container may be while nobody may take the image. */
const POD_STATES = ['created', 'running', 'exited', 'pod stopped'] as const;

/** Starts a containerd and a registry, and fills it: in `k8s.io` each image has its digest and its ID as names too, as a kubelet's pulls do. */
export async function openContainerdRaceEngine(lab: Lab, kind: ContainerdKind, mode: RaceMode, count: number): Promise<RaceEngine> {
  const folder = makeFolder();
  const registry = await lab.startRegistry();
  const world = await openContainerdWorld(lab, kind, mode);
  const gate = await openGrpcGate(join(folder.path, 'gate.sock'), world.engine.socketPath);
  const filled = new FilledContainerd(world, registry, mode);
  await filled.fill(count);
  const creator = mode === 'native' ? new NativeCreator(filled) : await PodCreator.open(filled);
  return {
    title: `${kind} (${world.runtime.identity.version}, ${mode})`,
    address: `containerd://${gate.socketPath}`,
    gate,
    images: filled.images,
    held: creator.held,
    ways: mode === 'native' ? ['tag'] : ['tag', 'ID'],
    // A creation that had looked the name up before is one by ID there.
    create: (image, way) => answered(creator.create(image, way), image, way),
    listContainers: () => filled.listContainers(),
    removeContainers: () => inLanes([...filled.created], ([id]) => creator.remove(id).then(() => filled.created.delete(id))),
    readNames: () => filled.readNames(),
    refill: (wanted) => filled.refill(wanted),
    findImage: (name) => filled.findImage(name),
    move: (name, to) => filled.move(name, to),
    async [Symbol.asyncDispose]() {
      await gate[Symbol.asyncDispose]();
      await creator.close();
      await world.close();
      await registry.stop();
      folder[Symbol.dispose]();
    },
  };
}

/** The engine's answer in Docker's numbers. */
async function answered(creating: Promise<void>, image: RaceImage, way: Way) {
  const told = { way, image, text: '' };
  try {
    await creating;
    return { ...told, status: CREATED };
  } catch (error) {
    return { ...told, status: statusOf(error) === STATUS.notFound ? NOT_FOUND : REFUSED, text: engineWords(error) };
  }
}

/** A containerd with the images of the races, and what is known of each. */
class FilledContainerd {
  readonly world: ContainerdWorld;
  readonly namespace: string;
  readonly created = new Map<string, RaceImage>();
  images: readonly RaceImage[] = [];
  readonly #registry: LabRegistry;
  readonly #mode: RaceMode;
  /** By what names point to. */
  readonly #built = new Map<string, BuiltImage>();
  #archives = 0;

  constructor(world: ContainerdWorld, registry: LabRegistry, mode: RaceMode) {
    this.world = world;
    this.namespace = mode === 'native' ? 'default' : 'k8s.io';
    this.#registry = registry;
    this.#mode = mode;
  }

  async fill(count: number): Promise<void> {
    const total = this.#mode === 'native' ? count : count + POD_STATES.length;
    const specs = Array.from({ length: total }, (_, index) => specsOf(index, index >= count)).flat();
    const isPulled = this.#mode === 'kubernetes';
    const built = isPulled ? this.#registry.seed(specs) : writeImageArchive('/dev/null', specs, this.world.engine.busybox);
    const host = isPulled ? this.#registry.address : 'docker.io';
    this.images = [...Map.groupBy(built, ({ digest }) => digest)].map(([digest, copies]): RaceImage => {
      const [copy = assert.fail()] = copies;
      this.#built.set(digest, copy);
      const tags = copies.flatMap(({ repository, tags }) => tags.map((tag) => `${host}/${repository}:${tag}`));
      const id = copy.manifests[0]?.configDigest ?? '';
      return { id, tags: [tags[0] ?? '', ...tags.slice(1)], digest: `${host}/${copy.repository}@${digest}` };
    });
    await this.refill(this.images);
  }

  async refill(wanted: readonly RaceImage[]): Promise<void> {
    if (wanted.length === 0) return;
    if (this.#mode === 'kubernetes') {
      const tags = wanted.flatMap((image) => image.tags);
      await inLanes(tags, (tag) => this.world.client.call(criCalls.pull, { image: { image: tag } }));
      return;
    }
    const ids = new Set(wanted.map(({ id }) => id));
    const indexes = this.images.flatMap(({ id }, index) => (ids.has(id) ? [index] : []));
    this.#archives += 1;
    const archive = join(this.world.engine.directory, `race-${this.#archives}.tar`);
    writeImageArchive(
      archive,
      indexes.flatMap((index) => specsOf(index)),
      this.world.engine.busybox,
    );
    await this.world.actor.ctr('images', 'import', archive);
    writeFileSync(archive, '');
  }

  async readNames(): Promise<NamesById> {
    const { images } = await this.world.client.call(imageCalls.list, {}, this.namespace);
    const byId = Map.groupBy(images, ({ target }) => this.#idOf(target?.digest ?? ''));
    return Object.fromEntries([...byId].map(([id, records]) => [id, records.map(({ name }) => name).sort()]));
  }

  async findImage(name: string): Promise<string | null> {
    const { images } = await this.world.client.call(imageCalls.list, {}, this.namespace);
    const found = images.find((image) => image.name === name || this.#idOf(image.target?.digest ?? '') === name);
    return found === undefined ? null : this.#idOf(found.target?.digest ?? '');
  }

  async move(name: string, to: RaceImage): Promise<void> {
    const { image } = await this.world.client.call(imageCalls.get, { name: to.tags[0] }, this.namespace);
    const moved = { image: { name, labels: image?.labels ?? {}, target: image?.target ?? null } };
    try {
      await this.world.client.call(imageCalls.update, moved, this.namespace);
    } catch (error) {
      if (statusOf(error) !== STATUS.notFound) throw error;
      await this.world.client.call(imageCalls.create, moved, this.namespace);
    }
  }

  /** The top layer of what a name points to. */
  chainOf(target: string): string {
    return chainIds((this.#built.get(target)?.layers ?? []).map(({ diffId }) => diffId)).at(-1) ?? '';
  }

  /** Whoever is listed has all the layers it was made of, whatever became of its image. */
  async listContainers(): Promise<readonly RaceContainer[]> {
    const { containers } = await this.world.client.call(containersApi.list, {}, this.namespace);
    const pieces = await this.world.client.collect(snapshotsApi.list, { snapshotter: SNAPSHOTTER }, this.namespace);
    const parents = new Map(pieces.flatMap(({ info }) => info).map(({ name, parent }) => [name, parent]));
    return containers.flatMap(({ id, snapshotKey }) => {
      const image = this.created.get(id);
      if (image === undefined) return [];
      for (let key: string | undefined = snapshotKey; key !== ''; key = parents.get(key ?? ''))
        assert.ok(key !== undefined && parents.has(key), `container ${id} of ${image.tags[0]} lost the layer ${key}`);
      return [{ id: `${this.namespace}/${id}`, imageId: image.id }];
    });
  }

  #idOf(target: string): string {
    return this.#built.get(target)?.manifests[0]?.configDigest ?? target;
  }
}

/** Creates as containerd's own client does: the name is looked up, a snapshot is made under a lease, then the container. */
class NativeCreator {
  readonly held: readonly RaceImage[] = [];
  readonly #filled: FilledContainerd;
  #count = 0;

  constructor(filled: FilledContainerd) {
    this.#filled = filled;
  }

  async create(image: RaceImage, way: Way): Promise<void> {
    const { namespace, world, created } = this.#filled;
    const call: typeof world.client.call = (method, asked) => world.client.call(method, asked, namespace);
    this.#count += 1;
    const id = `race${this.#count}`;
    const [name] = image.tags;
    const known = image.digest.replace(/^.*@/, '');
    const target = way === 'ID' ? known : ((await call(imageCalls.get, { name })).image?.target?.digest ?? '');
    await call(leaseCalls.create, { id });
    try {
      await call(leaseCalls.addResource, { id, resource: { id, type: `snapshots/${SNAPSHOTTER}` } });
      await call(snapshotCalls.prepare, { snapshotter: SNAPSHOTTER, key: id, parent: this.#filled.chainOf(target) });
      const told = { id, image: name, snapshotter: SNAPSHOTTER, snapshotKey: id, runtime: { name: 'io.containerd.runc.v2' } };
      const spec = { typeUrl: 'types.containerd.io/opencontainers/runtime-spec/1/Spec', value: Buffer.from('{}') };
      await call(containerCalls.create, { container: { ...told, spec } });
      created.set(id, image);
    } finally {
      await call(leaseCalls.delete, { id });
    }
  }

  async remove(id: string): Promise<void> {
    const { namespace, world } = this.#filled;
    // First, because the engine collects it at some time after the container is gone.
    await world.client.call(snapshotCalls.remove, { snapshotter: SNAPSHOTTER, key: id }, namespace);
    await world.client.call(containerCalls.delete, { id }, namespace);
  }

  async close(): Promise<void> {}
}

/** Creates as a kubelet does; by ID is its own way, because that is what a pull tells it. */
class PodCreator {
  readonly held: readonly RaceImage[];
  readonly #filled: FilledContainerd;
  readonly #pods: readonly string[];
  readonly #name: string;
  #count = 0;

  private constructor(filled: FilledContainerd, held: readonly RaceImage[], pods: readonly string[], name = 'races') {
    this.#filled = filled;
    this.held = held;
    this.#pods = pods;
    this.#name = name;
  }

  /** The last images go to containers, and pods, in each state. */
  static async open(filled: FilledContainerd): Promise<PodCreator> {
    const held = filled.images.slice(-POD_STATES.length);
    filled.images = filled.images.slice(0, -POD_STATES.length);
    const pods = [await filled.world.actor.runPod('races')];
    for (const [index, state] of POD_STATES.entries()) {
      const pod = await filled.world.actor.runPod(`held${index}`);
      pods.push(pod);
      const creator = new PodCreator(filled, held, [pod], `held${index}`);
      const containerId = await creator.#createIn(held[index]?.tags[0] ?? '');
      if (state !== 'created') await filled.world.client.call(criCalls.start, { containerId });
      if (state === 'exited') await filled.world.client.call(criCalls.stop, { containerId, timeout: 0 });
      if (state === 'pod stopped') await filled.world.client.call(criCalls.stopPod, { podSandboxId: pod });
    }
    return new PodCreator(filled, held, pods);
  }

  async create(image: RaceImage, way: Way): Promise<void> {
    const id = await this.#createIn(way === 'tag' ? image.tags[0] : image.id);
    this.#filled.created.set(id, image);
  }

  async #createIn(image: string): Promise<string> {
    this.#count += 1;
    const [podSandboxId = ''] = this.#pods;
    const config = { metadata: { name: `race${this.#count}` }, image: { image }, command: COMMAND, mounts: [] };
    const asked = { podSandboxId, config, sandboxConfig: podOf(this.#name) };
    return (await this.#filled.world.client.call(criCalls.create, asked)).containerId;
  }

  async remove(containerId: string): Promise<void> {
    await this.#filled.world.client.call(criCalls.remove, { containerId });
  }

  async close(): Promise<void> {
    await inLanes(this.#pods, (pod) => this.#filled.world.actor.removePod(pod));
  }
}
