import { join } from 'node:path';
import { openEngineAt } from '../../src/runtime/open-engine.ts';
import type { Lab, LabEngine, PodmanKind } from '../lab/lab.ts';
import { ALL_FEATURES, type ContractFeatures, type ContractWorld } from './contract-world.ts';
import { closeWorld, EngineActor, nameCall } from './engine-actor.ts';
import { openEngineProxy, type Rewrite } from './engine-proxy.ts';

/** The contract's world on a real Podman of the laboratory, with the engine itself for what only Podman has. */
export interface PodmanWorld extends ContractWorld {
  readonly engine: LabEngine;
}

/** @param options.hideFiles the engine's files cannot be read, as from a container that has its socket alone */
export async function openPodmanWorld(lab: Lab, kind: PodmanKind, options: { readonly hideFiles?: boolean } = {}): Promise<PodmanWorld> {
  // First, because Podman reads which registries speak plain HTTP when it starts.
  const registry = await lab.startRegistry();
  const engine = await lab.start(kind);
  const rewrite: Rewrite = (call, text) =>
    options.hideFiles && call.endsWith('/info') ? text.replaceAll(engine.dataRoot, '/hidden') : text;
  const proxy = await openEngineProxy(join(lab.directory, engine.id, 'proxy.sock'), engine.socketPath, rewrite);
  const actor = new EngineActor(engine, registry);
  const runtime = await openEngineAt({ kind: 'unix', socketPath: proxy.socketPath });
  return {
    runtime,
    engine,
    features: podmanFeatures(kind),
    addImage: (spec) => actor.addImage(spec),
    pullImage: (repository, by) => actor.pullImage(repository, by),
    commit: (parent, child) => actor.commit(parent, child),
    fillBuildCache: () => Promise.reject(new Error('Podman has no build cache')),
    tag: (id, reference) => actor.tag(id, reference),
    createContainer: (spec) => actor.createContainer(spec),
    startContainer: (id) => actor.ask('POST', `/containers/${id}/start`).then(() => undefined),
    removeContainer: (id) => engine.removeContainer(id),
    forceRemove: (id) => actor.forceRemove(id),
    afterNextImageList: (action) => proxy.afterNext(/^GET \/v[0-9.]+\/libpod\/images\/json/, action),
    takeCalls: () => proxy.takeCalls().map(nameCall),
    close: () => closeWorld(runtime.close.bind(runtime), proxy, engine, registry),
  };
}

/** In what Podman differs. */
export function podmanFeatures(kind: PodmanKind): ContractFeatures {
  const own: Partial<ContractFeatures> = {
    buildCache: 'none',
    containersOutliveImages: false,
    deletedLayers: false,
    digestsProvePull: false,
    imageMounts: 'by-name',
    loadsToldById: kind !== 'podman-old',
    oneRemoverIsTold: false,
    parentsStay: false,
    listings: ['listContainers', 'listImages'],
  };
  return { ...ALL_FEATURES, ...own };
}
