import { lstatSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ContainerId, containerId, type ImageId, imageId } from '../../src/model/brands.ts';
import { canonicalReference } from '../../src/model/reference.ts';
import { openContainerd } from '../../src/runtime/containerd/containerd-runtime.ts';
import type { CriImage } from '../../src/runtime/containerd/cri-client.ts';
import { openCri } from '../../src/runtime/containerd/cri-runtime.ts';
import { connectGrpc, type GrpcClient, statusOf } from '../../src/runtime/containerd/grpc-client.ts';
import { imageServiceApi, versionApi } from '../../src/runtime/containerd/messages.ts';
import { until } from '../e2e/daemon-process.ts';
import type { ContainerdKind, Lab, LabContainerd, LabRegistry } from '../lab/lab.ts';
import { writeImageArchive } from '../lab/make-images.ts';
import { containerCalls, criCalls, imageCalls, podOf, snapshotCalls } from './containerd-calls.ts';
import type { ContractContainer, ContractFeatures, ContractImage, ContractWorld, PulledImage } from './contract-world.ts';
import { type CallLog, loggingConnect } from './grpc-log.ts';

/**
 * `native`: the namespace `default`, through containerd's own API. `kubernetes`: the namespace `k8s.io`, through both APIs. `cri`: the same through
 * CRI alone, as on CRI-O.
 */
export type ContainerdMode = 'native' | 'kubernetes' | 'cri';
export const CONTAINERD_MODES: readonly ContainerdMode[] = ['native', 'kubernetes', 'cri'];
export const PAUSE = 'docker.io/lab/pause:v1';
const LIST_CALLS: Readonly<Record<string, string>> = {
  '/containerd.services.images.v1.Images/List': 'listImages',
  '/runtime.v1.ImageService/ListImages': 'listImages',
  '/containerd.services.containers.v1.Containers/List': 'listContainers',
  '/runtime.v1.RuntimeService/ListContainers': 'listContainers',
};
const ALREADY_EXISTS = 6;
/** Asked along with the others, and as cheap. */
const SIDE_CALLS = /\.(Namespaces|Content|Leases|Tasks|Snapshots)\/List|\/ListResources|RuntimeService\/Status$/;

/** In what one way to speak to one containerd differs. */
export function containerdFeatures(kind: ContainerdKind, mode: ContainerdMode): ContractFeatures {
  const isNative = mode === 'native';
  const isCriOnly = mode === 'cri';
  return {
    imageMounts: isNative || kind === 'containerd-old' ? 'none' : isCriOnly ? 'only-by-id' : 'apart',
    deletedLayers: false,
    buildCache: 'none',
    containersOutliveImages: true,
    digestsGoAlone: false,
    digestsProvePull: !isCriOnly,
    loadsToldById: true,
    oneRemoverIsTold: true,
    parentsStay: false,
    removesContainers: false,
    holds: false,
    parents: false,
    states: isNative ? ['created', 'running', 'paused', 'exited'] : ['created', 'running', 'exited'],
    contents: !isCriOnly,
    namesGoneImages: !isNative,
    events: !isCriOnly ? 'live' : kind === 'containerd-new' ? 'live' : 'none',
    imageEvents: !isCriOnly,
    listings: ['listContainers', 'listImages'],
  };
}

/** The contract's world on containerd, with the engine itself and calls that others make. */
export interface ContainerdWorld extends ContractWorld {
  readonly engine: LabContainerd;
  readonly client: GrpcClient;
  readonly actor: ContainerdActor;
  /** Somebody in another namespace. */
  actorIn(namespace: string): ContainerdActor;
  /** What the runtime asks, to act before or after one call of it. */
  readonly log: CallLog;
  /** On the filesystem of the engine. */
  usedBytes(): Promise<number>;
  contentBytes(): Promise<number>;
}

