import type { Bytes, ChainId, ContainerId, DurationMs, ImageId } from '../model/brands.ts';
import type { EngineEvent, EventCursor } from '../model/engine-event.ts';
import type { Hold } from '../model/hold.ts';
import type { BuildCache, Container, DiskUsage, Inventory, LayerFacts } from '../model/inventory.ts';

/**
 * The port to a container engine. One contract suite (`test/contract/runtime-contract.ts`) runs against every adapter.
 *
 * **Life.** `openDocker()` and its like return a runtime that has answered once; `close()` ends its connections.
 *
 * **Meaning of the parameters.** `reference` is always canonical (`docker.io/library/app:1`). `imageId` is the engine's own handle.
 *
 * **Errors.** What is expected while removing is a value ({@link RemoveOutcome}). Everything else throws an `OperatingError` of kind
 * `engine-unreachable`, `engine-refused`, `engine-nonsense` or `permission`; each call has a time-out. Nothing is retried here.
 *
 * **Never.** No call forces anything, removes a volume, or removes an image or a container that was not named; an adapter never guesses:
 * a figure that the engine does not give, or gives as -1, is null.
 */
export interface Runtime {
  readonly identity: EngineIdentity;
  readonly capabilities: Capabilities;

  /**
   * Lists images, containers in every state and disk figures, in this order: images first, containers after, so that a container
   * created meanwhile is seen. A container whose image cannot be known becomes a doubt in the inventory; so does a
   * listing that fails for a part only.
   *
   * @param readKnown layers and sizes that never change, learned earlier; only what is missing in it is asked for. Called once, while the
   *   engine lists
   */
  observe(readKnown: () => LayerFacts): Promise<Observation>;

  /** Lists containers in every state, as cheaply as the engine can: the second look before anything is removed. */
  listContainers(): Promise<readonly ContainerUse[]>;

  /**
   * Reads the names one image has now, holds apart, at a cost that does not grow with the number of images.
   * @returns null when the image is gone
   */
  readNames(imageId: ImageId): Promise<ImageNames | null>;

  /** The image that a name points to now; null when nothing has that name. */
  resolveName(reference: string): Promise<ImageId | null>;

  /** Asks for nothing but an answer, at next to no cost. */
  ping(): Promise<void>;

  /** Figures of the filesystem that holds the images, as in the inventory: cheap, asked between batches. Null is unknown. */
  measureDisk(): Promise<DiskUsage | null>;

  /**
   * What is being pulled or loaded now, as far as the engine's own files show: its API tells of it only when it has ended. As cheap as
   * {@link measureDisk}.
   */
  readReceiving(): Receiving;

  /**
   * What the build cache holds: asked only where a rule needs to know.
   *
   * @param mayTakeLong an engine that would have to measure much else for it (Docker 20.10: all volumes) does so; else it is unknown there
   * @returns null where it is unknown
   */
  readBuildCache(mayTakeLong: boolean): Promise<BuildCache | null>;

  /** Has the engine drop what its build cache has not used for so long, by its own clock. @returns bytes that went, as it says */
  pruneBuildCache(unusedForMs: DurationMs): Promise<Bytes>;

  /** Gives the image one more name. @returns false when the image is gone */
  addName(imageId: ImageId, reference: string): Promise<boolean>;

  /**
   * Takes one name off; the last name takes the image with it. Parents that have no name stay (`noprune`).
   *
   * @param reference a tag or digest reference
   */
  removeName(reference: string): Promise<RemoveOutcome>;

  /** Removes an image by its ID: with holds, one that has no name, or names by digest in one repository only; without, any. */
  removeImage(imageId: ImageId): Promise<RemoveOutcome>;

  /**
   * When a container ended that nothing starts again by itself, in the engine's own words, which change when it runs again.
   *
   * @returns null for any other: it is gone, runs, has a restart policy, is removed by the engine itself, or belongs to an orchestrator
   */
  readEnd(containerId: ContainerId): Promise<string | null>;

  /** Removes a container that has ended; its volumes stay. One that runs by now is `in-use`. */
  removeContainer(containerId: ContainerId): Promise<RemoveOutcome>;

  /**
   * Tells what happens, from a cursor on as far as the engine remembers, and then as it happens; until `signal` is aborted.
   * Events come in the engine's order and in groups, as they arrive. What an engine forgot in between is lost without a word, so whoever
   * watches looks as well, after `onOpen`.
   *
   * @throws OperatingError when the engine ends the stream, or fails while a name in it is looked up; what was not told by then is told
   * again to whoever resumes from the last cursor
   */
  watch(watcher: EventWatcher): Promise<void>;

