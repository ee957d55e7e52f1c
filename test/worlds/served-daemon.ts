/** A whole daemon in this process, on an engine in memory and a clock that a test moves, served at a port of its own. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processWorld } from '../../src/cli/process-world.ts';
import { runCli } from '../../src/cli/program.ts';
import type { World } from '../../src/cli/world.ts';
import { durationMs, wallMs } from '../../src/model/brands.ts';
import { OperatingError } from '../../src/model/error.ts';
import { MemoryEngine } from '../../src/runtime/memory/memory-engine.ts';
import { openMemory } from '../../src/runtime/memory/memory-runtime.ts';
import { capture } from '../e2e/cli-world.ts';

/** No round is waited for longer: minutes pass when the test says so. */
const PAUSE_MOST_MS = 20;
/** The host booted long before: scheduled runs take nothing in the first quarter of an hour. */
const BOOTED_MS = 86_400_000;

/** How a command ended that ran beside the daemon. */
export interface RanBeside {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** One daemon under test. */
export interface ServedDaemon extends AsyncDisposable {
  readonly engine: MemoryEngine;
  /** `http://127.0.0.1:12345` */
  readonly address: string;
  readonly log: () => string;
  /** Time passes on all clocks, the host on. */
  pass(ms: number): void;
  /** Runs a command on the same host, as a person would. */
  run(words: readonly string[]): Promise<RanBeside>;
}

/**
 * @param settings flags beyond the store's path and the address
 * @param agoMs how long ago it is in the beginning
 * @param change what else differs from the process's own world
 */
export async function serveDaemon(
  engine: MemoryEngine,
  settings: readonly string[] = [],
  agoMs = 0,
  change: Partial<World> = {},
): Promise<ServedDaemon> {
  const folder = mkdtempSync(join(tmpdir(), 'served-'));
  const port = await freePort();
  const clock = movableClock(agoMs);
  engine.now = () => clock.readClock().wallMs;
  const own = processWorld();
  const common: Partial<World> = {
    environment: {},
    ask: null,
    readClock: clock.readClock,
    wait: (pause, signal) => own.wait(durationMs(Math.min(pause, PAUSE_MOST_MS)), signal),
    openRuntime: async () => openMemory(engine, () => clock.readClock().wallMs),
    catchInterrupts: () => new AbortController().signal,
    ...change,
  };
  const words = [
    '--store-path',
    join(folder, 'store'),
    '--engine-address',
    'unix:///memory',
    '--http-listen',
    `127.0.0.1:${port}`,
    ...settings,
  ];
  const stop = new AbortController();
  const heard = capture();
  const finished = runCli(['daemon', ...words], { ...own, ...common, err: heard, catchServiceSignals: () => stop.signal });
  return {
    engine,
    address: `http://127.0.0.1:${port}`,
    log: heard.text,
    pass: clock.pass,
    async run(given) {
      const [out, err] = [capture(), capture()];
      const status = await runCli([...given, ...words], { ...own, ...common, out, err });
      return { status, out: out.text(), err: err.text() };
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await finished;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The same with two engines, `unix:///one` and `unix:///two`, each with an image of its name that nothing needs. @param away whether one does not answer */
export function serveTwoEngines(away: (name: string) => boolean = () => false): Promise<ServedDaemon> {
  const engineOf = (name: string): MemoryEngine => {
    const engine = new MemoryEngine({ engineId: `${name}-${process.pid}`, capacityBytes: 1e10 });
    engine.addImage({
      layers: [[name, 1e6]],
      references: [`docker.io/lab/${name}:1`],
      digests: [`docker.io/lab/${name}@sha256:${'0'.repeat(64)}`],
    });
    return engine;
  };
  const engines = new Map(['one', 'two'].map((name) => [name, engineOf(name)]));
  const [first = engineOf('none')] = engines.values();
  const openRuntime: World['openRuntime'] = async (address) => {
    const name = 'socketPath' in address ? address.socketPath.slice(1) : '';
    const engine = engines.get(name);
    if (engine === undefined || away(name)) {
      throw new OperatingError({
        kind: 'engine-unreachable',
        operation: 'ask the engine',
        subject: name,
        problem: 'it is away',
        hint: null,
      });
    }
    return openMemory(engine, () => first.now());
  };
  for (const engine of engines.values()) if (engine !== first) engine.now = () => first.now();
  return serveDaemon(first, ['--engine-address', 'unix:///one,unix:///two'], 0, { openRuntime });
}

function movableClock(agoMs: number): { readonly readClock: World['readClock']; readonly pass: (ms: number) => void } {
  const startedAt = performance.now();
  const startedWallMs = Date.now() - agoMs;
  let aheadMs = 0;
  return {
    readClock() {
      const passedMs = Math.floor(performance.now() - startedAt) + aheadMs;
      const [bootTimeMs, wall] = [durationMs(BOOTED_MS + passedMs), wallMs(startedWallMs + passedMs)];
      return { bootId: 'boot', bootTimeMs, suspendedMs: durationMs(0), wallMs: wall, isSynchronised: true };
    },
    pass(ms) {
      aheadMs += ms;
    },
  };
}

/** A port that nobody listens at now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const closed = once(server.close(), 'close');
  await closed;
  if (address === null || typeof address === 'string') throw new Error('a port was expected');
  return address.port;
}
