import { createHash } from 'node:crypto';
import { bytes, type ContainerId, containerId, wallMs } from '../../src/model/brands.ts';
import { MemoryEngine } from '../../src/runtime/memory/memory-engine.ts';
import { openMemory } from '../../src/runtime/memory/memory-runtime.ts';
import { ALL_FEATURES, type ContractContainer, type ContractWorld, type PulledImage } from './contract-world.ts';

const KIB = 1_024;
/** The contract's world on the memory engine. */
export async function openMemoryWorld(): Promise<ContractWorld> {
  const engine = new MemoryEngine({ capacityBytes: 10_000_000 });
  let calls: string[] = [];
  let afterList: () => Promise<void> = async () => undefined;
  engine.onCall = async ({ kind }, phase) => {
    if (phase === 'before') calls.push(kind);
    if (kind !== 'listImages' || phase === 'before') return;
    const action = afterList;
    afterList = async () => undefined;
    await action();
  };
  return {
    runtime: openMemory(engine),
    features: ALL_FEATURES,
    async addImage({ repository, tags, layers, labels = {} }) {
      const sized = layers.map(([key, kib]) => [key, kib * KIB] as const);
      return engine.addImage({ layers: sized, references: tags.map((tag) => `${repository}:${tag}`), labels });
    },
    pullImage: async (path, by) => pullImage(engine, path, by),
    async commit(parent, child) {
      const below = engine.find(parent);
      if (below === null) throw new Error(`no image ${parent}`);
      const layers = below.layers.map((layer) => [layer, engine.layerSizes.get(layer) ?? 0] as const);
      return engine.addImage({ layers: [...layers, [child, 3]], references: [child], parentId: below.id });
    },
    async fillBuildCache() {
      engine.buildCache = [{ sizeBytes: bytes(5 * KIB), lastUsedAt: wallMs(engine.now() - 1_000) }];
    },
    async tag(id, reference) {
      engine.tag(id, reference);
    },
    createContainer: async (spec) => createContainer(engine, spec),
    async startContainer(id) {
      engine.restartContainer(id);
    },
    async removeContainer(id) {
      engine.removeContainer(containerId(id));
    },
    async forceRemove(id) {
      engine.forceRemove(id);
    },
    afterNextImageList(action) {
      afterList = action;
    },
    takeCalls() {
      const taken = calls;
      calls = [];
      return taken;
    },
    close: async () => undefined,
  };
}

function createContainer(engine: MemoryEngine, { state, isRestarted = false, ...spec }: ContractContainer): ContainerId {
  if (state !== 'exited') return engine.createContainer({ ...spec, state });
  const id = engine.createContainer(spec);
  engine.endContainer(id);
  if (isRestarted) engine.ends.delete(id);
  return id;
}

function pullImage(engine: MemoryEngine, path: string, by: 'tag' | 'digest'): PulledImage {
  const repository = `registry.example/${path}`;
  const references = by === 'tag' ? [`${repository}:v1`] : [];
  const digests = [`${repository}@sha256:${createHash('sha256').update(path).digest('hex')}`];
  const layers = ['base', path].map((key) => [key, KIB] as const);
  return { id: engine.addImage({ layers, references, digests }), repository, references, digests };
}
