// What Podman lists, in our words.
import { bytes, type ChainId, type ImageId, imageId } from '../../model/brands.ts';
import type { Image, Layer } from '../../model/inventory.ts';
import { readSeconds } from '../container-survey.ts';
import { KEPT_BY_NOTHING, sortNames } from '../image-names.ts';
import type { LayerSurvey } from '../layer-survey.ts';
import type { ImageNames } from '../runtime.ts';
import { fullId, type PodmanImage } from './podman-answers.ts';

/** Tags and digests as listed. A name that only a hold gave is among them. */
export function readListedNames({ Id, Names, RepoDigests }: PodmanImage): ImageNames {
  return sortNames(imageId(Id), [...(Names ?? []), ...(RepoDigests ?? [])]);
}

/** Every layer of the listed images, with its size where it is known. */
export function readLayers(list: readonly PodmanImage[], { layersByImage, sizeByLayer }: LayerSurvey): ReadonlyMap<ChainId, Layer> {
  const keys = list.flatMap(({ Id }) => layersByImage.get(imageId(Id)) ?? []);
  return new Map(keys.map((key) => [key, { sizeBytes: sizeByLayer.get(key) ?? null }]));
}

/** The listed images whose layers are known; one that vanished meanwhile is left out. `listed` holds the digests that a manifest list names. */
export function readImages(
  list: readonly PodmanImage[],
  { layersByImage }: LayerSurvey,
  names: ReadonlyMap<ImageId, ImageNames>,
  listed: ReadonlySet<string>,
): readonly Image[] {
  return list.flatMap((each) => {
    const id = imageId(each.Id);
    const layers = layersByImage.get(id);
    if (layers === undefined) return [];
    const { references, digests } = names.get(id) ?? sortNames(id, []);
    return {
      ...KEPT_BY_NOTHING,
      id,
      references,
      digests,
      layers,
      sizeBytes: each.Size >= 0 ? bytes(each.Size) : null,
      createdAt: readSeconds(each.Created),
      labels: each.Labels,
      parentId: each.ParentId === '' ? null : imageId(fullId(each.ParentId)),
      origin: null,
      readOnly: each.ReadOnly,
      leased: listed.has(each.Digest),
    };
  });
}
