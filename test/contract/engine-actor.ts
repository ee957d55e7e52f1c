import * as v from 'valibot';
import { type ContainerId, containerId, type ImageId, imageId } from '../../src/model/brands.ts';
import { canonicalReference, splitReference } from '../../src/model/reference.ts';
import type { LabEngine, LabRegistry } from '../lab/lab.ts';
import { TAR_END, tarMember } from '../lab/tar.ts';
import type { ContractContainer, ContractImage, PulledImage } from './contract-world.ts';
import type { EngineProxy } from './engine-proxy.ts';

const withId = v.object({ Id: v.string() });
const listed = v.array(v.object({ Id: v.string() }));

/** Ends what a world is made of. */
export async function closeWorld(closeRuntime: () => void, proxy: EngineProxy, engine: LabEngine, registry: LabRegistry): Promise<void> {
  closeRuntime();
  await proxy.close();
  await engine.stop();
  await registry.stop();
}

/** The memory engine's words for an engine's calls, where the contract speaks of them. */
export function nameCall(call: string): string {
  const [, listing] = /^GET \/v[0-9.]+\/(?:libpod\/)?(images|containers)\/json/.exec(call) ?? [];
  if (listing !== undefined) return listing === 'images' ? 'listImages' : 'listContainers';
  return /^GET \/v[0-9.]+\/services/.test(call) ? 'listServices' : call;
}

/** Acts on an engine as its other users do, by the API that Docker and Podman both have. */
export class EngineActor {
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
    return imageId(made.Id.replace(/^(?:sha256:)?/, 'sha256:'));
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

  async forceRemove(id: ImageId): Promise<void> {
    await this.ask('DELETE', `/images/${id}?force=1`);
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
