// The main job on a real engine: a private Docker Engine with a dozen images, a week and a day later, collected. `npm run demo`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processWorld } from '../src/cli/process-world.ts';
import { runCli } from '../src/cli/program.ts';
import { durationMs, wallMs } from '../src/model/brands.ts';
import type { ClockReading } from '../src/model/clock.ts';
import { readHostClock } from '../src/runtime/host/clock-reading.ts';
import type { DemoHost } from './demo-host.ts';
import { prepareDockerHost } from './docker-host.ts';
import { prepareMemoryHost } from './memory-host.ts';

const DAYS_AHEAD = 8;
const DAY_MS = 86_400_000;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Nothing in the product moves its clock on a live engine; the demonstration calls the commands in-process with this one. */
function clockAhead(days: number): ClockReading {
  const reading = readHostClock();
  const ahead = days * DAY_MS;
  return { ...reading, bootTimeMs: durationMs(reading.bootTimeMs + ahead), wallMs: wallMs(reading.wallMs + ahead) };
}

async function show(host: DemoHost, days: number, words: readonly string[]): Promise<void> {
  say(`\n$ imagegc ${words.map((word) => (word.includes(' ') ? `"${word}"` : word)).join(' ')}`);
  const world = {
    ...processWorld(),
    ...host.world,
    environment: { DOCKER_HOST: `unix://${host.socketPath}` },
    readClock: () => clockAhead(days),
  };
  const status = await runCli([...words, '--store-path', host.storePath], world);
  if (status !== 0) throw new Error(`imagegc ${words.join(' ')} ended with exit status ${status}`);
}

async function tell(host: DemoHost): Promise<void> {
  say('\n--- Day 0: imagegc sees the host for the first time. Nothing has an age yet, so nothing goes.');
  await show(host, 0, ['plan']);
  say(`\n--- Day ${DAYS_AHEAD}: some containers are still there, some images nobody has used since.`);
  await show(host, DAYS_AHEAD, ['pin', host.pinned, '--reason', 'the demonstration may want it again', '--until', '90d']);
  await show(host, DAYS_AHEAD, ['plan']);
  await show(host, DAYS_AHEAD, ['why', host.used]);
  await show(host, DAYS_AHEAD, ['why', host.unused]);
  const before = await host.measure();
  await show(host, DAYS_AHEAD, ['collect', '--yes']);
  const after = await host.measure();
  await show(host, DAYS_AHEAD, ['history']);
  await show(host, DAYS_AHEAD, ['images']);
  say(`\n${host.measured}: ${before} bytes before, ${after} after: ${before - after} freed.`);
}

async function chooseHost(storePath: string): Promise<DemoHost> {
  const found = await prepareDockerHost(storePath, say);
  if (!('missing' in found)) return found;
  say(`No private engine can be started here; missing: ${found.missing.join('; ')}.`);
  say('The same on the memory engine instead, which follows the same rules:');
  return prepareMemoryHost(storePath);
}

const storePath = mkdtempSync(join(tmpdir(), 'imagegc-demo-'));
try {
  await using host = await chooseHost(storePath);
  await tell(host);
} finally {
  rmSync(storePath, { recursive: true, force: true });
}
