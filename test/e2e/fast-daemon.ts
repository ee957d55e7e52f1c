/** The daemon in this process on a clock that runs fast: hours of its life in a minute of a test's. */
import assert from 'node:assert/strict';
import { processWorld } from '../../src/cli/process-world.ts';
import type { World } from '../../src/cli/world.ts';
import { SETTLE_MS } from '../../src/collect/collection.ts';
import { durationMs, wallMs } from '../../src/model/brands.ts';
import { runInProcess } from './cli-world.ts';
import { until } from './daemon-process.ts';
import type { Finished } from './imagegc-process.ts';

/** So many times faster: an hour in six seconds. */
export const SPEED = 600;
/** The host had booted so long ago: scheduled runs take nothing in the first quarter of an hour. */
const BOOTED_MS = 20 * 60_000;
const BOOT_ID = '5c1f4c57-3f50-4b6b-9d0a-5a1c7e0f6a10';
/** How long the daemon waits for an engine's answer; an engine under load is as slow as ever. */
const PING_LIMIT_MS = 10_000;
/** A pause is no shorter, or the daemon would do nothing but ask. */
const PAUSE_LEAST_MS = 50;
const STOP_LIMIT_MS = 10_000;

/** One host's daemon, which can be ended and started again on the same store. */
export class FastDaemon implements AsyncDisposable {
  readonly #words: readonly string[];
  readonly #clock = fastClock();
  #log = '';
  #life: { readonly stop: AbortController; readonly finished: Promise<Finished> } | null = null;

  /** @param words settings, the engine's address and the store's path among them */
  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get isRunning(): boolean {
    return this.#life !== null;
  }

  /** What all its lives have logged. */
  get log(): string {
    return this.#log;
  }

  start(): void {
    const stop = new AbortController();
    const write = (text: string): void => {
      this.#log += text;
    };
    const err = { write, isTTY: false, columns: undefined };
    const finished = runInProcess(['daemon', ...this.#words], 0, { ...this.#clock, err, catchServiceSignals: () => stop.signal });
    this.#life = { stop, finished };
  }

  /** Ends it as a service manager would. */
  async stop(): Promise<void> {
    if (this.#life === null) return;
    const { stop, finished } = this.#life;
    const startedAt = performance.now();
    stop.abort();
    const { status } = await finished;
    this.#life = null;
    assert.deepEqual([status, performance.now() - startedAt < STOP_LIMIT_MS], [0, true], this.#log);
  }

  /** How many lines of the log say it. */
  count(line: RegExp): number {
    return this.#log.split('\n').filter((text) => line.test(text)).length;
  }

  /** Waits until it has said it more often than that. */
  async says(line: RegExp, before: number): Promise<void> {
    await until(
      async () => this.count(line),
      (count) => count > before,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life?.stop.abort();
    await this.#life?.finished;
  }
}

/** Settle times, and patience with an engine, stay what they are: the engine is no faster. */
function fastClock(): Pick<World, 'readClock' | 'wait'> {
  const { readClock, wait } = processWorld();
  const { wallMs: firstMs } = readClock();
  const startedAt = performance.now();
  return {
    readClock() {
      const passedMs = Math.floor((performance.now() - startedAt) * SPEED);
      const [bootTimeMs, wall] = [durationMs(BOOTED_MS + passedMs), wallMs(firstMs + passedMs)];
      return { bootId: BOOT_ID, bootTimeMs, suspendedMs: durationMs(0), wallMs: wall, isSynchronised: true };
    },
    wait(pause, signal) {
      const isReal = pause <= SETTLE_MS || pause === PING_LIMIT_MS;
      return wait(isReal ? pause : durationMs(Math.max(PAUSE_LEAST_MS, pause / SPEED)), signal);
    },
  };
}