  close(): void;
}

/** What an engine is writing. */
export interface Receiving {
  readonly isUnderWay: boolean;
  /** Known to be still to come, at least; 0 where the engine does not say. */
  readonly missingBytes: Bytes;
}

/** Who is told of events. */
export interface EventWatcher {
  /** Null: from now on. */
  readonly since: EventCursor | null;
  readonly signal: AbortSignal;
  /**
   * The engine listens: whatever happens from here on is told.
   *
   * @param from stands before all of it, so that nothing is lost when this ends before the first event; null: the engine does not say
   */
  readonly onOpen: (from: EventCursor | null) => void;
  /** @param cursor stands behind the last of these events */
  readonly onEvents: (events: readonly EngineEvent[], cursor: EventCursor) => void;
}

/** Which engine, and which of its stores, in words that stay the same over restarts of both sides. */
export interface EngineIdentity {
  readonly name: 'docker' | 'podman' | 'containerd' | 'cri' | 'memory';
  readonly version: string;
  /** The engine's own ID; the lock is keyed by it. */
  readonly engineId: string;
  /** The image store within it (`overlay2`, `overlayfs`): its IDs mean nothing in another store. */
  readonly storeId: string;
  /** What a person calls it: `docker 28.5.2 at unix:///var/run/docker.sock (overlay2)`. */
  readonly title: string;
}

/** What an engine can do; the difference is named here, never guessed from a version. */
export interface Capabilities {
  /**
   * Names can be taken off and given back: removal goes by holds (design §5.4). Where false, {@link Runtime.addName} and
   * {@link Runtime.removeName} do nothing, and {@link Runtime.removeImage} takes all names; it looks again itself right before, one image
   * at a time, and answers `in-use` for whatever the engine's own records speak against. A hold that {@link Runtime.observe} finds there all the
   * same is of an interrupted removal, and to take it off gives all names back.
   */
  readonly holds: boolean;
  /** A registry digest is proof of a pull; where false, an unseen origin counts as local. */
  readonly digestsProvePull: boolean;
  /** A digest reference is taken off alone: an image that has a tag by then stays. Where false, tags of its repository go with it. */
  readonly digestsGoAlone: boolean;
  /** A listing tells of every image the one it was built on; where false, one removal may need another to have ended. */
  readonly parentsKnown: boolean;
  /** `replayed`: a watch resumes from a cursor. `live`: what happened while nobody watched is lost. `none`: only looks tell. */
  readonly events: 'replayed' | 'live' | 'none';
}

/** The result of {@link Runtime.observe}. */
export interface Observation {
  readonly inventory: Inventory;
  /** Facts that `known` did not hold; to be stored. */
  readonly learned: LayerFacts;
  /** Holds found, of whoever placed them. */
  readonly holds: readonly FoundHold[];
}

/** A tag of the form of `model/hold.ts`, as found on an image. */
export interface FoundHold extends Hold {
  readonly imageId: ImageId;
  /** The hold itself, canonical. */
  readonly reference: string;
}

/** One container and every image it needs. */
export interface ContainerUse extends Pick<Container, 'id' | 'name' | 'state'> {
  /** Root and mounts; never empty unless the image is gone or unknown. */
  readonly imageIds: readonly ImageId[];
  /** Whether `imageIds` is complete. False is doubt. */
  readonly isComplete: boolean;
}

/** Canonical names of one image, each list sorted. */
export interface ImageNames {
  /** Without holds. */
  readonly references: readonly string[];
  readonly digests: readonly string[];
  readonly holds: readonly FoundHold[];
}

/**
 * What became of a request to take off a name or remove an image.
 *
 * - `done`: the engine did it. `isImageDeleted` tells whether the image itself went; `deletedLayers` are the layers that really went,
 *   where the engine says (null where it does not).
 * - `gone`: there was nothing of that name or ID.
 * - `in-use`: the engine refused because something needs it (409).
 * - `failed`: anything else; `message` is the engine's own.
 */
export type RemoveOutcome =
  | { readonly kind: 'done'; readonly isImageDeleted: boolean; readonly deletedLayers: readonly ChainId[] | null }
  | { readonly kind: 'gone' }
  | { readonly kind: 'in-use' | 'failed'; readonly message: string };
