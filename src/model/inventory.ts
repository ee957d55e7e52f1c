import type { Bytes, ChainId, ContainerId, DurationMs, ImageId, WallMs } from './brands.ts';

/** Whether a registry can give the image back: `pulled`, or `local` (built, loaded or imported here); null is unknown. */
export type Origin = 'pulled' | 'local';

/** One image as an engine lists it. Names are canonical (`docker.io/library/app:1`); a hold of ours is never among them. */
export interface Image {
  readonly id: ImageId;
  /** `repository:tag`, canonical. Empty: no tag points here. */
  readonly references: readonly string[];
  /** `repository@sha256:…`, canonical. Empty: the engine knows no registry digest. */
  readonly digests: readonly string[];
  /**
   * Chain IDs, base first, and whatever else the engine stores for the image and shares between images: on Docker's containerd store the
   * compressed blobs, under keys of the adapter. Null: the engine did not say; then `sizeBytes` counts as one layer of its own.
   */
  readonly layers: readonly ChainId[] | null;
  /** The engine's own figure, shared layers included; null is unknown. */
  readonly sizeBytes: Bytes | null;
  /** When the image was built. For people only: never an age. */
  readonly createdAt: WallMs | null;
  readonly labels: Readonly<Record<string, string>>;
  /** The image this one was built on, where a classic builder recorded it; an engine refuses to remove a parent. */
  readonly parentId: ImageId | null;
  readonly origin: Origin | null;
  /** The engine itself asks to keep the image (CRI `Image.pinned`). */
  readonly pinned: boolean;
  /** A lease of the engine holds it (containerd `docs/garbage-collection.md`). */
  readonly leased: boolean;
  /** It is the sandbox (pause) image. */
  readonly sandbox: boolean;
  /** It lies in a store that the engine may only read. */
  readonly readOnly: boolean;
}

/** One layer of an inventory. */
export interface Layer {
  /** In the listing, from 0: plans count layers in flat arrays. */
  readonly place: number;
  /** Unpacked; null is unknown. */
  readonly sizeBytes: Bytes | null;
}

/** Lists a layer at the next place; one that is listed keeps its place. */
export function addLayer(layers: Map<ChainId, Layer>, key: ChainId, sizeBytes: Bytes | null): void {
  layers.set(key, { place: layers.get(key)?.place ?? layers.size, sizeBytes });
}

/** What is true for ever once learned, because layers and image IDs are content addressed. */
export interface LayerFacts {
  readonly layersByImage: ReadonlyMap<ImageId, readonly ChainId[]>;
  readonly sizeByLayer: ReadonlyMap<ChainId, Bytes>;
}

/** One container in any state. */
export interface Container {
  readonly id: ContainerId;
  readonly name: string;
  /** The image its root is made of; null when the engine cannot say, which is doubt. */
  readonly imageId: ImageId | null;
  /** The name given at creation; says which tag was asked for, never which image is in use. */
  readonly imageName: string | null;
  /** `created`, `running`, `paused`, `exited`, …: the engine's word. */
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Images mounted into it beside its root. */
  readonly mountedImageIds: readonly ImageId[];
  readonly createdAt: WallMs | null;
  readonly startedAt: WallMs | null;
  readonly finishedAt: WallMs | null;
  /** How long it has been seen to have ended, with nothing that starts it again; absent: it may run again, or nobody asked. */
  readonly endedForMs?: DurationMs;
}

/** Figures of the filesystem that holds the images, as `statfs` gives them. */
export interface DiskUsage {
  readonly capacityBytes: Bytes;
  readonly usedBytes: Bytes;
  /** What an ordinary user may still write; `used + available` is what `df` divides by. */
  readonly availableBytes: Bytes;
  readonly inodes: number | null;
  readonly inodesUsed: number | null;
}

/** What the engine's build cache holds. */
export interface BuildCache {
  /** Layers of images that it needs as well, where the engine tells. */
  readonly layers: readonly ChainId[];
  /** Beside what it shares with images. */
  readonly sizeBytes: Bytes | null;
  /** What no build needs now and no image shares; the engine stamped its last use, null is never. */
  readonly unused: readonly { readonly sizeBytes: Bytes; readonly lastUsedAt: WallMs | null }[];
}

/** Who answered. */
export interface EngineName {
  readonly name: string;
  readonly version: string;
}

/** An image that is needed although no container may be there: a service, a file of Compose, a quadlet or a static pod names it. */
export interface WorkloadNeed {
  /** A pattern over names; what could not be resolved in a name stands for anything. */
  readonly pattern: string;
  /** Who needs it: `/srv/shop/compose.yaml (service web)`. */
  readonly by: string;
}

/** All that was seen at one instant. */
export interface Inventory {
  readonly observedAt: WallMs;
  readonly engine: EngineName;
  /** Null: the path of the images is unknown or not proven to be the engine's, so rules that need figures do not fire. */
  readonly disk: DiskUsage | null;
  readonly images: readonly Image[];
  readonly layers: ReadonlyMap<ChainId, Layer>;
  readonly containers: readonly Container[];
  readonly buildCache: BuildCache | null;
  readonly workloads: readonly WorkloadNeed[];
  /** What could not be known completely, each a sentence. Not empty: nothing is removed in this run (design §3.3). */
  readonly doubts: readonly Doubt[];
}

/** Something that had to be known and is not. */
export interface Doubt {
  readonly kind: 'in-use-unknown' | 'protected-unknown' | 'records-unknown' | 'clock-unknown' | 'empty-listing' | 'disabled';
  readonly message: string;
}

/** Every image that a container needs, as far as the engine says: its root's, then those of mounts. */
export function imagesOf({ imageId, mountedImageIds }: Container): readonly ImageId[] {
  return imageId === null ? mountedImageIds : [imageId, ...mountedImageIds];
}

/** Whether neither a tag nor a digest points to the image. */
export function isDangling(image: Image): boolean {
  return image.references.length === 0 && image.digests.length === 0;
}
