import { type Bytes, bytes, type ChainId, type ImageId } from '../../model/brands.ts';
import { inFlight } from '../../model/in-flight.ts';
import { addLayer, type Layer, type LayerFacts } from '../../model/inventory.ts';
import { blobKey } from '../chain-ids.ts';
import type { LayerCopy } from './container-survey.ts';
import type { FoundImage } from './containerd-images.ts';
import { type GrpcClient, nullOn, STATUS } from './grpc-client.ts';
import { snapshotsApi } from './messages.ts';
import type { Scene } from './scene.ts';

const CALLS_IN_FLIGHT = 8;

/** What images take up, each thing under a key of its own. */
export interface LayerCount {
  readonly layers: ReadonlyMap<ChainId, Layer>;
  readonly layersByImage: ReadonlyMap<ImageId, readonly ChainId[]>;
  readonly learned: LayerFacts;
  /** The size of each unpacked layer, under the key of {@link LayerFacts}; null is unknown. */
  readonly sizes: ReadonlyMap<ChainId, Bytes | null>;
}

/** Whether a scene would be counted so again, and nothing learned of it. */
export function isCountStill({ sizes }: LayerCount, scene: Scene, known: LayerFacts): boolean {
  const isKnown = sizes.entries().every(([key, size]) => size !== null && known.sizeByLayer.get(key) === size);
  return isKnown && scene.images.values().every(({ id, configs }) => configs[0] === undefined || known.layersByImage.has(id));
}

/**
 * Counts unpacked layers, of which each namespace has its own, and blobs, which namespaces share. The first namespace's copy of a layer has
 * the chain ID for its key.
 *
 * @param mainSnapshotter the one that {@link LayerFacts} tells sizes of
 */
export async function countLayers(client: GrpcClient, scene: Scene, known: LayerFacts, mainSnapshotter: string): Promise<LayerCount> {
  const copies = Map.groupBy(scene.layers, ({ chain }) => chain);
  const factKey = ({ snapshotter, chain }: LayerCopy): ChainId =>
    snapshotter === mainSnapshotter ? chain : blobKey(`${snapshotter}/${chain}`);
  const keyOf = (copy: LayerCopy): ChainId =>
    copies.get(copy.chain)?.[0] === copy ? copy.chain : blobKey(`${copy.namespace}/${copy.snapshotter}/${copy.chain}`);
  const wanted = new Map([...scene.images.values()].map((image) => [image, copiesOf(image, copies)] as const));
  const counted = new Map([...wanted.values()].flat().map((copy) => [factKey(copy), copy]));
  const learnedSizes = await learnSizes(client, counted, known.sizeByLayer);
  const sizeOf = (key: ChainId): Bytes | null => known.sizeByLayer.get(key) ?? learnedSizes.get(key) ?? null;
  const sizes = new Map([...counted.keys()].map((key) => [key, sizeOf(key)]));
  const layers = new Map<ChainId, Layer>();
  const layersByImage = new Map<ImageId, readonly ChainId[]>();
  for (const [image, own] of wanted) {
    for (const copy of own) addLayer(layers, keyOf(copy), sizes.get(factKey(copy)) ?? null);
    const keys = own.map(keyOf);
    for (const digest of [...image.documents, ...image.packed]) {
      const blob = scene.blobs.get(digest);
      if (blob === undefined) continue;
      addLayer(layers, blob.key, bytes(blob.sizeBytes));
      keys.push(blob.key);
    }
    layersByImage.set(image.id, keys);
  }
  const learnedChains = new Map<ImageId, readonly ChainId[]>();
  for (const { id, configs } of scene.images.values()) {
    const chain = configs[0]?.chain;
    if (chain !== undefined && !known.layersByImage.has(id)) learnedChains.set(id, chain);
  }
  return { layers, layersByImage, learned: { layersByImage: learnedChains, sizeByLayer: learnedSizes }, sizes };
}

/** Base first; only what is unpacked, where the image has a name. */
function copiesOf({ configs, records }: FoundImage, copies: ReadonlyMap<ChainId, readonly LayerCopy[]>): readonly LayerCopy[] {
  const namespaces = new Set(records.map(({ namespace }) => namespace));
  const chain = new Set(configs.flatMap((config) => config.chain));
  return [...chain].flatMap((each) => (copies.get(each) ?? []).filter(({ namespace }) => namespaces.has(namespace)));
}

async function learnSizes(
  client: GrpcClient,
  copies: ReadonlyMap<ChainId, LayerCopy>,
  known: ReadonlyMap<ChainId, Bytes>,
): Promise<ReadonlyMap<ChainId, Bytes>> {
  const learned = new Map<ChainId, Bytes>();
  const unknown = [...copies].filter(([key]) => !known.has(key));
  await inFlight(unknown, CALLS_IN_FLIGHT, async ([key, { namespace, snapshotter, chain }]) => {
    const size = await readSize(client, namespace, snapshotter, chain);
    if (size !== null) learned.set(key, size);
  });
  return learned;
}

/** @returns null when it went meanwhile */
async function readSize(client: GrpcClient, namespace: string, snapshotter: string, key: string): Promise<Bytes | null> {
  const usage = await nullOn(STATUS.notFound, client.call(snapshotsApi.usage, { snapshotter, key }, namespace));
  return usage === null ? null : bytes(usage.size);
}
