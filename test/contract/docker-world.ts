import { join } from 'node:path';
import * as v from 'valibot';
import { type ContainerId, containerId, type ImageId, imageId } from '../../src/model/brands.ts';
import { canonicalReference, splitReference } from '../../src/model/reference.ts';
import { openDocker } from '../../src/runtime/docker/docker-runtime.ts';
import type { EngineKind, Lab, LabEngine, LabRegistry } from '../lab/lab.ts';
import { TAR_END, tarMember } from '../lab/tar.ts';
import {
  ALL_FEATURES,
  type ContractContainer,
  type ContractFeatures,
  type ContractImage,
  type ContractWorld,
  type PulledImage,
} from './contract-world.ts';
import { type EngineProxy, openEngineProxy, type Rewrite } from './engine-proxy.ts';

const withId = v.object({ Id: v.string() });
const listed = v.array(v.object({ Id: v.string() }));

/** The contract's world on a real engine of the laboratory, with the engine itself for what only Docker has. */
export interface DockerWorld extends ContractWorld {
  readonly engine: LabEngine;
}

/** @param options.hideFiles the engine's files cannot be read, as from a container that has its socket alone */
export async function openDockerWorld(lab: Lab, kind: EngineKind, options: { readonly hideFiles?: boolean } = {}): Promise<DockerWorld> {
  const engine = await lab.start(kind);
  const registry = await lab.startRegistry();
  const rewrite: Rewrite = (call, text) =>
    options.hideFiles && call.endsWith('/info') ? text.replaceAll(engine.dataRoot, '/hidden') : text;
  const proxy = await openEngineProxy(join(lab.directory, engine.id, 'proxy.sock'), engine.socketPath, rewrite);
  const actor = new DockerActor(engine, registry);
  const runtime = await openDocker({ socketPath: proxy.socketPath });
  return {
    runtime,
    engine,
    features: dockerFeatures(kind),
    addImage: (spec) => actor.addImage(spec),
    pullImage: (repository, by) => actor.pullImage(repository, by),
    commit: (parent, child) => actor.commit(parent, child),
    fillBuildCache: () => actor.fillBuildCache(),
    tag: (id, reference) => actor.tag(id, reference),
    createContainer: (spec) => actor.createContainer(spec),
    removeContainer: (id) => engine.removeContainer(id),
    forceRemove: (id) => actor.ask('DELETE', `/images/${id}?force=1`).then(() => undefined),
    afterNextImageList: (action) => proxy.afterNext(/^GET \/v[0-9.]+\/images\/json/, action),
    takeCalls: () => proxy.takeCalls().map(nameCall),
    close: () => closeAll(runtime.close.bind(runtime), proxy, engine, registry),
  };
}

async function closeAll(closeRuntime: () => void, proxy: EngineProxy, engine: LabEngine, registry: LabRegistry): Promise<void> {
  closeRuntime();
  await proxy.close();
  await engine.stop();
  await registry.stop();
}

/** In what one kind of Docker differs. */
export function dockerFeatures(kind: EngineKind): ContractFeatures {
  const isGraphDriver = kind !== 'docker-new-containerd';
  const isOld = kind === 'docker-old-overlay2';
  const own: Partial<ContractFeatures> = {
    imageMounts: isOld ? 'none' : 'named',
    cheapBuildCache: !isOld,
    deletedLayers: isGraphDriver,
    digestsProvePull: isGraphDriver,
  };
  return { ...ALL_FEATURES, ...own };
}

/** The memory engine's words for Docker's calls, where the contract speaks of them. */
function nameCall(call: string): string {
  if (/^GET \/v[0-9.]+\/images\/json/.test(call)) return 'listImages';
  if (/^GET \/v[0-9.]+\/containers\/json/.test(call)) return 'listContainers';
  if (/^GET \/v[0-9.]+\/services/.test(call)) return 'listServices';
  return call;
}

/** Acts on an engine as its other users do. */
class DockerActor {
  readonly #engine: LabEngine;
  readonly #registry: LabRegistry;

