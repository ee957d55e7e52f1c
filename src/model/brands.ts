/**
 * Numbers and strings that must not be mixed up. A brand costs nothing at run time; it is given here and nowhere else.
 */
declare const brand: unique symbol;
type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

/** An opaque handle of one image in one engine's store; compared, never taken apart (OCI image-spec `config.md`, ImageID). */
export type ImageId = Brand<string, 'ImageId'>;

/** Identifies an unpacked layer together with all layers below it (OCI image-spec `config.md`, Layer ChainID). */
export type ChainId = Brand<string, 'ChainId'>;

/** An engine's handle of one container. */
export type ContainerId = Brand<string, 'ContainerId'>;

/** Whole bytes, 0 or more. */
export type Bytes = Brand<number, 'Bytes'>;

/** Whole milliseconds between two instants, 0 or more. */
export type DurationMs = Brand<number, 'DurationMs'>;

/** Milliseconds on the idle clock of `usage/idle-clock.ts`: the only scale on which ages are counted. */
export type IdleMs = Brand<number, 'IdleMs'>;

/** Milliseconds since 1970 as the host's wall clock said; shown to people, never subtracted to get an age. */
export type WallMs = Brand<number, 'WallMs'>;

/** Makes an {@link ImageId} of what an engine calls its image. */
export const imageId = (text: string): ImageId => text as ImageId;

/** Makes a {@link ChainId} of `sha256:…`. */
export const chainId = (text: string): ChainId => text as ChainId;

/** Makes a {@link ContainerId} of what an engine calls its container. */
export const containerId = (text: string): ContainerId => text as ContainerId;

/** Makes {@link Bytes}; the caller has checked that it is a whole number of 0 or more. */
export const bytes = (count: number): Bytes => count as Bytes;

/** Makes a {@link DurationMs}; negative differences become 0, because no age is negative. */
export const durationMs = (count: number): DurationMs => Math.max(0, count) as DurationMs;

/** Makes an instant on the idle clock. */
export const idleMs = (count: number): IdleMs => count as IdleMs;

/** Makes a wall-clock instant. */
export const wallMs = (count: number): WallMs => count as WallMs;

/** The idle clock of a what-if, in which the wall times that a file gives are taken as true. */
export const idleAt = (wall: WallMs): IdleMs => idleMs(wall);

/** A minute, in milliseconds. */
export const MINUTE_MS = 60_000;
/** An hour, in milliseconds. */
export const HOUR_MS = 3_600_000;
/** A day of 24 hours, in milliseconds. */
export const DAY_MS = 86_400_000;
