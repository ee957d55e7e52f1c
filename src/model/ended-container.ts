import type { Instant } from './use-record.ts';

/** What is remembered of a container that ended, and that nothing starts again by itself. */
export interface EndedContainer {
  /** When it ended, in the engine's own words: other words mean that it ran again. */
  readonly end: string;
  /** When it was first seen so. */
  readonly since: Instant;
}
