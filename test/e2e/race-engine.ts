/** What the races need of an engine, whichever it is. */
import type { EngineGate } from './engine-gate.ts';
import type { NamesById } from './engine-names.ts';

/** One image, and every name a container can be created by. */
export interface RaceImage {
  readonly id: string;
  readonly tags: readonly [string, ...string[]];
  readonly digest: string;
}

/** How a creation names its image. */
export type Way = 'tag' | 'ID' | 'digest';
export const WAYS: readonly Way[] = ['tag', 'ID', 'digest'];

/** How a creation ended, in Docker's numbers. */
export const CREATED = 201;
export const NOT_FOUND = 404;
export const REFUSED = 500;

/** A creation that was tried. */
export interface Attempt {
  readonly way: Way;
  readonly image: RaceImage;
  readonly status: number;
  /** The engine's own words where it refused. */
  readonly text: string;
}

/** One container of a race, as the engine itself lists it. */
export interface RaceContainer {
  /** As imagegc tells it. */
  readonly id: string;
  readonly imageId: string;
}

/** An engine with a gate before it and small images, which come back quickly. Whatever is done to it here goes past the gate. */
export interface RaceEngine extends AsyncDisposable {
  readonly title: string;
  /** Of the gate, as the product is given it. */
  readonly address: string;
  readonly gate: EngineGate;
  readonly images: readonly RaceImage[];
  /** In use all the time, by containers and pods in each state; not among {@link images}. */
  readonly held: readonly RaceImage[];
  /** By which a container can be created. */
  readonly ways: readonly Way[];
  /** Creates a container as anybody does. */
  create(image: RaceImage, way: Way): Promise<Attempt>;
  /** Those that {@link create} made. */
  listContainers(): Promise<readonly RaceContainer[]>;
  removeContainers(): Promise<void>;
  /** Every image with all its names, whatever is ours included. */
  readNames(): Promise<NamesById>;
  /** Gives images back, with all names. */
  refill(images: readonly RaceImage[]): Promise<void>;
  /** The image that a name points to; null when none does. */
  findImage(name: string): Promise<string | null>;
  /** Moves a name to another image. */
  move(name: string, to: RaceImage): Promise<void>;
}

/** Calls at once, where their order does not matter. */
const LANES = 4;

/** Does something with each, a few at once. */
export async function inLanes<Item>(items: readonly Item[], act: (item: Item) => Promise<unknown>): Promise<void> {
  const queue = [...items];
  const work = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: LANES }, work));
}
