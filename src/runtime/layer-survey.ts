import { type Bytes, type ChainId, type ImageId, imageId } from '../model/brands.ts';
import { inFlight } from '../model/in-flight.ts';
import type { LayerFacts } from '../model/inventory.ts';
import { chainIds } from './chain-ids.ts';
import { imageDetails, imageHistory, takeAnswer } from './engine-answers.ts';
import { type EngineClient, imagePath } from './engine-client.ts';
import { alignHistory } from './layer-sizes.ts';

/** As many calls as the client has connections. */
const CALLS_IN_FLIGHT = 8;

/** What is known of the listed images' layers after asking for what was missing. */
export interface LayerSurvey {
  /** Null: the engine would not say. Absent: the image vanished meanwhile. */
  readonly layersByImage: ReadonlyMap<ImageId, readonly ChainId[] | null>;
  readonly sizeByLayer: ReadonlyMap<ChainId, Bytes>;
  readonly learned: LayerFacts;
}

/** Another way to learn an image's diff IDs, base first; null where it does not know either. */
export type DiffIdSource = (imageId: string) => Promise<readonly string[] | null>;

/** Asks for the layers of images that `known` does not hold, and for the sizes of layers that it does not hold. */
export async function surveyLayers(
  client: EngineClient,
  list: readonly { readonly Id: string }[],
  known: LayerFacts,
  otherSource: DiffIdSource,
): Promise<LayerSurvey> {
  const layersByImage = new Map<ImageId, readonly ChainId[] | null>();
  const learnedLayers = new Map<ImageId, readonly ChainId[]>();
  const unknown: ImageId[] = [];
  for (const { Id } of list) {
    const id = imageId(Id);
    const layers = known.layersByImage.get(id);
    if (layers === undefined) unknown.push(id);
    else layersByImage.set(id, layers);
  }
  await inFlight(unknown, CALLS_IN_FLIGHT, async (id) => {
    const layers = await readLayers(client, id, otherSource);
    if (layers === undefined) return;
    layersByImage.set(id, layers);
    if (layers !== null) learnedLayers.set(id, layers);
  });
  const learnedSizes = await learnSizes(client, layersByImage, known.sizeByLayer);
  const sizeByLayer = learnedSizes.size === 0 ? known.sizeByLayer : new Map([...known.sizeByLayer, ...learnedSizes]);
  return { layersByImage, sizeByLayer, learned: { layersByImage: learnedLayers, sizeByLayer: learnedSizes } };
}

/** @returns chain IDs; null when the engine would not say; undefined when the image is gone */
async function readLayers(client: EngineClient, id: ImageId, otherSource: DiffIdSource): Promise<readonly ChainId[] | null | undefined> {
  const answer = await client.call('GET', `${imagePath(id)}/json`);
  if (answer.status === 404) return undefined;
  // An image that the engine cannot describe costs only itself; a success that is no engine's answer ends the run.
  const rootFs = answer.status === 200 ? takeAnswer(imageDetails, answer).RootFS : null;
  const diffIds = rootFs?.Type === 'layers' ? (rootFs.Layers ?? []) : await otherSource(id);
  return diffIds === null ? null : chainIds(diffIds);
}

/**
 * One history tells the sizes of a whole stack, so in each wave only images are asked that have a layer which no other image of the
 * wave has. What an answer did not tell is left to the next wave.
 */
async function learnSizes(
  client: EngineClient,
  layersByImage: ReadonlyMap<ImageId, readonly ChainId[] | null>,
  known: ReadonlyMap<ChainId, Bytes>,
): Promise<Map<ChainId, Bytes>> {
  const learned = new Map<ChainId, Bytes>();
  const isKnown = (layer: ChainId) => known.has(layer) || learned.has(layer);
  const unasked = new Map<ImageId, readonly ChainId[]>();
  for (const [id, layers] of layersByImage) if (layers !== null && !layers.every(isKnown)) unasked.set(id, layers);
  while (true) {
    const wave = pickWave(unasked, isKnown);
    if (wave.length === 0) return learned;
    await inFlight(wave, CALLS_IN_FLIGHT, async ([id, layers]) => {
      unasked.delete(id);
      const sizes = await readSizes(client, id, layers.length);
      for (const [index, layer] of layers.entries()) {
        const size = sizes?.[index];
        if (size !== undefined && !isKnown(layer)) learned.set(layer, size);
      }
    });
  }
}

type Stack = readonly [ImageId, readonly ChainId[]];

function pickWave(unasked: ReadonlyMap<ImageId, readonly ChainId[]>, isKnown: (layer: ChainId) => boolean): readonly Stack[] {
  const covered = new Set<ChainId>();
  const wave: Stack[] = [];
  const incomplete = [...unasked].filter(([, layers]) => !layers.every(isKnown));
  // The longest first: a child tells of its parents too.
  for (const [id, layers] of incomplete.sort(([, a], [, b]) => b.length - a.length)) {
    if (layers.every((layer) => isKnown(layer) || covered.has(layer))) continue;
    for (const layer of layers) covered.add(layer);
    wave.push([id, layers]);
  }
  return wave;
}

async function readSizes(client: EngineClient, id: ImageId, layerCount: number): Promise<readonly Bytes[] | null> {
  const answer = await client.call('GET', `${imagePath(id)}/history`);
  return answer.status === 200 ? alignHistory(takeAnswer(imageHistory, answer), layerCount) : null;
}
