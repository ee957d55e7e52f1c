import { storeKey } from '../collect/look.ts';
import { type DurationMs, durationMs } from '../model/brands.ts';
import { OperatingError } from '../model/error.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { StoreKey } from '../store/store.ts';
import { Daemon } from './daemon.ts';
import type { HostStatus } from './daemon-status.ts';
import type { DaemonTools } from './daemon-tools.ts';
import { Health } from './health.ts';
import { combineStatus } from './host-status.ts';

/** An engine that was started after the daemon is found within this; finding costs no more than to see which sockets there are. */
const FIND_EVERY_MS: DurationMs = durationMs(30_000);
/** While there is none at all, as at boot. */
const FIND_FIRST_EVERY_MS: DurationMs = durationMs(2_000);

/** Connects to one engine. @throws OperatingError when it does not answer */
export type OpenRuntime = DaemonTools['openRuntime'];

/** Everything around the daemon of a host. */
export interface HostTools extends Omit<DaemonTools, 'openRuntime' | 'mayCollect'> {
  /** The engines that the settings mean now, by their addresses. @throws OperatingError when there is none */
  readonly findEngines: () => ReadonlyMap<string, OpenRuntime>;
}

/** One engine of the host, and what watches it. */
export interface WatchedEngine {
  /** `unix:///var/run/docker.sock` */
  readonly address: string;
  readonly daemon: Daemon;
  /** Ends it. */
  readonly stop: AbortController;
}

/**
 * Watches every engine of a host, each by a {@link Daemon} of its own: what is wrong with one costs only that one. One collects at a time, so
 * that those on one filesystem share what its disk rule asks for: the second sees what the first has freed.
 */
export class HostDaemon {
  /** Of what concerns all engines. */
  readonly health: Health;
  readonly #tools: HostTools;
  readonly #engines = new Map<string, WatchedEngine>();
  /** As they were found last: what proves who we are to an engine elsewhere may have been renewed. */
  readonly #openers = new Map<string, OpenRuntime>();
  /** Whoever asks before an engine is found gets what is to be said of one that was never there. */
  readonly #none: WatchedEngine;
  /** Which address leads to the engine that has these records. */
  readonly #owners = new Map<StoreKey, string>();

  constructor(tools: HostTools) {
    this.#tools = tools;
    this.health = new Health(tools.log);
    this.#none = this.#watch('');
  }

  /** Those that are watched, in the order in which they were found; never empty. */
  get engines(): readonly [WatchedEngine, ...WatchedEngine[]] {
    const [first = this.#none, ...others] = this.#engines.values();
    return [first, ...others];
  }

  /** The engine at an address; of another address the first one. */
  engineAt(address: string | null): WatchedEngine {
    return this.#engines.get(address ?? '') ?? this.engines[0];
  }

  /** What is to be told of all. @param timeZone of the schedule; undefined is the host's */
  status(timeZone?: string): HostStatus {
    const each = [...this.#engines.values()].map(({ address, daemon }) => ({ address, ...daemon.status(timeZone) }));
    return combineStatus(each, this.health.problems());
  }

  /**
   * Runs until `signal` is aborted, and all engines have ended as {@link Daemon.run} says. An engine that is found later is watched from then
   * on; one that is away is waited for.
   *
   * @throws what is no error of operation, when the others have ended too
   */
  async run(signal: AbortSignal): Promise<void> {
    const fault = new AbortController();
    const ended = AbortSignal.any([signal, fault.signal]);
    const running: Promise<void>[] = [];
    while (!ended.aborted) {
      for (const { daemon, stop } of this.#findNew()) {
        const life = AbortSignal.any([ended, stop.signal]);
        running.push(daemon.run(life).catch((error: unknown) => fault.abort(error)));
      }
      await this.#tools.wait(this.#engines.size === 0 ? FIND_FIRST_EVERY_MS : FIND_EVERY_MS, ended);
    }
    await Promise.all(running);
    fault.signal.throwIfAborted();
  }

  #findNew(): readonly WatchedEngine[] {
    try {
      const found = this.#tools.findEngines();
      for (const [address, open] of found) this.#openers.set(address, open);
      this.#giveUp((address) => !found.has(address));
      const added = [...found.keys()].filter((address) => !this.#engines.has(address)).map((address) => this.#watch(address));
      for (const engine of added) this.#engines.set(engine.address, engine);
      this.health.resolve('engine');
      return added;
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      // That those are away that were there, their own health tells.
      if (this.#engines.size === 0) this.health.report('engine', error);
      return [];
    }
  }

  /** An engine that never answered and that nobody means any more, as a socket that may not be opened beside one that may, was none of ours. */
  #giveUp(isMeantNoMore: (address: string) => boolean): void {
    const answered = new Set(this.#owners.values());
    for (const { address, stop } of this.#engines.values()) {
      if (answered.has(address) || !isMeantNoMore(address)) continue;
      stop.abort();
      this.#engines.delete(address);
    }
  }

  #watch(address: string): WatchedEngine {
    const { log } = this.#tools;
    const daemon = new Daemon({
      ...this.#tools,
      openRuntime: () => this.#openOnce(address),
      mayCollect: () => this.engines.every(({ daemon }) => !daemon.isCollecting),
      log: (level, message, fields) => log(level, this.#engines.size > 1 ? `${address}: ${message}` : message, { ...fields, address }),
    });
    return { address, daemon, stop: new AbortController() };
  }

  /** Two addresses may lead to one engine: of two that list it each misses what the other's namespaces hold, and would forget it. */
  async #openOnce(address: string): Promise<Runtime> {
    const told = { operation: 'watch', subject: address };
    const runtime = await this.#openers.get(address)?.();
    if (runtime === undefined) throw new OperatingError({ kind: 'engine-unreachable', ...told, problem: 'there is none', hint: null });
    const key = storeKey(runtime);
    const owner = this.#owners.get(key) ?? address;
    this.#owners.set(key, owner);
    if (owner === address) return runtime;
    runtime.close();
    const hint = 'take one of the two out of engine.address';
    throw new OperatingError({ kind: 'settings', ...told, problem: `it is the engine at ${owner}, which is watched`, hint });
  }
}
