/** Containers are created, and tags are moved, while images are being removed. What cannot be prevented is found and told. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { randomFrom } from '../../src/simulate/seeded-random.ts';
import { kindsOf, openLabOfRun } from '../contract/lab-of-run.ts';
import { CONTAINERD_KINDS, ENGINE_KINDS, isPodman, type Lab } from '../lab/lab.ts';
import { openContainerdRaceEngine, RACE_MODES } from './containerd-race-engine.ts';
import { openDockerRaceEngine } from './docker-race-engine.ts';
import { type GateCall, nameTakenOff } from './engine-gate.ts';
import { type Attempt, CREATED, NOT_FOUND, type RaceEngine, type RaceImage, REFUSED, type Way } from './race-engine.ts';
import { countRaces, formatRaces, openRaceHost, type RaceHost, type Round } from './race-host.ts';

/** One engine to race on. */
interface Subject {
  readonly title: string;
  readonly open: (count: number) => Promise<RaceEngine>;
  readonly images: number;
  /** Of each way of creating. */
  readonly races: number;
  /** It makes a digest up for every tag. */
  readonly makesDigests: boolean;
  /** An image that somebody took the last name of stays while a container uses it. */
  readonly keepsUnnamed: boolean;
}

const SEED = Number(process.env.IMAGEGC_RACE_SEED ?? randomInt(2 ** 31));
/** In one collection: a batch, and a part of one; where they go one by one, as many as take as long. */
const IMAGES = 40;
const IMAGES_ONE_BY_ONE = 12;
const ANSWERS: readonly number[] = [CREATED, NOT_FOUND, REFUSED];
/** Half of these must never lose. */
const AIMS: readonly Way[] = ['tag', 'ID', 'tag', 'digest'];
/** So much earlier, or a little later, than the engine is asked for the deletion, a creation begins. */
const AIMED_MS = 25;

