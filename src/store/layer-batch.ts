import { type Bytes, bytes, type ChainId, chainId, type ImageId, imageId } from '../model/brands.ts';
import type { LayerFacts } from '../model/inventory.ts';
import { type SealedForm, sealedForm } from './sealed-json.ts';

/**
 * Layer facts as they are stored: what was learned at one time, in one row. One row per image or layer would take five times as
 * long to read, and every listing of the engine waits for that.
 */
export interface LayerBatch {
  readonly chains: readonly string[];
  /** In the order of `chains`; null is unknown. */
  readonly sizes: readonly (number | null)[];
  /** An image's ID, and where its layers stand in `chains`. */
  readonly images: readonly (readonly [string, readonly number[]])[];
}

/** {@link LayerBatch}, sealed. */
export const LAYER_BATCH_FORM: SealedForm<LayerBatch> = sealedForm(
  (batch) => batch,
  (content) => (isLayerBatch(content) ? content : null),
);

function isLayerBatch(content: unknown): content is LayerBatch {
  if (typeof content !== 'object' || content === null || !('chains' in content && 'sizes' in content && 'images' in content)) return false;
  const { chains, sizes, images } = content;
  const isSize = (size: unknown): boolean => size === null || Number.isSafeInteger(size);
  return isListOf(chains, isText) && isListOf(sizes, isSize) && isListOf(images, isImage);
}

function isImage(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && isText(value[0]) && isListOf(value[1], Number.isSafeInteger);
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isItem);
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

/** Writes facts as one batch. */
export function toLayerBatch({ layersByImage, sizeByLayer }: LayerFacts): LayerBatch {
  const chains = [...new Set([...sizeByLayer.keys(), ...[...layersByImage.values()].flat()])];
  const indexes = new Map(chains.map((chain, position) => [chain, position]));
  return {
    chains,
    sizes: chains.map((chain) => sizeByLayer.get(chain) ?? null),
    images: [...layersByImage].map(([id, layers]) => [id, layers.map((chain) => indexes.get(chain) ?? 0)]),
  };
}

/** Lays batches over each other, the later over the earlier. */
export function mergeLayerBatches(batches: readonly LayerBatch[]): LayerFacts {
  const sizeByLayer = new Map<ChainId, Bytes>();
  const layersByImage = new Map<ImageId, readonly ChainId[]>();
  for (const batch of batches) {
    const chains = batch.chains.map(chainId);
    for (const [position, size] of batch.sizes.entries()) {
      const chain = chains[position];
      if (chain !== undefined && size !== null) sizeByLayer.set(chain, bytes(size));
    }
    for (const [id, positions] of batch.images) {
      const layers = positions.map((position) => chains[position]).filter((chain) => chain !== undefined);
      layersByImage.set(imageId(id), layers);
    }
  }
  return { layersByImage, sizeByLayer };
}
