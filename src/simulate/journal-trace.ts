import type { ImageId } from '../model/brands.ts';
import type { Image, LayerFacts } from '../model/inventory.ts';
import { lineageOfUse } from '../model/lineage-name.ts';
import type { UseEntry, UseEvidence } from '../model/use-record.ts';
import type { Trace, TraceUse } from './trace.ts';

/** A trace with all of its images as an engine would list them. */
export interface ImageTrace extends Trace {
  readonly images: readonly Image[];
}

const MADE_HERE: readonly UseEvidence[] = ['load', 'commit', 'build'];

/**
 * Makes a trace of a host's own history. Times are those of the idle clock; an image whose layers are not known takes no room.
 *
 * @param uses in their order
 */
export function traceOfJournal(uses: readonly UseEntry[], { layersByImage, sizeByLayer }: LayerFacts): ImageTrace {
  const layerOf = new Map<string, number>();
  const sizes: number[] = [];
  const indexOf = new Map<ImageId, number>();
  const images: Image[] = [];
  const layers: (readonly number[])[] = [];
  const lineageOf = nameLineages();
  const traced = uses.map((use): TraceUse => {
    let image = indexOf.get(use.imageId);
    if (image === undefined) {
      const origin = MADE_HERE.includes(use.evidence) ? 'local' : 'pulled';
      image = images.push(tracedImage(use.imageId, { references: use.references, origin })) - 1;
      indexOf.set(use.imageId, image);
      const own = (layersByImage.get(use.imageId) ?? []).map((layer) => {
        const known = layerOf.get(layer) ?? sizes.push(sizeByLayer.get(layer) ?? 0) - 1;
        layerOf.set(layer, known);
        return known;
      });
      layers.push([...new Set(own)]);
    }
    return { atMs: use.at.idleMs, image, lineage: lineageOf(use), lastedMs: 0 };
  });
  return { images, layers, sizes, uses: traced };
}

/** Names each once: a name that is made anew for each of its uses takes longer to make, and to look up. */
function nameLineages(): (use: UseEntry) => string {
  const names = new Map<string, string>();
  return (use) => {
    const [reference = use.imageId] = use.references;
    let name = names.get(reference);
    if (name === undefined) {
      name = lineageOfUse(use) ?? use.imageId;
      names.set(reference, name);
    }
    return name;
  };
}

/** An image of which no more is known than a trace tells. */
export function tracedImage(id: ImageId, told: Partial<Pick<Image, 'references' | 'digests' | 'origin'>>): Image {
  const flags = { pinned: false, leased: false, sandbox: false, readOnly: false };
  const unknown = { layers: null, sizeBytes: null, createdAt: null, parentId: null, labels: {} };
  return { id, references: [], digests: [], origin: 'pulled', ...unknown, ...flags, ...told };
}
