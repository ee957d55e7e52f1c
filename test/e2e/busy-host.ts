/** An engine on which people work: they run, build, pull, load and tag, and write down when they began. */
import assert from 'node:assert/strict';
import * as v from 'valibot';
import type { ImageSpec, LabEngine, LabRegistry } from '../lab/lab.ts';
import { TAR_END, tarMember } from '../lab/tar.ts';
import { until } from './daemon-process.ts';
import type { DeletionFollower } from './engine-deletions.ts';
import { findImage, readNamesOf, tagImage } from './engine-names.ts';
import type { UseLedger } from './use-ledger.ts';

const PULLED = 10;
const LOADED = 8;
const BUILT = 4;
const MOVING = 3;
/** More containers than this are not kept: their images never go. */
const CONTAINERS = 6;
/** The favourites of one time are not those of the next. */
const SEASON_MS = 9_000;

/** What people work with, and what is known of it. */
export interface BusyScene {
  readonly engine: LabEngine;
  readonly ledger: UseLedger;
  readonly follower: DeletionFollower;
  readonly random: () => number;
}

/** One image that people use, by its own tag. */
interface Slot {
  readonly tag: string;
  readonly bring: () => Promise<void>;
}

const created = v.object({ Id: v.string() });
const inspected = v.object({ Image: v.string() });
const CREATED = 201;
const BACK_LIMIT_MS = 10_000;
/** An engine tells that an image is gone when its layers are. */
const GONE_LIMIT_MS = 1_000;

/** The engine would not. */
class RefusedError extends Error {}

/** Everything people do; at random, as the seed says. */
export class BusyHost {
  readonly #engine: LabEngine;
  readonly #ledger: UseLedger;
  readonly #follower: DeletionFollower;
  readonly #random: () => number;
  readonly #slots: readonly Slot[];
  readonly #startedAt = performance.now();
  #builds = 0;
  /** Acts that the engine refused, and why: a name was off for a moment, mostly. */
  readonly refused: string[] = [];
  /** Names of what was brought in the moment in which it was deleted, and had to be brought again. */
  readonly overtaken: string[] = [];

