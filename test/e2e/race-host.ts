/** Collections on one engine in which containers are created from its images, held against what the engine itself says then. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import { runInProcess } from './cli-world.ts';
import type { NamesById } from './engine-names.ts';
import { makeFolder, UNPROTECTED } from './imagegc-process.ts';
import { type Attempt, CREATED, NOT_FOUND, type RaceEngine, type RaceImage, WAYS, type Way } from './race-engine.ts';

/** One collection, with what the engine itself says afterwards. */
export interface Round {
  readonly attempts: readonly Attempt[];
  /** IDs of images that a container was made from, and that are listed no more. */
  readonly strandedImages: ReadonlySet<string>;
  readonly outcomes: ReadonlyMap<string, string>;
  /** Names that `collect` says it could not give back, by image ID. */
  readonly toldLost: ReadonlyMap<string, readonly string[]>;
  readonly elapsedMs: number;
}

const report = v.object({
  results: v.array(v.object({ imageId: v.string(), outcome: v.string(), message: v.string() })),
  stranded: v.array(v.object({ id: v.string(), imageIds: v.array(v.string()) })),
});
/** Everything goes that nothing needs, at once. */
export const EVERYTHING = ['--free', '1TB', '--rules-unused-for', 'never', ...UNPROTECTED];
const EXIT = { failed: 1, targetNotReached: 4 } as const;

/** Collections on an engine, one after the other. */
export class RaceHost implements AsyncDisposable {
  readonly engine: RaceEngine;
  readonly #folder = makeFolder();
  /** Every name as it was at first, and as it was read last. */
  readonly #names: NamesById;
  #latest: NamesById;

  constructor(engine: RaceEngine, names: NamesById) {
    this.engine = engine;
    this.#names = names;
    this.#latest = names;
  }

  /** Makes the engine what it was at first: no container, every image with every name. */
  async restore(): Promise<void> {
    this.engine.gate.watch(() => undefined);
    await this.engine.removeContainers();
    const isWhole = ({ id }: RaceImage) => `${this.#latest[id]}` === `${this.#names[id]}`;
    await this.engine.refill(this.engine.images.filter((image) => !isWhole(image)));
    this.#latest = this.#names;
  }

  /**
   * Collects everything while `race` creates containers; what `collect` tells must be what the engine says then.
   *
   * @param race begun together with the collection, and awaited with it
   */
  async collect(race: () => Promise<readonly Attempt[]>): Promise<Round> {
    const store = join(this.#folder.path, randomUUID());
    const words = [...EVERYTHING, '--store-path', store, '--engine-address', this.engine.address];
    const startedAt = performance.now();
    const collecting = runInProcess(['collect', '--yes', '--json', ...words], 0).then((finished) => {
      return { ...finished, elapsedMs: performance.now() - startedAt };
    });
    const [{ status, stdout, stderr, elapsedMs }, attempts] = await Promise.all([collecting, race()]);
    assert.notEqual(stdout, '', stderr);
    const { results, stranded: told } = v.parse(report, JSON.parse(stdout));
    const stranded = await this.#findStranded();
    assert.deepEqual(
      new Set(told.map(({ id }) => id)),
      new Set(stranded.keys()),
      'collect tells of every stranded container, and of no other',
    );
    const failed = results.filter(({ outcome }) => outcome === 'failed');
    assert.equal(status, stranded.size + failed.length > 0 ? EXIT.failed : EXIT.targetNotReached, stderr);
    const toldLost = new Map(failed.map(({ imageId, message }) => [imageId, readLostNames(message)]));
    const outcomes = new Map(results.map(({ imageId, outcome }) => [imageId, outcome]));
    return { attempts, strandedImages: new Set(stranded.values()), outcomes, toldLost, elapsedMs };
  }

  /**
   * An image that is there has every tag and digest that it had, but those that `collect` told as lost, and nothing of ours is left.
   *
   * @param moved tags that someone else moved, with the image they must be at
   */
  async checkNames({ toldLost }: Round, moved: ReadonlyMap<string, string> = new Map()): Promise<void> {
    this.#latest = await this.engine.readNames();
    const expected = Object.keys(this.#latest).map((id) => {
      const kept = (this.#names[id] ?? []).filter((name) => !moved.has(name) && !toldLost.get(id)?.includes(name));
      return [id, [...kept, ...[...moved].filter(([, owner]) => owner === id).map(([name]) => name)].sort()] as const;
    });
    assert.deepEqual(this.#latest, Object.fromEntries(expected));
  }

  /** What is lost without being an error: only an attempt that was answered with success may have left a container. */
  async checkContainers({ attempts }: Round): Promise<void> {
    const created = attempts.filter(({ status }) => status === CREATED).length;
    assert.equal((await this.engine.listContainers()).length, created);
  }

  /** Containers whose image is listed no more, with that image. */
  async #findStranded(): Promise<ReadonlyMap<string, string>> {
    const present = await this.engine.readNames();
    const lost = (await this.engine.listContainers()).filter(({ imageId }) => !(imageId in present));
    return new Map(lost.map(({ id, imageId }) => [id, imageId]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}

/** @param engine as it is at first */
export async function openRaceHost(engine: RaceEngine): Promise<RaceHost> {
  return new RaceHost(engine, await engine.readNames());
}

/** How attempts of one way ended. */
export interface Ends {
  readonly kept: number;
  /** The container is there, its image is not. */
  readonly stranded: number;
  /** 404, the clean end. */
  readonly gone: number;
  /** The engine failed, and no container is left. */
  readonly failed: number;
  /** Containers whose image stayed and lost a digest by it, which was told. */
  readonly lostDigest: number;
}

/** Counts how all attempts of some rounds ended. */
export function countRaces(rounds: readonly Round[]): Readonly<Record<Way, Ends>> {
  const count = (way: Way): Ends => {
    const ends = { kept: 0, stranded: 0, gone: 0, failed: 0, lostDigest: 0 };
    for (const { attempts, strandedImages, toldLost } of rounds) {
      for (const { image, status } of attempts.filter((attempt) => attempt.way === way)) {
        if (status === NOT_FOUND) ends.gone += 1;
        else if (status !== CREATED) ends.failed += 1;
        else if (strandedImages.has(image.id)) ends.stranded += 1;
        else ends.kept += 1;
        if (toldLost.has(image.id)) ends.lostDigest += 1;
      }
    }
    return ends;
  };
  return { tag: count('tag'), ID: count('ID'), digest: count('digest') };
}

/** One line to quote. */
export function formatRaces(races: Readonly<Record<Way, Ends>>): string {
  const parts = WAYS.map((way) => {
    const { kept, stranded, gone, failed, lostDigest } = races[way];
    const count = kept + stranded + gone + failed;
    const rest = `${kept} kept it, ${gone} found no image (404), ${failed} were refused with 500, ${lostDigest} cost a digest`;
    return count === 0 ? [] : `by ${way} ${stranded} of ${count} without their image (${rest})`;
  });
  return `${parts.flat().join('; ')}; all told`;
}

function readLostNames(message: string): readonly string[] {
  return / could not give back (.*)$/.exec(message)?.[1]?.split(', ') ?? [];
}
