/** Containers are created, and tags are moved, while images are being removed. What cannot be prevented is found and told. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { randomFrom } from '../../src/simulate/seeded-random.ts';
import { kindsOf, openLabOfRun } from '../contract/lab-of-run.ts';
import { ENGINE_KINDS, type EngineKind, isPodman, type Lab } from '../lab/lab.ts';
import { type GateCall, nameTakenOff } from './engine-gate.ts';
import { findImage, tagImage } from './engine-names.ts';
import { describeEngine } from './image-scene.ts';
import {
  type Attempt,
  countRaces,
  formatRaces,
  openRaceHost,
  type RaceHost,
  type RaceImage,
  type Round,
  WAYS,
  type Way,
} from './race-host.ts';

/** Of each way of creating, on each engine. Podman removes and pulls a third as fast. */
const racesOn = (kind: EngineKind): number => Number(process.env.IMAGEGC_RACES ?? (isPodman(kind) ? 60 : 200));
const SEED = Number(process.env.IMAGEGC_RACE_SEED ?? randomInt(2 ** 31));
/** In one collection: a batch, and a part of one. */
const IMAGES = 40;
const ANSWERS: readonly number[] = [201, 404, 500];
/** Half of these must never lose. */
const AIMS: readonly Way[] = ['tag', 'ID', 'tag', 'digest'];
/** So much earlier, or a little later, than the engine is asked for the deletion, a creation begins. */
const AIMED_MS = 25;

