/**
 * `node event-times.ts SOCKET COUNT`: watches an engine as the daemon does, and prints how long each of so many events took from the moment
 * the engine stamped it to the return of the write that made it durable, in milliseconds; after a line that says it is ready.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineWatch } from '../src/daemon/engine-watch.ts';
import { Health } from '../src/daemon/health.ts';
import { StoreKeeper } from '../src/daemon/store-keeper.ts';
import { openDocker } from '../src/runtime/docker/docker-runtime.ts';
import type { Runtime } from '../src/runtime/runtime.ts';
import { openSqliteStore } from '../src/store/open-sqlite-store.ts';
import { DaemonWorld } from '../test/worlds/daemon-world.ts';

const [socketPath = '', count = '1'] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), 'imagegc-bench-'));
const latencies: number[] = [];
let seen = 0;
const told = Promise.withResolvers<void>();
const world = new DaemonWorld();
const tools = {
  ...world.tools(),
  openRuntime: async () => timed(await openDocker({ socketPath })),
  openStore: () => openSqliteStore({ directory }),
};
const keeper = new StoreKeeper(tools, new Health(tools.log));
const watch = await EngineWatch.open(keeper, tools, new AbortController().signal);
await watch.look();
console.log('ready');
await told.promise;
await watch.close();
keeper.close();
rmSync(directory, { recursive: true });
console.log(JSON.stringify(latencies));

function timed(runtime: Runtime): Runtime {
  const plain = runtime.watch.bind(runtime);
  runtime.watch = (watcher) =>
    plain({
      ...watcher,
      onEvents: (events, cursor) => {
        watcher.onEvents(events, cursor);
        const { nano }: { readonly nano: string } = JSON.parse(cursor);
        latencies.push(performance.timeOrigin + performance.now() - Number(BigInt(nano) / 1_000n) / 1_000);
        seen += events.length;
        if (seen >= Number(count)) told.resolve();
      },
    });
  return runtime;
}
