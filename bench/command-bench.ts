import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineKind, Lab, SavedState } from '../test/lab/lab.ts';
import { withEngine } from './engine-images.ts';
import type { Figure } from './figure.ts';
import { describe } from './inventory-bench.ts';
import { launcherFlags } from './launcher-flags.ts';
import { openRawCalls } from './raw-calls.ts';
import { interleave, timeOf } from './samples.ts';

const BUNDLE = join(import.meta.dirname, '..', 'dist', 'imagegc.cjs');
/** As the launcher runs a command. */
const FLAGS = launcherFlags('--v8');
const ROUNDS = 21;

/**
 * Times `imagegc plan` as a person waits for it, with a store that knows the engine, against an empty script of the same Node and the
 * engine's own time for the same calls.
 */
export async function benchCommand(lab: Lab, kind: EngineKind, saved: SavedState, count: number, bars: Figure['bars']): Promise<Figure> {
  return withEngine(lab, kind, saved, async (engine) => {
    const directory = mkdtempSync(join(tmpdir(), 'imagegc-bench-'));
    try {
      const empty = join(directory, 'empty.cjs');
      writeFileSync(empty, '');
      const words = ['plan', '--store-path', join(directory, 'store')];
      const environment = { DOCKER_HOST: `unix://${engine.socketPath}` };
      const plan = () => timeOf(() => run([...FLAGS, BUNDLE, ...words], environment));
      // The first run learns the layers, the second writes what the first made of them.
      await plan();
      const pair = await interleave(ROUNDS, plan, async () => {
        const script = await timeOf(() => run([empty], {}));
        return script + (await timeOf(() => askAsPlan(engine.socketPath)));
      });
      const title = `imagegc plan, ${describe(engine)}, ${count} images`;
      return { title, floorTitle: 'empty script + the calls', pair, bars };
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}

/** The settings of whoever runs the bench stay out of it. */
async function run(words: readonly string[], environment: Readonly<Record<string, string>>): Promise<void> {
  const child = spawn(process.execPath, words, {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment },
  });
  const [status] = await once(child, 'exit');
  if (status !== 0) throw new Error(`${words.join(' ')} ended with exit status ${status}`);
}

async function askAsPlan(socketPath: string): Promise<void> {
  using calls = openRawCalls(socketPath, 1);
  await calls.ask('HEAD', '/_ping');
  for (const path of ['/info', '/images/json?all=1', '/containers/json?all=1']) await calls.ask('GET', path);
}
