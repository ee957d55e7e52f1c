import type { Bytes, ChainId, ImageId } from './brands.ts';

/** What is true for ever once learned, because layers and image IDs are content addressed. */
export interface LayerFacts {
  readonly layersByImage: ReadonlyMap<ImageId, readonly ChainId[]>;
  readonly sizeByLayer: ReadonlyMap<ChainId, Bytes>;
}