/** Starts a containerd with the sandbox image, and opens it. */
export async function openContainerdWorld(lab: Lab, kind: ContainerdKind, mode: ContainerdMode): Promise<ContainerdWorld> {
  const registry = await lab.startRegistry();
  const engine = await lab.startContainerd(kind);
  const client = await connectGrpc(engine.socketPath, versionApi.version);
  const namespace = mode === 'native' ? 'default' : 'k8s.io';
  const actor = new ContainerdActor(engine, client, registry, namespace);
  await new ContainerdActor(engine, client, registry, 'k8s.io').addImage({
    repository: 'docker.io/lab/pause',
    tags: ['v1'],
    layers: [['pause', 8]],
  });
  const log = loggingConnect(namespace);
  const scheme = mode === 'cri' ? 'cri' : 'containerd';
  const options = { socketPath: engine.socketPath, namespaces: [], address: `${scheme}://${engine.socketPath}`, connect: log.connect };
  const runtime = await (mode === 'cri' ? openCri(options) : openContainerd(options));
  return {
    runtime,
    engine,
    client,
    actor,
    log,
    actorIn: (other) => new ContainerdActor(engine, client, registry, other),
    usedBytes: async () => sizeOf(engine.dataRoot),
    contentBytes: async () => sizeOf(join(engine.dataRoot, 'io.containerd.content.v1.content')),
    features: containerdFeatures(kind, mode),
    addImage: (spec) => actor.addImage(spec),
    pullImage: (repository, by) => actor.pullImage(repository, by),
    commit: () => Promise.reject(new Error('containerd knows no parents')),
    fillBuildCache: () => Promise.reject(new Error('containerd has no build cache')),
    tag: (id, reference) => actor.tag(id, reference),
    createContainer: (spec) => actor.createContainer(spec).then((id) => containerId(mode === 'cri' ? id.slice('k8s.io/'.length) : id)),
    startContainer: () => Promise.reject(new Error('a container here is started again by whoever runs it')),
    removeContainer: (id) => actor.removeContainer(containerId(mode === 'cri' ? `k8s.io/${id}` : id)),
    forceRemove: (id) => actor.forceRemove(id),
    // Where both are asked, CRI's list adds nothing but what is pinned.
    afterNextImageList: (action) => log.afterNext((path) => path.endsWith(mode === 'cri' ? '/ListImages' : 'Images/List'), action),
    takeCalls: () => nameCalls(log),
    async close() {
      runtime.close();
      await actor.removePods();
      client.close();
      await engine.stop();
      await registry.stop();
    },
  };
}

/** Bytes of all files below a folder, in whole blocks; the engine may be removing some of them. */
function sizeOf(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const blocks = files.map(({ parentPath, name }) => lstatSync(join(parentPath, name), { throwIfNoEntry: false })?.blocks ?? 0);
  return blocks.reduce((sum, each) => sum + each * 512, 0);
}

function nameCalls(log: CallLog): readonly string[] {
  const calls = log.takeCalls().filter((path) => !SIDE_CALLS.test(path));
  return [...new Set(calls.map((path) => LIST_CALLS[path] ?? path))];
}

/** Acts on a containerd as its other users do: `ctr` in most namespaces, a kubelet in `k8s.io`. */
export class ContainerdActor {
  readonly #engine: LabContainerd;
  readonly #client: GrpcClient;
  readonly #registry: LabRegistry;
  readonly #namespace: string;
  readonly #pods = new Map<ContainerId, string>();
  /** By image, what its names point to. */
  readonly #targets = new Map<ImageId, ReadonlySet<string>>();
  #count = 0;

  constructor(engine: LabContainerd, client: GrpcClient, registry: LabRegistry, namespace: string) {
    this.#engine = engine;
    this.#client = client;
    this.#registry = registry;
    this.#namespace = namespace;
  }

