// What Podman lists, in our words.
import { type ChainId, type ImageId, imageId } from '../../model/brands.ts';
import { addLayer, type Image, type Layer } from '../../model/inventory.ts';
import { sortNames } from '../image-names.ts';
import type { LayerSurvey } from '../layer-survey.ts';
import { describeListed } from '../listed-images.ts';
import type { ImageNames } from '../runtime.ts';
import type { PodmanImage } from './podman-answers.ts';

/** Tags and digests as listed. A name that only a hold gave is among them. */
export function readListedNames({ Id, Names, RepoDigests }: PodmanImage): ImageNames {
  return sortNames(imageId(Id), [...(Names ?? []), ...(RepoDigests ?? [])]);
}

/** Every layer of the listed images, with its size where it is known. */
export function readLayers(list: readonly PodmanImage[], { layersByImage, sizeByLayer }: LayerSurvey): ReadonlyMap<ChainId, Layer> {
  const layers = new Map<ChainId, Layer>();
  for (const { Id } of list) for (const key of layersByImage.get(imageId(Id)) ?? []) addLayer(layers, key, sizeByLayer.get(key) ?? null);
  return layers;
}

/** The listed images whose layers are known; one that vanished meanwhile is left out. `listed` holds the digests that a manifest list names. */
export function readImages(
  list: readonly PodmanImage[],
  { layersByImage }: LayerSurvey,
  names: ReadonlyMap<ImageId, ImageNames>,
  listed: ReadonlySet<string>,
): readonly Image[] {
  return describeListed(list, layersByImage, names, ({ ReadOnly, Digest }) => ({ readOnly: ReadOnly, leased: listed.has(Digest) }));
}
