import type { ContainerId, ImageId } from '../../src/model/brands.ts';
import type { Capabilities, Runtime } from '../../src/runtime/runtime.ts';

/** One engine under contract, and what others do to it behind the runtime's back. */
export interface ContractWorld {
  readonly runtime: Runtime;
  readonly features: ContractFeatures;
  /** Makes an image that no registry knows. */
  addImage(spec: ContractImage): Promise<ImageId>;
  /** Makes an image in a registry and pulls it, by its tag or by its digest alone. */
  pullImage(repository: string, by: 'tag' | 'digest'): Promise<PulledImage>;
  /** Makes an image on top of another one that the engine knows to be its parent. */
  commit(parent: string, child: string): Promise<ImageId>;
  /** Leaves something in the build cache that no image shares. */
  fillBuildCache(): Promise<void>;
  tag(id: ImageId, reference: string): Promise<void>;
  createContainer(spec: ContractContainer): Promise<ContainerId>;
  /** Starts one that has ended. */
  startContainer(id: ContainerId): Promise<void>;
  removeContainer(id: ContainerId): Promise<void>;
  /** Removes an image by force, as someone else would. */
  forceRemove(id: ImageId): Promise<void>;
  /** Does something once, after the engine has made its next list of images and before the runtime gets it. */
  afterNextImageList(action: () => Promise<void>): void;
  /** What the engine was asked since this was last called, in words that all engines share. */
  takeCalls(): readonly string[];
  close(): Promise<void>;
}

/** In what engines differ. */
export interface ContractFeatures {
  /** Told without measuring all else, at length, or there is none. */
  readonly buildCache: 'cheap' | 'slow' | 'none';
  /** Force removes an image from under a container that does not run; else it takes the container along. */
  readonly containersOutliveImages: boolean;
  /** Removals tell which layers went. */
  readonly deletedLayers: boolean;
  /** Containers that ended are nobody's but the engine's: they can be told and removed. */
  readonly removesContainers: boolean;
  /** An image that has a tag stays when its digest is taken off. */
  readonly digestsGoAlone: boolean;
  /** A loaded image has no digest. */
  readonly digestsProvePull: boolean;
  /**
   * What a container is bound to that mounts an image by a tag: that image (`by-id`), or whatever has the tag at each start (`by-name`). `only-by-id`: the
   * ID has to be given, because a tag may have moved; `apart`: it is a use of its own beside the container's.
   */
  readonly imageMounts: 'none' | 'by-id' | 'by-name' | 'only-by-id' | 'apart';
  /** Whoever loads an image is told of with its ID. */
  readonly loadsToldById: boolean;
  /** Of several who remove an image at the same moment one is told that it did; else each may be. */
  readonly oneRemoverIsTold: boolean;
  /** An image that others were built on outlives its last name. */
  readonly parentsStay: boolean;
  /** Names are taken off and given back one by one; else an image loses them all at once. */
  readonly holds: boolean;
  /** One image can be built on another that the engine knows to be its parent. */
  readonly parents: boolean;
  /** What a container can be in. */
  readonly states: readonly ContractContainer['state'][];
  /** The engine tells what images are made of: labels, layers and sizes. */
  readonly contents: boolean;
  /** A container's image is named also when it is gone. */
  readonly namesGoneImages: boolean;
  readonly events: Capabilities['events'];
  /** Pulls, tags and the like are told as they happen. */
  readonly imageEvents: boolean;
  /** What a look asks for when it knows all layers, sorted, in words that all engines share. */
  readonly listings: readonly string[];
}

/** An engine that has everything. */
export const ALL_FEATURES: ContractFeatures = {
  buildCache: 'cheap',
  containersOutliveImages: true,
  deletedLayers: true,
  digestsGoAlone: true,
  digestsProvePull: true,
  removesContainers: true,
  imageMounts: 'by-id',
  loadsToldById: true,
  oneRemoverIsTold: true,
  parentsStay: true,
  holds: true,
  parents: true,
  states: ['created', 'running', 'paused', 'exited'],
  contents: true,
  namesGoneImages: true,
  events: 'replayed',
  imageEvents: true,
  listings: ['listContainers', 'listImages', 'listServices'],
};

/** A local image. Layers with equal key are one. */
export interface ContractImage {
  /** All in one repository: `docker.io/lab/app`. */
  readonly repository: string;
  readonly tags: readonly string[];
  /** Key and kibibytes, base first. */
  readonly layers: readonly (readonly [key: string, kib: number])[];
  readonly labels?: Readonly<Record<string, string>>;
}

/** An image that came from a registry; names are canonical. */
export interface PulledImage {
  readonly id: ImageId;
  readonly repository: string;
  readonly references: readonly string[];
  readonly digests: readonly string[];
}

/** A container, by whatever name its image is asked for. */
export interface ContractContainer {
  readonly image: string;
  readonly name: string;
  readonly state: 'created' | 'running' | 'paused' | 'exited';
  readonly mounts?: readonly string[];
  /** The engine starts it again, when it does not end by being stopped. */
  readonly isRestarted?: boolean;
}
