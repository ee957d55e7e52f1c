/** Hours of the daemon's life on real engines that are restarted and killed while people work on them: nothing that is needed goes. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, describe, type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { randomFrom } from '../../src/simulate/seeded-random.ts';
import { openLabOfRun } from '../contract/lab-of-run.ts';
import { DOCKER_KINDS, type DockerKind, type Lab, type LabEngine } from '../lab/lab.ts';
import { BusyHost, type BusyScene } from './busy-host.ts';
import { until, wordsFor } from './daemon-process.ts';
import { type Deletion, followDeletions } from './engine-deletions.ts';
import { type NamesById, readAllNames } from './engine-names.ts';
import { FastDaemon, SPEED } from './fast-daemon.ts';
import { describeEngine } from './image-scene.ts';
import { makeFolder } from './imagegc-process.ts';
import { UseLedger } from './use-ledger.ts';

const SEED = Number(process.env.IMAGEGC_HOURS_SEED ?? randomInt(2 ** 31));
/** Real time, in which people work; afterwards nobody does. */
const BUSY_MS = Number(process.env.IMAGEGC_HOURS_BUSY_MS ?? 45_000);
const QUIET_LIMIT_MS = 40_000;
/** Most disturbances wait for a collection to begin, at most so long; the others come at any moment of so long. */
const COLLECTION_LIMIT_MS = 9_000;
const DISTURBED_AFTER_MS = 4_000;
const HEARD_MS = 200;
const LISTED_LIMIT_MS = 10_000;
/** `unused_for`, as it is on the fast clock. */
const UNUSED_MS = 3_600_000 / SPEED;
/** Uses within a minute are one, and an engine's clock is read a moment before or after ours. */
const SLACK_MS = 60_000 / SPEED + 50;
const REMOVALS_LEAST = 10;
/** More than may go by age at once where there are not forty images. */
const MANY = 3 + 0.2 * 40;
const SETTINGS = [
  ...['--rules-unused-for', '1h', '--rules-min-age', '1m', '--schedule-cron', '0 * * * *'],
  ...['--protect-local', 'no', '--protect-keep-last', '0', '--http-listen', ''],
];
const WATCHING = /watching docker/;

type Disturbance = 'engine restart' | 'engine kill' | 'daemon restart' | 'engine restart without daemon' | 'engine kill without daemon';
const DISTURBANCES: readonly Disturbance[] = [
  'engine kill',
  'daemon restart',
  'engine restart',
  'engine kill without daemon',
  'daemon restart',
  'engine kill',
  'engine restart without daemon',
];