  constructor({ engine, ledger, follower, random }: BusyScene, registry: LabRegistry) {
    this.#engine = engine;
    this.#ledger = ledger;
    this.#follower = follower;
    this.#random = random;
    const pulled = upTo(PULLED).map((index) => imageSpec(`team/pulled${index}`));
    registry.seed(pulled);
    this.#slots = [
      ...pulled.map(({ repository }) => `${registry.address}/${repository}:1`).map((tag) => ({ tag, bring: () => this.#pull(tag) })),
      ...upTo(LOADED).map((index) => ({ tag: `lab/loaded${index}:1`, bring: () => this.#load(`lab/loaded${index}`) })),
      ...upTo(BUILT).map((index) => ({ tag: `lab/built${index}:1`, bring: () => this.#build(`lab/built${index}:1`, index) })),
    ];
  }

  /** Brings every image. */
  async fill(): Promise<void> {
    for (const { bring } of this.#slots) await bring();
  }

  /** One thing that somebody does. */
  async act(): Promise<void> {
    const slot = this.#choose();
    if ((await findImage(this.#engine, slot.tag)) === null) return this.#try(slot.bring);
    const dice = this.#random();
    if (dice < 0.35) return this.#try(() => this.#runOnce(slot.tag));
    if (dice < 0.5) return this.#try(() => this.#keepOne(slot.tag, this.#random() < 0.4));
    if (dice < 0.68) return this.#try(() => this.#removeOne());
    if (dice < 0.78) return this.#try(() => this.#moveTag(slot.tag));
    return this.#try(slot.bring);
  }

  /** A few images are wanted often, most seldom. */
  #choose(): Slot {
    const season = Math.floor((performance.now() - this.#startedAt) / SEASON_MS);
    const rank = Math.floor(this.#random() ** 3 * this.#slots.length);
    return this.#slots[(rank + season * 5) % this.#slots.length] ?? assert.fail();
  }

  /** What a collection does in that moment may have an act refused; a name that an act has given must be there. */
  async #try(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      this.refused.push(error.message);
    }
  }

  async #runOnce(tag: string): Promise<void> {
    const container = await this.#create(tag, ['/bin/true']);
    await this.#start(container);
    await this.#remove(container);
  }

  async #keepOne(tag: string, isCreatedOnly: boolean): Promise<void> {
    if (this.#ledger.containers().length >= CONTAINERS) await this.#removeOne();
    const container = await this.#create(tag, ['/bin/sleep', '1000']);
    if (!isCreatedOnly) await this.#start(container);
  }

  async #removeOne(): Promise<void> {
    const containers = this.#ledger.containers();
    const container = containers[Math.floor(this.#random() * containers.length)];
    if (container !== undefined) await this.#remove(container);
  }

  async #create(tag: string, cmd: readonly string[]): Promise<string> {
    const begunMs = Date.now();
    const body = { Image: tag, Cmd: cmd, HostConfig: { NetworkMode: 'none' } };
    const { status, body: answer, text } = await this.#engine.request('POST', '/containers/create', body);
    if (status !== CREATED) throw new RefusedError(`create from ${tag}: ${status} ${text}`);
    const { Id } = v.parse(created, answer);
    const { body: detail } = await this.#engine.request('GET', `/containers/${Id}/json`);
    this.#ledger.created(Id, v.parse(inspected, detail).Image, begunMs);
    return Id;
  }

  async #start(container: string): Promise<void> {
    const { status, text } = await this.#engine.request('POST', `/containers/${container}/start`);
    if (status >= 400) throw new RefusedError(`start: ${status} ${text}`);
  }

  async #remove(container: string): Promise<void> {
    this.#ledger.removing(container, Date.now());
    await this.#engine.removeContainer(container);
  }

  async #moveTag(source: string): Promise<void> {
    const name = `lab/moving:${Math.floor(this.#random() * MOVING)}`;
    const begunMs = Date.now();
    await tagImage(this.#engine, source, name).catch((error: unknown) => {
      throw new RefusedError(String(error));
    });
    await this.#noteTag('tag', name, begunMs);
  }

  async #pull(tag: string): Promise<void> {
    const begunMs = Date.now();
    await this.#engine.pull(tag);
    if (await this.#isOvertaken('pull', tag, begunMs)) return this.#pull(tag);
    await this.#noteTag('pull', tag, begunMs);
  }

  async #load(repository: string): Promise<void> {
    const [begunMs, tag] = [Date.now(), `${repository}:1`];
    await this.#engine.loadImages([imageSpec(repository)]);
    if (await this.#isOvertaken('load', tag, begunMs)) return this.#load(repository);
    await this.#noteTag('load', tag, begunMs);
  }

  /** With BuildKit, which tells nothing of the base; every time something else. */
  async #build(name: string, baseIndex: number): Promise<void> {
    const base = this.#slots[baseIndex] ?? assert.fail();
    const baseId = await findImage(this.#engine, base.tag);
    if (baseId === null) return base.bring();
    this.#builds += 1;
    const dockerfile = `FROM ${base.tag}\nLABEL number=${this.#builds}\nCOPY Dockerfile /copied\n`;
    const context = Buffer.concat([tarMember({ kind: 'file', name: 'Dockerfile', data: Buffer.from(dockerfile) }), TAR_END]);
    const replaced = await findImage(this.#engine, name);
    const begunMs = Date.now();
    const { text } = await this.#engine.request('POST', `/build?version=2&t=${name}`, context);
    if (!text.includes('moby.image.id')) throw new RefusedError(`build on ${base.tag}: ${text}`);
    this.#ledger.use('build', baseId, begunMs);
    // On the containerd store the engine then drops whatever had only this tag, even when a container needs it, and tells nobody.
    if (replaced !== null && (await readNamesOf(this.#engine, replaced)) === null) this.#ledger.dropped(replaced);
    return this.#noteTag('build', name, begunMs);
  }

  /**
   * Whether the engine deleted an image while it was bringing it: it finds the image, deletes it for somebody else, and then gives a name to
   * nothing and says that all went well (Docker with a graph driver, 15 of 173 loads that overlapped with a deletion; no imagegc needed).
   */
  async #isOvertaken(kind: 'load' | 'pull', name: string, begunMs: number): Promise<boolean> {
    const image = this.#ledger.imageOf(name);
    if (image === undefined) return false;
    const { unnamedMs, broughtMs, deletions } = this.#follower;
    await until(
      async () => broughtMs(kind) ?? 0,
      (atMs) => atMs >= begunMs,
      BACK_LIMIT_MS,
    );
    const atMs = unnamedMs(image) ?? 0;
    if (atMs < begunMs || atMs > (broughtMs(kind) ?? 0)) return false;
    const deadline = performance.now() + GONE_LIMIT_MS;
    const isGone = await until(
      async () => deletions().some((each) => each.imageId === image && each.atMs === atMs),
      (isTold) => isTold || performance.now() > deadline,
    );
    // A load that came a little later has made it anew.
    if (!isGone || (await findImage(this.#engine, name)) !== null) return false;
    this.overtaken.push(name);
    return true;
  }

  async #noteTag(kind: 'tag' | 'pull' | 'load' | 'build', name: string, begunMs: number): Promise<void> {
    const doneMs = Date.now();
    // A collection may have the name off, to give it back as soon as it has heard of the use.
    const image = await until(
      () => findImage(this.#engine, name),
      (id) => id !== null,
      BACK_LIMIT_MS,
    );
    assert.ok(image !== null);
    // What was built is told as a tag, so it is seen at once.
    this.#ledger.use(kind === 'build' ? 'tag' : kind, image, begunMs, doneMs);
    this.#ledger.tagged(name, image, doneMs);
  }
}

function imageSpec(repository: string): ImageSpec {
  const layers = ['base', repository].map((key) => ({ key, kb: 4 }));
  return { repository, tags: ['1'], layers };
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}
