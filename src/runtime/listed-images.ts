import { type Bytes, bytes, type ImageId, imageId } from '../model/brands.ts';
import type { Image } from '../model/inventory.ts';
import { readSeconds } from './container-survey.ts';
import { KEPT_BY_NOTHING, sortNames } from './image-names.ts';
import type { ImageNames } from './runtime.ts';

/** One image as Docker and Podman list it. */
export interface ListedImage {
  readonly Id: string;
  readonly ParentId: string;
  readonly Created: number;
  readonly Size: number;
  readonly Labels: Image['labels'];
}

/**
 * The listed images whose layers are known; one that vanished meanwhile is left out.
 *
 * @param ownFacts what only this engine says of an image
 */
export function describeListed<Listed extends ListedImage>(
  list: readonly Listed[],
  layersByImage: ReadonlyMap<ImageId, Image['layers']>,
  names: ReadonlyMap<ImageId, ImageNames>,
  ownFacts: (listed: Listed, names: Pick<Image, 'references' | 'digests'>) => Partial<Image>,
): readonly Image[] {
  return list.flatMap((listed) => {
    const id = imageId(listed.Id);
    const layers = layersByImage.get(id);
    if (layers === undefined) return [];
    const { references, digests } = names.get(id) ?? sortNames(id, []);
    const parentId = listed.ParentId === '' ? null : imageId(listed.ParentId);
    const told = {
      labels: listed.Labels,
      createdAt: readSeconds(listed.Created),
      sizeBytes: readSize(listed.Size),
      parentId,
      origin: null,
    };
    return { id, references, digests, layers, ...told, ...KEPT_BY_NOTHING, ...ownFacts(listed, { references, digests }) };
  });
}

/** An engine writes -1 where it did not count. */
export function readSize(size: number): Bytes | null {
  return Number.isSafeInteger(size) && size >= 0 ? bytes(size) : null;
}