const lab = await openLabOfRun(DOCKER_KINDS.map((kind) => `hours of the daemon on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  describe('hours of the daemon', { concurrency: true }, () => {
    for (const kind of DOCKER_KINDS) {
      test(`on ${kind}, restarted and killed: what was used within the hour stays, what was not goes, no name is lost`, (t) =>
        live(t, lab, kind));
    }
  });
}

async function live(t: TestContext, lab: Lab, kind: DockerKind): Promise<void> {
  const random = randomFrom(SEED);
  await using closing = new AsyncDisposableStack();
  const folder = closing.use(makeFolder());
  const engine = await lab.start(kind);
  closing.defer(() => engine.stop());
  const registry = await lab.startRegistry();
  closing.defer(() => registry.stop());
  const busy = { engine, ledger: new UseLedger(), follower: closing.use(followDeletions(engine)), random };
  const host = new BusyHost(busy, registry);
  const scene = {
    ...{ ...busy, host, unseen: [] },
    daemon: closing.use(new FastDaemon([...SETTINGS, ...wordsFor(folder.path, engine.socketPath)])),
  };
  scene.daemon.start();
  await host.fill();
  await scene.daemon.says(/ready: everything/, 0);
  const counts = await beBusy(scene).catch((error: unknown) => {
    throw new Error(`seed ${SEED}: people cannot work\n${scene.daemon.log}`, { cause: error });
  });
  const busyRemovals = scene.follower.deletions().length;
  const quietMs = await beQuiet(scene);
  await checkEnd(scene);
  t.diagnostic(`${await describeEngine(engine)}, seed ${SEED}: ${figuresOf(scene, counts, { busyRemovals, quietMs })}`);
}

interface Scene extends BusyScene {
  readonly host: BusyHost;
  readonly daemon: FastDaemon;
  /** What was gone after a kill, and no event told. */
  readonly unseen: Deletion[];
}

/** @returns how often each thing was done to engine and daemon */
async function beBusy(scene: Scene): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const endAt = performance.now() + BUSY_MS;
  let watched = 0;
  for (let number = 0; performance.now() < endAt; number += 1) {
    const what = DISTURBANCES[number % DISTURBANCES.length] ?? 'engine kill';
    const isAmid = await work(scene, { isForCollection: number % 3 !== 1, endAt });
    if (performance.now() >= endAt) break;
    watched = await disturb(scene, what, watched);
    const key = isAmid ? `${what} amid a collection` : what;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** People work until it is time to disturb them. @returns whether images are held for a collection now */
async function work(
  { host, follower, random }: Scene,
  until: { readonly isForCollection: boolean; readonly endAt: number },
): Promise<boolean> {
  const holds = follower.holds();
  const limitMs = until.isForCollection ? COLLECTION_LIMIT_MS : DISTURBED_AFTER_MS * random();
  const endAt = Math.min(until.endAt, performance.now() + limitMs);
  while (performance.now() < endAt && !(until.isForCollection && follower.holds() > holds)) {
    await host.act();
    // waits: people come at random moments
    await setTimeout(random() * 80);
  }
  return follower.holds() > holds;
}

/**
 * An engine that is restarted forgets its events, so what it told until then must have been heard.
 *
 * @param watched how often the daemon had said that it watches when the last disturbance began
 */
async function disturb({ engine, daemon, host, ledger, follower, unseen }: Scene, what: Disturbance, watched: number): Promise<number> {
  await daemon.says(WATCHING, watched);
  // waits: the daemon hears of the last act
  await setTimeout(HEARD_MS);
  const before = daemon.count(WATCHING);
  if (what.includes('daemon')) await daemon.stop();
  if (what.includes('kill')) await engine.kill9();
  if (what.includes('engine')) await engine.restart();
  const present = new Set(Object.keys(await readListed(engine)));
  const lost = [...ledger.believedPresent([...follower.deletions(), ...unseen])].filter((image) => !present.has(image));
  unseen.push(...lost.map((imageId) => ({ imageId, atMs: Date.now() })));
  if (what.includes('daemon')) {
    for (let acts = 0; acts < 3; acts += 1) await host.act();
    daemon.start();
  }
  return before;
}

/** Until nothing is left but what containers need. @returns how long that took */
async function beQuiet({ engine, ledger }: Scene): Promise<number> {
  const startedAt = performance.now();
  await until(
    async () => Object.keys(await readListed(engine)).filter((id) => !ledger.needed().has(id)),
    (unneeded) => unneeded.length === 0,
    QUIET_LIMIT_MS,
  );
  return performance.now() - startedAt;
}

/** All names, asked for again when the engine fails to list because an image goes meanwhile. */
async function readListed(engine: LabEngine): Promise<NamesById> {
  const names = await until(
    () => readAllNames(engine).catch(() => null),
    (each) => each !== null,
    LISTED_LIMIT_MS,
  );
  return names ?? {};
}

async function checkEnd({ engine, ledger, follower, daemon, unseen }: Scene): Promise<void> {
  await daemon.stop();
  const deletions = [...follower.deletions(), ...unseen];
  const story = `seed ${SEED}\n${daemon.log}`;
  assert.deepEqual(ledger.findWrong(deletions, UNUSED_MS - SLACK_MS), [], story);
  const names = await readAllNames(engine);
  assert.deepEqual(new Set(Object.keys(names)), ledger.needed(), story);
  const tags = Object.entries(names).flatMap(([id, all]) => all.filter((name) => !name.includes('@')).map((tag) => [tag, id] as const));
  assert.deepEqual(Object.fromEntries(tags), Object.fromEntries(ledger.expectedTags(deletions)), story);
  assert.deepEqual(findUnheld(daemon.log), [], story);
  assert.ok(deletions.length >= REMOVALS_LEAST, story);
}

/** Collections that took very many images though no run had been held back an hour before. */
function findUnheld(log: string): readonly string[] {
  const lines = log.split('\n').map((line) => ({ line, atMs: Date.parse(line.slice(0, line.indexOf(' '))) }));
  const isHeld = (atMs: number): boolean =>
    lines.some((each) => /would go by age at once/.test(each.line) && atMs - each.atMs >= 3_600_000);
  const isMany = (line: string): boolean => Number(/collected: (\d+) removed/.exec(line)?.[1] ?? 0) > MANY;
  return lines.filter(({ line, atMs }) => isMany(line) && !isHeld(atMs)).map(({ line }) => line);
}

function figuresOf(
  { ledger, host, follower, daemon, unseen }: Scene,
  counts: ReadonlyMap<string, number>,
  { busyRemovals, quietMs }: { readonly busyRemovals: number; readonly quietMs: number },
): string {
  const idle = ledger.idleTimes(follower.deletions()).toSorted((left, right) => left - right);
  const hours = (ms = Number.NaN): string => `${((ms * SPEED) / 3_600_000).toFixed(2)} h`;
  const removals = `${follower.deletions().length} removals, ${busyRemovals} of them while people worked, ${unseen.length} more untold`;
  return [
    `${removals}, unused for ${hours(idle[0])} to ${hours(idle.at(-1))}`,
    `${ledger.uses} uses, ${host.refused.length} acts refused, ${host.overtaken.length} images brought in the moment of their deletion`,
    [...counts].map(([what, count]) => `${count} × ${what}`).join(', '),
    `${daemon.count(/nothing is removed yet/)} runs held back, ${daemon.count(/collected: /)} collections`,
    `${daemon.count(/interrupted run/)} names or removals of interrupted runs repaired, quiet for ${hours(quietMs)}`,
    ...host.refused,
  ].join('; ');
}