  get #isKubernetes(): boolean {
    return this.#namespace === 'k8s.io';
  }

  ctr(...args: readonly string[]): Promise<string> {
    return this.#engine.ctr(this.#namespace, ...args);
  }

  async addImage({ repository, tags, layers, labels }: ContractImage, files = 1): Promise<ImageId> {
    const short = repository.replace(/^docker\.io\//, '');
    const sized = layers.map(([key, kb]) => ({ key, kb, ...(kb > 100 && { files }) }));
    const archive = join(this.#engine.directory, `images-${this.#count++}.tar`);
    const spec = { repository: short, tags: tags.length === 0 ? ['unnamed'] : tags, layers: sized, ...(labels && { labels }) };
    const [built] = writeImageArchive(archive, [spec], this.#engine.busybox);
    const id = imageId(built?.manifests[0]?.configDigest ?? '');
    await this.ctr('images', 'import', archive);
    writeFileSync(archive, '');
    if (tags.length > 0) await this.#seen(`${repository}:${tags.at(-1)}`, id);
    else await this.#takeNameOff(`${repository}:unnamed`, id);
    return id;
  }

  async pullImage(path: string, by: 'tag' | 'digest'): Promise<PulledImage> {
    const layers = [
      { key: 'base', kb: 8 },
      { key: path, kb: 4 },
    ];
    const [built] = this.#registry.seed([{ repository: path, tags: ['v1'], layers }]);
    if (built === undefined) throw new Error(`the registry did not take ${path}`);
    const repository = `${this.#registry.address}/${path}`;
    const digest = `${repository}@${built.digest}`;
    const name = by === 'tag' ? `${repository}:v1` : digest;
    if (this.#isKubernetes) await this.#client.call(criCalls.pull, { image: { image: name } });
    else await this.ctr('images', 'pull', '--plain-http', name);
    const id = imageId(built.manifests[0]?.configDigest ?? '');
    this.#targets.set(id, new Set([built.digest]));
    return { id, repository, references: by === 'tag' ? [`${repository}:v1`] : [], digests: [digest] };
  }

  async tag(id: ImageId, reference: string): Promise<void> {
    const [source] = await this.namesOf(id);
    await this.ctr('images', 'tag', '--force', source ?? '', canonicalReference(reference));
    await this.#seen(canonicalReference(reference), id);
  }

  async createContainer({ image, name, state, mounts = [] }: ContractContainer): Promise<ContainerId> {
    if (this.#isKubernetes) return this.#createInPod({ image, name, state, mounts });
    if (mounts.length > 0) throw new Error('ctr mounts no images');
    const reference = canonicalReference(image);
    if (state === 'created') await this.ctr('containers', 'create', reference, name);
    else await this.ctr('run', '--detach', reference, name);
    if (state === 'paused') await this.ctr('tasks', 'pause', name);
    if (state === 'exited') await this.#kill(name);
    return containerId(`${this.#namespace}/${name}`);
  }

  /** As containerd's own client does when it had looked the image up before its names went. @param chain the image's top layer */
  async createFrom(chain: string, name: string): Promise<ContainerId> {
    const told = { id: name, image: 'docker.io/lab/looked-up-before:1', snapshotter: 'overlayfs', snapshotKey: name };
    const spec = { typeUrl: 'types.containerd.io/opencontainers/runtime-spec/1/Spec', value: Buffer.from('{}') };
    await this.#client.call(snapshotCalls.prepare, { snapshotter: 'overlayfs', key: name, parent: chain }, this.#namespace);
    const container = { ...told, runtime: { name: 'io.containerd.runc.v2' }, spec };
    await this.#client.call(containerCalls.create, { container }, this.#namespace);
    return containerId(`${this.#namespace}/${name}`);
  }

  async removeContainer(id: ContainerId): Promise<void> {
    const own = id.slice(this.#namespace.length + 1);
    const pod = this.#pods.get(id);
    if (pod !== undefined) {
      await this.#client.call(criCalls.remove, { containerId: own });
      await this.removePod(pod);
      this.#pods.delete(id);
      return;
    }
    await this.ctr('tasks', 'resume', own).catch(() => undefined);
    await this.#kill(own).catch(() => undefined);
    await this.ctr('tasks', 'delete', own).catch(() => undefined);
    await this.ctr('containers', 'delete', own);
  }

  async removePods(): Promise<void> {
    for (const pod of this.#pods.values()) await this.removePod(pod);
  }

  async stopPods(): Promise<void> {
    for (const podSandboxId of this.#pods.values()) await this.#client.call(criCalls.stopPod, { podSandboxId });
  }

  async forceRemove(id: ImageId): Promise<void> {
    await this.ctr('images', 'rm', '--sync', ...(await this.namesOf(id)));
    if (this.#isKubernetes) await this.#untilCri(id, (image) => image === null);
  }

  /** Starts an empty pod. */
  async runPod(name: string): Promise<string> {
    return (await this.#client.call(criCalls.runPod, { config: podOf(name) })).podSandboxId;
  }

  /** A container in a pod of its own. */
  async #createInPod({ image, name, state, mounts = [] }: ContractContainer): Promise<ContainerId> {
    const podSandboxId = await this.runPod(`pod-${name}`);
    const volumes = mounts.map((each, index) => ({
      containerPath: `/mounted${index}`,
      readonly: true,
      image: { image: each.startsWith('sha256:') ? each : canonicalReference(each) },
    }));
    const config = { metadata: { name }, image: { image: canonicalReference(image) }, command: ['/bin/sleep', '1000000'], mounts: volumes };
    const own = await this.#client
      .call(criCalls.create, { podSandboxId, config, sandboxConfig: podOf(`pod-${name}`) })
      .catch(async (error) => {
        await this.removePod(podSandboxId);
        throw error;
      });
    const id = containerId(`k8s.io/${own.containerId}`);
    this.#pods.set(id, podSandboxId);
    if (state !== 'created') await this.#client.call(criCalls.start, own);
    if (state === 'exited') await this.#client.call(criCalls.stop, { ...own, timeout: 0 });
    return id;
  }

  async removePod(podSandboxId: string): Promise<void> {
    await this.#client.call(criCalls.stopPod, { podSandboxId });
    await this.#client.call(criCalls.removePod, { podSandboxId });
  }

  async #kill(name: string): Promise<void> {
    await this.ctr('tasks', 'kill', '--signal', 'SIGKILL', name);
    await until(
      () => this.ctr('tasks', 'list'),
      (list) => new RegExp(`^${name}\\s.*STOPPED`, 'm').test(list),
    );
  }

  /** Waits until the engine's books agree, and remembers what the image's names point to. */
  async #seen(name: string, id: ImageId): Promise<void> {
    const { images } = await this.#client.call(imageCalls.list, {}, this.#namespace);
    const target = images.find((image) => image.name === name)?.target?.digest;
    if (target === undefined) throw new Error(`no image ${name} in ${this.#namespace}`);
    this.#targets.set(id, new Set([...(this.#targets.get(id) ?? []), target]));
    if (this.#isKubernetes) await this.#untilCri(name, (image) => image?.id === id);
  }

  async #untilCri(name: string, isRight: (image: CriImage | null) => boolean): Promise<void> {
    const ask = () => this.#client.call(imageServiceApi.imageStatus, { image: { image: name } });
    await until(ask, ({ image }) => isRight(image));
  }

  /** Leaves an image with no name but its own ID. */
  async #takeNameOff(name: string, id: ImageId): Promise<void> {
    await this.#seen(name, id);
    const { images } = await this.#client.call(imageCalls.list, {}, this.#namespace);
    const target = images.find((image) => image.name === name)?.target ?? null;
    if (!images.some((image) => image.name === id)) {
      await this.#client.call(imageCalls.create, { image: { name: id, labels: {}, target } }, this.#namespace).catch((error) => {
        if (statusOf(error) !== ALREADY_EXISTS) throw error;
      });
    }
    await this.ctr('images', 'rm', '--sync', name);
    if (this.#isKubernetes) await this.#untilCri(id, (image) => image?.repoTags.length === 0);
  }

  /** Every name that an image has here. */
  async namesOf(id: ImageId): Promise<readonly string[]> {
    const { images } = await this.#client.call(imageCalls.list, {}, this.#namespace);
    const targets = this.#targets.get(id) ?? new Set();
    return images.filter(({ target }) => targets.has(target?.digest ?? '')).map(({ name }) => name);
  }
}
