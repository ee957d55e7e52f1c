import type { World } from '../src/cli/world.ts';

/** A host with images, for the demonstration. */
export interface DemoHost extends AsyncDisposable {
  /** What differs from the process's own world. */
  readonly world: Partial<World>;
  readonly socketPath: string;
  readonly storePath: string;
  /** Names of images that play a part. */
  readonly used: string;
  readonly unused: string;
  readonly pinned: string;
  /** What `measure` reads. */
  readonly measured: string;
  readonly measure: () => Promise<number>;
}