const lab = await openLabOfRun(ENGINE_KINDS.map((kind) => `races on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  describe('while images are being removed', { concurrency: true }, () => {
    for (const kind of kindsOf(lab, ENGINE_KINDS, 'races')) {
      describe(kind, { concurrency: false }, () => {
        describeCreations(lab, kind);
        for (const isUsed of [false, true]) describeMovedTag(lab, kind, isUsed);
      });
    }
  });
}

function describeCreations(lab: Lab, kind: EngineKind): void {
  let host: RaceHost;
  let elapsedMs: number;
  const random = randomFrom(SEED);
  const count = racesOn(kind);
  before(async () => {
    host = await openRaceHost(lab, kind, IMAGES);
  });
  after(() => host[Symbol.asyncDispose]());

  test('a container created just when the name it is made from goes keeps its image, or is told', async (t) => {
    const racing = new Map<RaceImage, Promise<Attempt>>();
    host.gate.watch(async (call) => {
      const aim = findAim(host, call);
      if (aim === undefined || racing.has(aim.image)) return undefined;
      const atMs = (random() * 1.2 - 1) * AIMED_MS;
      racing.set(aim.image, createAt(host, aim.image, { way: aim.way, atMs }));
      // waits: the creation begins before the deletion
      await setTimeout(Math.max(0, -atMs));
      return undefined;
    });
    const round = await host.collect(async () => []);
    const aimed = { ...round, attempts: await Promise.all(racing.values()) };
    await checkRound(host, aimed);
    ({ elapsedMs } = round);
    t.diagnostic(
      `${await describeEngine(host.engine)}, ${AIMED_MS} ms around the deletion, seed ${SEED}: ${formatRaces(countRaces([aimed]))}`,
    );
    assert.equal(racing.size, IMAGES);
  });

  test('a container created by tag at a random moment keeps its image; by ID and by digest, each that does not is told', async (t) => {
    const races = shuffle(
      WAYS.flatMap((way) => Array.from({ length: count }, () => way)),
      random,
    );
    const rounds: Round[] = [];
    for (let begin = 0; begin < races.length; begin += IMAGES) {
      await host.restore();
      const moments = races
        .slice(begin, begin + IMAGES)
        .map((way, index) => ({ way, atMs: random() * elapsedMs, image: host.images[index] }));
      const racing = () => Promise.all(moments.map(({ image = assert.fail(), ...moment }) => createAt(host, image, moment)));
      const round = await host.collect(racing);
      await checkRound(host, round);
      rounds.push(round);
      ({ elapsedMs } = round);
    }
    const figures = countRaces(rounds);
    t.diagnostic(
      `${await describeEngine(host.engine)}, random moments of ${rounds.length} collections, seed ${SEED}: ${formatRaces(figures)}`,
    );
    for (const way of WAYS) {
      const { kept, gone } = figures[way];
      assert.ok(count < IMAGES || (kept > 0 && gone > 0), `created by ${way}: one side always wins, so nothing raced`);
    }
    assert.equal(figures.tag.stranded, 0);
  });
}

function describeMovedTag(lab: Lab, kind: EngineKind, isUsed: boolean): void {
  test(`a tag that someone moves stays where they put it when ${isUsed ? 'a container uses' : 'nothing uses'} the old image`, async () => {
    await using host = await openRaceHost(lab, kind, 4);
    const [old = assert.fail(), , , newer = assert.fail()] = host.images;
    const [tag] = old.tags;
    const created = [await host.create(newer, 'tag')];
    let isMoved = false;
    host.gate.watch(async (call) => {
      if (isMoved || call.moment !== 'after' || nameTakenOff(call) !== tag) return undefined;
      isMoved = true;
      if (isUsed) created.push(await host.create(old, 'ID'));
      await tagImage(host.engine, newer.id, tag);
      return undefined;
    });
    const round = { ...(await host.collect(async () => [])), attempts: created };
    assert.equal(isMoved, true);
    assert.equal(round.outcomes.get(old.id), isUsed ? 'in-use' : 'removed');
    assert.deepEqual([await findImage(host.engine, tag), await findImage(host.engine, old.id)], [newer.id, isUsed ? old.id : null]);
    await host.checkContainers(round);
    // Podman and the containerd store make a digest up for every tag.
    const isMadeUp = kind === 'docker-new-containerd' || isPodman(kind);
    const made = isMadeUp ? [`${tag.replace(/:[^:]*$/, '')}@${newer.digest.replace(/.*@/, '')}`] : [];
    const lost = isMadeUp ? [old.digest] : [];
    await host.checkNames({ ...round, toldLost: new Map([[old.id, lost]]) }, new Map([tag, ...made].map((name) => [name, newer.id])));
  });
}

/** Whose creation begins around this call: by tag when that tag goes, else when the last name goes, before the engine hears of it. */
function findAim(host: RaceHost, call: GateCall): { readonly image: RaceImage; readonly way: Way } | undefined {
  const name = nameTakenOff(call);
  if (name === null || call.moment !== 'before') return undefined;
  const [, repository, phase] = /^(.*):imagegc\.(hold|drop)\./.exec(name) ?? [];
  for (const [index, image] of host.images.entries()) {
    // Every third has another kind of names, so three in a row are raced alike.
    const way = AIMS[Math.floor(index / 3) % AIMS.length] ?? 'tag';
    const isLast = phase === (image.tags.length > 1 ? 'drop' : 'hold') && image.tags.some((tag) => tag.startsWith(`${repository}:`));
    if (way === 'tag' ? name === image.tags[0] : isLast) return { image, way };
  }
  return undefined;
}

async function createAt(host: RaceHost, image: RaceImage, { way, atMs }: { readonly way: Way; readonly atMs: number }): Promise<Attempt> {
  // waits: the moments are what is tested
  if (atMs > 0) await setTimeout(atMs);
  return host.create(image, way);
}

/** Whoever lost, nothing else did: every name of every image that stayed, and every container by tag. */
async function checkRound(host: RaceHost, round: Round): Promise<void> {
  for (const { way, image, status, text } of round.attempts) {
    assert.ok(ANSWERS.includes(status), `${status} ${text}`);
    if (way === 'tag') assert.equal(round.strandedImages.has(image.id), false, `created by ${image.tags[0]}, and the image is gone`);
    if (way === 'tag') assert.notEqual(round.outcomes.get(image.id), 'failed', `${round.toldLost.get(image.id)}`);
  }
  await host.checkContainers(round);
  await host.checkNames(round);
}

function shuffle<Item>(items: readonly Item[], random: () => number): readonly Item[] {
  const ranked = items.map((item) => ({ item, rank: random() }));
  return ranked.sort((left, right) => left.rank - right.rank).map(({ item }) => item);
}
