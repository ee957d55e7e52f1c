import assert from 'node:assert/strict';
import type { ImageId } from '../../src/model/brands.ts';
import { holdReference } from '../../src/model/hold.ts';
import type { Image, Inventory, LayerFacts } from '../../src/model/inventory.ts';
import type { ContractImage } from './contract-world.ts';

/** What a first observation knows. */
export const nothingKnown = (): LayerFacts => ({ layersByImage: new Map(), sizeByLayer: new Map() });
/** Sizes of layers are given in these. */
export const KIB = 1_024;
/** A container starts from it: its first layer holds a shell. */
export const BASE = ['base', 8] as const;
const MARK = '0a1b2c3d-1-2-3-4';

/** An image `docker.io/lab/NAME:1` with a layer of its own, unless the test says otherwise. */
export function local(name: string, spec: Partial<ContractImage> = {}): ContractImage {
  return { repository: `docker.io/lab/${name}`, tags: ['1'], layers: [BASE, [name, 4]], ...spec };
}

/** The image of an inventory that a test is about. */
export function find({ images }: Inventory, id: ImageId): Image {
  const image = images.find((each) => each.id === id);
  assert.ok(image, `${id} is listed`);
  return image;
}

/** The hold for a name, as an owner of the test's making places it. */
export function holdOf(reference: string): string {
  const hold = holdReference(reference, MARK);
  assert.ok(hold);
  return hold;
}
