import type { ContainerId, ImageId, WallMs } from './brands.ts';

/** What an engine tells as it happens, as far as it says something about the use of images. */
export type EngineEventKind =
  | 'container-created'
  | 'container-started'
  | 'container-ended'
  | 'container-removed'
  | 'image-pulled'
  | 'image-tagged'
  | 'image-loaded'
  | 'image-committed'
  | 'image-removed';

/** One event of an engine. Names in it are resolved already, at the moment it was told. */
export interface EngineEvent {
  readonly kind: EngineEventKind;
  /**
   * The images it concerns, mounts included. Several also where the engine no longer says which of them it was: then each may have been
   * used. Empty: it cannot be known any more, and a look has to make up for it.
   */
  readonly imageIds: readonly ImageId[];
  /** Null for events of images. */
  readonly containerId: ContainerId | null;
  /** The name that was pulled or given, canonical; null where the event tells none. */
  readonly reference: string | null;
  /** When, on the engine's wall clock; for people only. */
  readonly at: WallMs;
}

/** A place in an engine's stream of events, in the adapter's own words: what came after it can be asked for. */
export type EventCursor = string;