  constructor(engine: LabEngine, registry: LabRegistry) {
    this.#engine = engine;
    this.#registry = registry;
  }

  async ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const reply = await this.#engine.request(method, path, body);
    if (reply.status >= 400) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`);
    return reply.body;
  }

  async addImage({ repository, tags, layers, labels }: ContractImage): Promise<ImageId> {
    const before = await this.#ids();
    const short = repository.replace(/^docker\.io\//, '');
    await this.#engine.loadImages([
      { repository: short, tags, layers: layers.map(([key, kb]) => ({ key, kb })), ...(labels && { labels }) },
    ]);
    const [added] = (await this.#ids()).difference(before);
    if (added === undefined) throw new Error(`loading ${repository} added no image`);
    return imageId(added);
  }

  async pullImage(path: string, by: 'tag' | 'digest'): Promise<PulledImage> {
    const [built] = this.#registry.seed([
      {
        repository: path,
        tags: ['v1'],
        layers: [
          { key: 'base', kb: 8 },
          { key: path, kb: 4 },
        ],
      },
    ]);
    if (built === undefined) throw new Error(`the registry did not take ${path}`);
    const repository = `${this.#registry.address}/${path}`;
    const digest = `${repository}@${built.digest}`;
    await this.#engine.pull(by === 'tag' ? `${repository}:v1` : digest);
    return { id: await this.#idOf(digest), repository, references: by === 'tag' ? [`${repository}:v1`] : [], digests: [digest] };
  }

  async commit(parent: string, child: string): Promise<ImageId> {
    const container = await this.#engine.run({ image: parent, cmd: ['/bin/sh', '-c', `echo ${child} > /made`] });
    await this.ask('POST', `/containers/${container}/wait`);
    const { name, tag } = splitReference(child);
    const made = v.parse(withId, await this.ask('POST', `/commit?container=${container}&repo=${name}&tag=${tag}`, {}));
    await this.#engine.removeContainer(container);
    return imageId(made.Id);
  }

  /** A build whose image goes leaves its steps behind. */
  async fillBuildCache(): Promise<void> {
    const file = Buffer.from('FROM scratch\nCOPY data /data\n');
    const context = Buffer.concat([
      tarMember({ kind: 'file', name: 'Dockerfile', data: file }),
      tarMember({ kind: 'file', name: 'data', data: Buffer.alloc(5_000, 'x') }),
      TAR_END,
    ]);
    const { text } = await this.#engine.request('POST', '/build?version=2&t=lab/cached:1', context);
    if (!text.includes('moby.image.id')) throw new Error(text);
    await this.ask('DELETE', '/images/lab/cached:1');
  }

  async tag(id: ImageId, reference: string): Promise<void> {
    const { name, tag } = splitReference(canonicalReference(reference));
    await this.ask('POST', `/images/${id}/tag?repo=${encodeURIComponent(name)}&tag=${tag}`);
  }

  async createContainer({ image, name, state, mounts = [] }: ContractContainer): Promise<ContainerId> {
    const Mounts = mounts.map((Source, index) => ({ Type: 'image', Source, Target: `/mounted${index}` }));
    const body = { Image: image, HostConfig: { NetworkMode: 'none', ...(Mounts.length > 0 && { Mounts }) } };
    const { Id } = v.parse(withId, await this.ask('POST', `/containers/create?name=${name}`, body));
    if (state !== 'created') await this.ask('POST', `/containers/${Id}/start`);
    if (state === 'paused') await this.ask('POST', `/containers/${Id}/pause`);
    if (state === 'exited') await this.#engine.stopContainer(Id);
    return containerId(Id);
  }

  async #idOf(reference: string): Promise<ImageId> {
    return imageId(v.parse(withId, await this.ask('GET', `/images/${reference}/json`)).Id);
  }

  async #ids(): Promise<ReadonlySet<string>> {
    return new Set(v.parse(listed, await this.ask('GET', '/images/json?all=1')).map(({ Id }) => Id));
  }
}
