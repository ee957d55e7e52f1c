/** Small pulled images on one engine, which come back quickly, and collections in which containers are created from them. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import type { EngineKind, ImageSpec, Lab, LabEngine, LabRegistry } from '../lab/lab.ts';
import { runInProcess } from './cli-world.ts';
import { type EngineGate, openEngineGate } from './engine-gate.ts';
import { imageOf, type NamesById, readAllNames, tagImage } from './engine-names.ts';
import { makeFolder } from './imagegc-process.ts';

/** One image, and every name a container can be created by. */
export interface RaceImage {
  readonly id: string;
  readonly tags: readonly [string, ...string[]];
  readonly digest: string;
}

/** How a creation names its image. */
export type Way = 'tag' | 'ID' | 'digest';
export const WAYS: readonly Way[] = ['tag', 'ID', 'digest'];

/** A creation that was tried. */
export interface Attempt {
  readonly way: Way;
  readonly image: RaceImage;
  readonly status: number;
  /** The engine's own words where it refused. */
  readonly text: string;
}

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

const idList = v.array(v.object({ Id: v.string() }));
const containerList = v.array(v.object({ Id: v.string(), ImageID: v.string() }));
const report = v.object({
  results: v.array(v.object({ imageId: v.string(), outcome: v.string(), message: v.string() })),
  stranded: v.array(v.object({ id: v.string(), imageIds: v.array(v.string()) })),
});
/** Everything goes that nothing needs, at once. */
export const EVERYTHING = [
  '--free',
  '1TB',
  '--rules-min-age',
  '0s',
  '--rules-unused-for',
  'never',
  '--protect-local',
  'no',
  '--protect-keep-last',
  '0',
];
const CREATED = 201;
const NOT_FOUND = 404;
const EXIT = { failed: 1, targetNotReached: 4 } as const;
/** Calls at once, where their order does not matter. */
const LANES = 4;

interface Parts {
  readonly engine: LabEngine;
  readonly gate: EngineGate;
  readonly images: readonly RaceImage[];
  readonly folder: string;
  readonly close: () => Promise<void>;
}

/** An engine with a gate before it; every image is pulled from a registry of its own. */
export class RaceHost implements AsyncDisposable {
  readonly engine: LabEngine;
  readonly gate: EngineGate;
  readonly images: readonly RaceImage[];
  readonly #parts: Parts;
  /** Every name as it was at first, and as it was read last. */
  readonly #names: NamesById;
  #latest: NamesById;

  constructor(parts: Parts, names: NamesById) {
    this.engine = parts.engine;
    this.gate = parts.gate;
    this.images = parts.images;
    this.#parts = parts;
    this.#names = names;
    this.#latest = names;
  }

