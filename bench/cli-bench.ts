import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LabEngine } from '../test/lab/lab.ts';
import type { Figure } from './figure.ts';
import { lookWarm, openRawEngine } from './raw-engine.ts';
import { interleave, timeOf } from './samples.ts';

const BUNDLE = join(import.meta.dirname, '..', 'dist', 'imagegc.cjs');
const ROUNDS = 25;

/** Times `imagegc plan` as a whole process, with a store that knows the images, above an empty script and the engine's own time. */
export async function benchCli(engine: LabEngine): Promise<Figure> {
  const directory = mkdtempSync(join(tmpdir(), 'imagegc-bench-'));
  try {
    using raw = openRawEngine(engine.socketPath);
    const environment = { DOCKER_HOST: `unix://${engine.socketPath}` };
    const plan = () => timeOf(() => run([BUNDLE, 'plan', '--store-path', directory], environment));
    const floor = async () => (await timeOf(() => run(['-e', '0'], {}))) + (await timeOf(() => lookWarm(raw)));
    const pair = await interleave(ROUNDS, plan, floor, 3);
    return { title: 'imagegc plan, whole process', floorTitle: 'node -e 0 + listings', pair, bars: [{ kind: 'excess-ms', most: 80 }] };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function run(words: readonly string[], environment: Readonly<Record<string, string>>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn(process.execPath, words, { stdio: 'ignore', env: environment });
  child
    .once('error', reject)
    .once('exit', (status) => (status === 0 ? resolve() : reject(new Error(`${words.join(' ')} ended with ${status}`))));
  return promise;
}
