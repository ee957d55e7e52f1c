/**
 * `node kill-driver.ts DIRECTORY STATE N`: lives as a daemon for some days, and kills itself at the Nth point; points are before and after
 * every call of the store and of the engine. What has to outlive it (the engine, the clocks, the digest of all that the store had acknowledged)
 * lies in the file STATE then. With 0 it lives to its end, and prints the points behind which another state begins.
 */
import { writeFileSync } from 'node:fs';
import { imageId } from '../../src/model/brands.ts';
import { openSqliteStore } from '../../src/store/open-sqlite-store.ts';
import { DaemonWorld, MINUTE_MS } from '../worlds/daemon-world.ts';
import { HOUR_MS } from '../worlds/world.ts';
import { JournaledEngine } from './journaled-engine.ts';
import { acknowledging, digestStore } from './store-state.ts';

const [directory = '', statePath = '', killAt = '0'] = process.argv.slice(2);
const engine = new JournaledEngine({ capacityBytes: 1e12 });
const world = new DaemonWorld(engine);
const acknowledged: { digest: string | null; writes: number } = { digest: null, writes: 0 };
const points: string[] = [];

world.openStore = () => {
  const acknowledge = (store: Parameters<typeof digestStore>[0]): void => {
    acknowledged.digest = digestStore(store);
    acknowledged.writes += 1;
  };
  const store = openSqliteStore({ directory });
  acknowledge(store);
  return acknowledging(store, acknowledge, reach);
};
engine.onCall = reach;

await live();
const isOther = (point: string, index: number): boolean => point !== points[index - 1];
console.log(points.flatMap((point, index) => (isOther(point, index) ? [index + 1] : [])).join(' '));
console.log(points.length);

function reach(): void {
  const { journal } = engine;
  const { uptimeMs, wall } = world;
  points.push(`${acknowledged.writes} ${journal.length} ${uptimeMs}`);
  if (points.length !== Number(killAt)) return;
  writeFileSync(statePath, JSON.stringify({ journal, ...acknowledged, uptimeMs, wall }), { flush: true });
  process.kill(process.pid, 'SIGKILL');
}

async function live(): Promise<void> {
  const kept = world.pull('kept');
  engine.tag(imageId(kept), 'docker.io/lab/kept:latest');
  engine.createContainer({ image: 'lab/kept:1', state: 'exited' });
  const app = world.pull('app');
  engine.tag(imageId(app), 'docker.io/lab/app:latest');
  await world.connect();
  addImageOfSeveralRepositories();
  world.pull('job');
  await world.tick();
  for (let day = 1; day <= 12; day += 1) {
    world.pass(2 * MINUTE_MS);
    const job = day === 3 ? engine.createContainer({ image: 'lab/job:1' }) : null;
    world.pass(8 * HOUR_MS);
    if (job !== null) engine.removeContainer(job);
    world.pass(16 * HOUR_MS);
    await world.tick();
  }
}

/** Its last digest goes by name, so its removal takes a mark that says so; the other image has no tag at all. */
function addImageOfSeveralRepositories(): void {
  const digest = `sha256:${'5'.repeat(64)}`;
  engine.addImage({
    layers: [['several', 10]],
    references: ['docker.io/lab/web:1', 'docker.io/other/web:1'],
    digests: [`docker.io/lab/web@${digest}`, `docker.io/third/web@${digest}`],
  });
  engine.addImage({ layers: [['untagged', 10]], references: [], digests: [`docker.io/lab/untagged@${digest}`] });
}
