/**
 * `node power-cut-driver.ts SCENE DIRECTORY`: writes as the daemon does, and prints `ack DIGEST WRITE` as soon as a write has returned;
 * DIGEST is of all that the store holds then. Whoever runs it cuts the power.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { imageId, wallMs } from '../../src/model/brands.ts';
import { writeFileAtomically } from '../../src/store/atomic-file.ts';
import { openSqliteStore } from '../../src/store/open-sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { DaemonWorld, MINUTE_MS } from '../worlds/daemon-world.ts';
import { HOUR_MS } from '../worlds/world.ts';
import { acknowledging, digestStore } from './store-state.ts';

const STDOUT = 1;

const [scene = '', directory = ''] = process.argv.slice(2);
const SCENES: Readonly<Record<string, () => void | Promise<void>>> = { life, days, volume, file };
await (SCENES[scene] ?? unknownScene)();

function unknownScene(): never {
  throw new Error(`no such scene: ${scene}`);
}

function acknowledge(store: Store, write: string): void {
  writeSync(STDOUT, `ack ${digestStore(store)} ${write}\n`);
}

function worldHere(): DaemonWorld {
  const world = new DaemonWorld();
  world.openStore = () => {
    const store = openSqliteStore({ directory });
    acknowledge(store, `open ${store.condition.kind}`);
    world.store = acknowledging(store, acknowledge);
    return world.store;
  };
  return world;
}

/** The daemon stops and is started again. */
async function startAgain(world: DaemonWorld): Promise<void> {
  await world.daemon.run(AbortSignal.abort());
  await world.restart();
}

/** Pulls, containers, collections, a pin, a stop and a start. */
async function life(): Promise<void> {
  const world = worldHere();
  world.pull('kept');
  world.engine.createContainer({ image: 'lab/kept:1', state: 'exited' });
  await world.connect();
  world.store.putPin({ pattern: 'lab/pinned', owner: 'root', reason: 'mine', until: null, createdAt: wallMs(1) });
  for (const round of [1, 2]) {
    for (const name of ['app', 'web', 'pinned']) {
      const id = world.pull(`${name}${round}`);
      world.engine.tag(imageId(id), `docker.io/lab/${name}:latest`);
      world.pass(2 * MINUTE_MS);
      const container = world.engine.createContainer({ image: `lab/${name}${round}:1` });
      world.pass(HOUR_MS);
      if (name !== 'web') world.engine.removeContainer(container);
      await world.tick();
    }
    await liveDays(world, 10);
    await startAgain(world);
  }
  world.store.removePin('lab/pinned');
  await liveDays(world, 2);
  await world.daemon.run(AbortSignal.abort());
}

/** A short life: a pull, a container, some days, a stop and a start. */
async function days(): Promise<void> {
  const world = worldHere();
  const id = world.pull('app');
  await world.connect();
  world.engine.removeContainer(world.engine.createContainer({ image: id }));
  world.store.putPin({ pattern: 'docker.io/lab/pinned', owner: 'root', reason: 'mine', until: null, createdAt: wallMs(1) });
  await liveDays(world, 2);
  await startAgain(world);
  await liveDays(world, 8);
  await world.daemon.run(AbortSignal.abort());
}

async function liveDays(world: DaemonWorld, days: number): Promise<void> {
  for (let quarter = 0; quarter < 4 * days; quarter += 1) {
    world.pass(6 * HOUR_MS);
    await world.tick();
  }
}

/** So much that the log begins anew some times (SQLite does so at 1,000 pages): at every look all these images are in use. */
async function volume(): Promise<void> {
  const world = worldHere();
  for (let index = 0; index < 150; index += 1) {
    world.pull(`app${index}`);
    world.engine.createContainer({ image: `lab/app${index}:1`, state: 'exited' });
  }
  await world.connect();
  for (let day = 0; day < 48; day += 1) {
    world.pass(24 * HOUR_MS);
    await world.tick();
    world.engine.removeContainer(world.engine.createContainer({ image: `lab/app${day}:1` }));
  }
  await world.daemon.run(AbortSignal.abort());
}

/** A file replaced again and again; DIGEST is its content. */
function file(): void {
  for (let version = 1; version <= 12; version += 1) {
    const content = `${version} `.repeat(version % 3 === 0 ? 5_000 : version);
    writeFileAtomically(join(directory, 'image_use'), content);
    writeSync(STDOUT, `ack ${version} writeFileAtomically\n`);
  }
}
