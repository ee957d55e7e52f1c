import { join } from 'node:path';
import { openDocker } from '../../src/runtime/docker/docker-runtime.ts';
import type { DockerKind, Lab, LabEngine } from '../lab/lab.ts';
import { ALL_FEATURES, type ContractFeatures, type ContractWorld } from './contract-world.ts';
import { closeWorld, EngineActor, nameCall } from './engine-actor.ts';
import { openEngineProxy, type Rewrite } from './engine-proxy.ts';

/** The contract's world on a real engine of the laboratory, with the engine itself for what only Docker has. */
export interface DockerWorld extends ContractWorld {
  readonly engine: LabEngine;
}

/** @param options.hideFiles the engine's files cannot be read, as from a container that has its socket alone */
export async function openDockerWorld(lab: Lab, kind: DockerKind, options: { readonly hideFiles?: boolean } = {}): Promise<DockerWorld> {
  const engine = await lab.start(kind);
  const registry = await lab.startRegistry();
  const rewrite: Rewrite = (call, text) =>
    options.hideFiles && call.endsWith('/info') ? text.replaceAll(engine.dataRoot, '/hidden') : text;
  const proxy = await openEngineProxy(join(lab.directory, engine.id, 'proxy.sock'), engine.socketPath, rewrite);
  const actor = new EngineActor(engine, registry);
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
    startContainer: (id) => actor.ask('POST', `/containers/${id}/start`).then(() => undefined),
    removeContainer: (id) => engine.removeContainer(id),
    forceRemove: (id) => actor.forceRemove(id),
    afterNextImageList: (action) => proxy.afterNext(/^GET \/v[0-9.]+\/images\/json/, action),
    takeCalls: () => proxy.takeCalls().map(nameCall),
    close: () => closeWorld(runtime.close.bind(runtime), proxy, engine, registry),
  };
}

/** In what one kind of Docker differs. */
export function dockerFeatures(kind: DockerKind): ContractFeatures {
  const isGraphDriver = kind !== 'docker-new-containerd';
  const isOld = kind === 'docker-old-overlay2';
  const own: Partial<ContractFeatures> = {
    buildCache: isOld ? 'slow' : 'cheap',
    deletedLayers: isGraphDriver,
    digestsGoAlone: isGraphDriver,
    digestsProvePull: isGraphDriver,
    imageMounts: isOld ? 'none' : 'by-id',
  };
  return { ...ALL_FEATURES, ...own };
}