  /** Makes the engine what it was at first: no container, every image with every name. */
  async restore(): Promise<void> {
    this.gate.watch(() => undefined);
    await inLanes(await this.#listContainers(), ({ Id }) => this.engine.removeContainer(Id));
    const isWhole = ({ id }: RaceImage) => `${this.#latest[id]}` === `${this.#names[id]}`;
    await pullAll(
      this.engine,
      this.images.filter((image) => !isWhole(image)),
    );
    this.#latest = this.#names;
  }

  /**
   * Collects everything while `race` creates containers; what `collect` tells must be what the engine says then.
   *
   * @param race begun together with the collection, and awaited with it
   */
  async collect(race: () => Promise<readonly Attempt[]>): Promise<Round> {
    const store = join(this.#parts.folder, randomUUID());
    const words = [...EVERYTHING, '--store-path', store, '--engine-address', `unix://${this.gate.socketPath}`];
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

  /** Creates a container as anybody does, past the gate. */
  async create(image: RaceImage, way: Way): Promise<Attempt> {
    const Image = { tag: image.tags[0], ID: image.id, digest: image.digest }[way];
    const { status, text } = await this.engine.request('POST', '/containers/create', { Image, HostConfig: { NetworkMode: 'none' } });
    return { way, image, status, text };
  }

  /**
   * An image that is there has every tag and digest that it had, but those that `collect` told as lost, and nothing of ours is left.
   *
   * @param moved tags that someone else moved, with the image they must be at
   */
  async checkNames({ toldLost }: Round, moved: ReadonlyMap<string, string> = new Map()): Promise<void> {
    this.#latest = await readAllNames(this.engine);
    const expected = Object.keys(this.#latest).map((id) => {
      const kept = (this.#names[id] ?? []).filter((name) => !moved.has(name) && !toldLost.get(id)?.includes(name));
      return [id, [...kept, ...[...moved].filter(([, owner]) => owner === id).map(([name]) => name)].sort()] as const;
    });
    assert.deepEqual(this.#latest, Object.fromEntries(expected));
  }

  /** What is lost without being an error: only an attempt that was answered with success may have left a container. */
  async checkContainers({ attempts }: Round): Promise<void> {
    const created = attempts.filter(({ status }) => status === CREATED).length;
    assert.equal((await this.#listContainers()).length, created);
  }

  /** Containers whose image is listed no more, with that image. */
  async #findStranded(): Promise<ReadonlyMap<string, string>> {
    const images = v.parse(idList, (await this.engine.request('GET', '/images/json?all=1')).body);
    const present = new Set(images.map(({ Id }) => Id));
    const lost = (await this.#listContainers()).filter(({ ImageID }) => !present.has(ImageID));
    return new Map(lost.map(({ Id, ImageID }) => [Id, ImageID]));
  }

  async #listContainers() {
    return v.parse(containerList, (await this.engine.request('GET', '/containers/json?all=1')).body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.close();
  }
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

/** Starts an engine and a registry, and pulls. A third of the images has two tags, another third is in two repositories. */
export async function openRaceHost(lab: Lab, kind: EngineKind, count: number): Promise<RaceHost> {
  const folder = makeFolder();
  const registry = await lab.startRegistry();
  const engine = await lab.start(kind);
  const gate = await openEngineGate(join(folder.path, 'gate.sock'), engine.socketPath);
  const images = await fill(engine, registry, count);
  const close = async () => {
    await gate[Symbol.asyncDispose]();
    await engine.stop();
    await registry.stop();
    folder[Symbol.dispose]();
  };
  return new RaceHost({ engine, gate, images, folder: folder.path, close }, await readAllNames(engine));
}

async function fill(engine: LabEngine, registry: LabRegistry, count: number): Promise<readonly RaceImage[]> {
  const built = registry.seed(Array.from({ length: count }, (_, index) => specsOf(index)).flat());
  const named = Map.groupBy(built, ({ digest }) => digest);
  const wanted = [...named].map(([digest, copies]): RaceImage => {
    const [first = assert.fail(), ...rest] = copies.flatMap(({ repository, tags }) =>
      tags.map((tag) => `${registry.address}/${repository}:${tag}`),
    );
    return { id: '', tags: [first, ...rest], digest: `${first.replace(/:[^:/]*$/, '')}@${digest}` };
  });
  await pullAll(engine, wanted);
  const images: RaceImage[] = [];
  for (const image of wanted) images.push({ ...image, id: await imageOf(engine, image.tags[0]) });
  return images;
}

function specsOf(index: number): readonly ImageSpec[] {
  const layers = [
    { key: 'race-base', kb: 4 },
    { key: `race${index}`, kb: 4 },
  ];
  const spec = (repository: string, tags: readonly string[]): ImageSpec => ({ repository, tags, layers, runnable: false });
  const tags = index % 3 === 1 ? ['v1', 'v2'] : ['v1'];
  return [spec(`race/i${index}`, tags), ...(index % 3 === 2 ? [spec(`race/copy${index}`, ['v1'])] : [])];
}

/** A second tag in the same repository is given here, which is what another pull would do. */
function pullAll(engine: LabEngine, images: readonly RaceImage[]): Promise<void> {
  return inLanes(images, async ({ tags: [first, second] }) => {
    await engine.pull(first);
    if (second?.endsWith(':v2')) await tagImage(engine, first, second);
    else if (second !== undefined) await engine.pull(second);
  });
}

async function inLanes<Item>(items: readonly Item[], act: (item: Item) => Promise<unknown>): Promise<void> {
  const queue = [...items];
  const work = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: LANES }, work));
}