const lab = await openLabOfRun(ENGINE_KINDS.map((kind) => `races on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  describe('while images are being removed', { concurrency: true }, () => {
    for (const subject of subjectsOf(lab)) {
      describe(subject.title, { concurrency: false }, () => {
        describeCreations(subject);
        for (const isUsed of [false, true]) describeMovedTag(subject, isUsed);
      });
    }
  });
}

function subjectsOf(lab: Lab): readonly Subject[] {
  const { IMAGEGC_RACES: wanted } = process.env;
  const byDocker = kindsOf(lab, ENGINE_KINDS, 'races').map((kind): Subject => {
    const open = (count: number) => openDockerRaceEngine(lab, kind, count);
    // Podman removes and pulls a third as fast.
    const races = Number(wanted ?? (isPodman(kind) ? 60 : 200));
    return {
      title: kind,
      open,
      images: IMAGES,
      races,
      makesDigests: kind === 'docker-new-containerd' || isPodman(kind),
      keepsUnnamed: true,
    };
  });
  const byContainerd = CONTAINERD_KINDS.flatMap((kind) =>
    RACE_MODES.map((mode): Subject => {
      const open = (count: number) => openContainerdRaceEngine(lab, kind, mode, count);
      return {
        title: `${kind}, ${mode}`,
        open,
        images: IMAGES_ONE_BY_ONE,
        races: Number(wanted ?? IMAGES_ONE_BY_ONE),
        makesDigests: false,
        keepsUnnamed: false,
      };
    }),
  );
  return [...byDocker, ...byContainerd];
}

function describeCreations(subject: Subject): void {
  let host: RaceHost;
  let elapsedMs: number;
  const random = randomFrom(SEED);
  before(async () => {
    host = await openRaceHost(await subject.open(subject.images));
  });
  after(() => host[Symbol.asyncDispose]());

  test('a container created just when the name it is made from goes keeps its image, or is told', async (t) => {
    const racing = new Map<RaceImage, Promise<Attempt>>();
    host.engine.gate.watch(async (call) => {
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
    t.diagnostic(`${host.engine.title}, ${AIMED_MS} ms around the deletion, seed ${SEED}: ${formatRaces(countRaces([aimed]))}`);
    assert.equal(racing.size, host.engine.images.length);
  });

  test('a container created by tag at a random moment keeps its image; by ID and by digest, each that does not is told', async (t) => {
    const { images, ways } = host.engine;
    const races = shuffle(
      ways.flatMap((way) => Array.from({ length: subject.races }, () => way)),
      random,
    );
    const rounds: Round[] = [];
    for (let begin = 0; begin < races.length; begin += images.length) {
      await host.restore();
      const moments = races
        .slice(begin, begin + images.length)
        .map((way, index) => ({ way, atMs: random() * elapsedMs, image: images[index] }));
      const racing = () => Promise.all(moments.map(({ image = assert.fail(), ...moment }) => createAt(host, image, moment)));
      const round = await host.collect(racing);
      await checkRound(host, round);
      rounds.push(round);
      ({ elapsedMs } = round);
    }
    const figures = countRaces(rounds);
    t.diagnostic(`${host.engine.title}, random moments of ${rounds.length} collections, seed ${SEED}: ${formatRaces(figures)}`);
    for (const way of ways) {
      const { kept, gone } = figures[way];
      assert.ok(subject.races < subject.images || (kept > 0 && gone > 0), `created by ${way}: one side always wins, so nothing raced`);
    }
    assert.equal(figures.tag.stranded, 0);
  });
}

function describeMovedTag(subject: Subject, isUsed: boolean): void {
  test(`a tag that someone moves stays where they put it when ${isUsed ? 'a container uses' : 'nothing uses'} the old image`, async () => {
    await using host = await openRaceHost(await subject.open(4));
    const [single, double, , newer = assert.fail()] = host.engine.images;
    const old = (subject.keepsUnnamed ? single : double) ?? assert.fail();
    const [tag] = old.tags;
    const created = [await host.engine.create(newer, 'tag')];
    let isMoved = false;
    host.engine.gate.watch(async (call) => {
      const name = nameTakenOff(call);
      if (isMoved || (name !== tag && name !== old.id)) return undefined;
      if (isUsed && call.moment === 'before') created.push(await host.engine.create(old, 'ID'));
      if (call.moment === 'before') return undefined;
      isMoved = true;
      await host.engine.move(tag, newer);
      return undefined;
    });
    const round = { ...(await host.collect(async () => [])), attempts: created };
    assert.equal(isMoved, true);
    assert.equal(round.outcomes.get(old.id), isUsed ? 'in-use' : 'removed');
    assert.deepEqual([await host.engine.findImage(tag), await host.engine.findImage(old.id)], [newer.id, isUsed ? old.id : null]);
    await host.checkContainers(round);
    // Podman and the containerd store make a digest up for every tag.
    const { makesDigests } = subject;
    const made = makesDigests ? [`${tag.replace(/:[^:]*$/, '')}@${newer.digest.replace(/.*@/, '')}`] : [];
    const lost = makesDigests ? [old.digest] : [];
    await host.checkNames({ ...round, toldLost: new Map([[old.id, lost]]) }, new Map([tag, ...made].map((name) => [name, newer.id])));
  });
}

/** Whose creation begins around this call: by tag when that tag goes, else when the last name goes, before the engine hears of it. */
function findAim(host: RaceHost, call: GateCall): { readonly image: RaceImage; readonly way: Way } | undefined {
  const name = nameTakenOff(call);
  if (name === null || call.moment !== 'before') return undefined;
  const [, repository, phase] = /^(.*):imagegc\.(hold|drop)\./.exec(name) ?? [];
  const aims = AIMS.filter((way) => host.engine.ways.includes(way));
  for (const [index, image] of host.engine.images.entries()) {
    // Every third has another kind of names, so three in a row are raced alike.
    const way = aims[Math.floor(index / 3) % aims.length] ?? 'tag';
    // All names at once, by CRI.
    if (name === image.id) return { image, way };
    const isLast = phase === (image.tags.length > 1 ? 'drop' : 'hold') && image.tags.some((tag) => tag.startsWith(`${repository}:`));
    if (way === 'tag' ? name === image.tags[0] : isLast) return { image, way };
  }
  return undefined;
}

async function createAt(host: RaceHost, image: RaceImage, { way, atMs }: { readonly way: Way; readonly atMs: number }): Promise<Attempt> {
  // waits: the moments are what is tested
  if (atMs > 0) await setTimeout(atMs);
  return host.engine.create(image, way);
}

/** Whoever lost, nothing else did: every name of every image that stayed, and every container by tag. */
async function checkRound(host: RaceHost, round: Round): Promise<void> {
  for (const { way, image, status, text } of round.attempts) {
    assert.ok(ANSWERS.includes(status), `${status} ${text}`);
    if (way === 'tag') assert.equal(round.strandedImages.has(image.id), false, `created by ${image.tags[0]}, and the image is gone`);
    if (way === 'tag') assert.notEqual(round.outcomes.get(image.id), 'failed', `${round.toldLost.get(image.id)}`);
  }
  for (const { id } of host.engine.held) assert.equal(round.outcomes.has(id), false, 'a pod needs it');
  await host.checkContainers(round);
  await host.checkNames(round);
}

function shuffle<Item>(items: readonly Item[], random: () => number): readonly Item[] {
  const ranked = items.map((item) => ({ item, rank: random() }));
  return ranked.sort((left, right) => left.rank - right.rank).map(({ item }) => item);
}
