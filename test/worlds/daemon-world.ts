import { Daemon } from '../../src/daemon/daemon.ts';
import type { DaemonSettings, DaemonTools } from '../../src/daemon/daemon-tools.ts';
import { durationMs, imageId, wallMs } from '../../src/model/brands.ts';
import type { ClockReading } from '../../src/model/clock.ts';
import type { Instant, UseRecord } from '../../src/model/use-record.ts';
import { MemoryEngine } from '../../src/runtime/memory/memory-engine.ts';
import { openMemory } from '../../src/runtime/memory/memory-runtime.ts';
import { openMemoryStore, openSqliteStore } from '../../src/store/open-sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { DAY_MS, HOUR_MS, NOW_MS, POLICY } from './world.ts';

export const MINUTE_MS = 60_000;
/** The memory engine's store, as the store calls it. */
export const KEY = 'memory-engine/memory';
/** Two names of one mark; a hold of a daemon that was killed has a dead owner. */
const MARK = (life: number) => `aaaaaaaa-${life}-1-1-1`;

/** A host with the memory engine and a daemon, whose clocks a test moves. */
export class DaemonWorld {
  readonly engine: MemoryEngine;
  readonly log: string[] = [];
  settings: DaemonSettings = {
    enabled: true,
    policy: POLICY,
    schedule: { kind: 'daily', at: '00:00', everyMs: durationMs(DAY_MS) },
    paceMs: durationMs(0),
  };
  store: Store = openMemoryStore();
  daemon: Daemon;
  boot = 1;
  life = 1;
  /** Since boot. */
  uptimeMs = 10 * DAY_MS;
  suspendedMs = 0;
  wall = NOW_MS;
  isSynchronised = true;
  /** Set to make the engine unreachable. */
  isEngineUp = true;
  openStore: () => Store = () => keptOpen(this.store);
  readonly machineId: string | null;
  #abort = new AbortController();

  constructor(engine = new MemoryEngine({ capacityBytes: 1e12 }), machineId: string | null = null) {
    this.engine = engine;
    this.machineId = machineId;
    this.engine.now = () => wallMs(this.wall);
    this.daemon = new Daemon(this.tools());
  }

  tools(): DaemonTools {
    return {
      settings: () => this.settings,
      machineId: this.machineId,
      openRuntime: async () => {
        const runtime = openMemory(this.engine, () => wallMs(this.wall));
        await runtime.ping();
        return runtime;
      },
      openStore: () => this.openStore(),
      readClock: () => this.readClock(),
      // A pause that something may end gives way to everything that is ready; the others take no time at all.
      wait: (_pause, signal) => (signal === undefined ? Promise.resolve() : turn()),
      mayCollect: () => true,
      lockEngine: () => Promise.resolve({ [Symbol.dispose]: () => undefined }),
      makeMark: () => MARK(this.life),
      judgeOwner: (mark) => (mark === MARK(this.life) ? 'own' : 'dead'),
      settleMs: durationMs(0),
      releaseMemory: () => undefined,
      log: (level, message) => void this.log.push(`${level}: ${message}`),
    };
  }

  readClock(): ClockReading {
    const { boot, uptimeMs, wall, isSynchronised } = this;
    const [bootTimeMs, suspendedMs] = [durationMs(uptimeMs), durationMs(this.suspendedMs)];
    return { bootId: `boot-${boot}`, bootTimeMs, suspendedMs, wallMs: wallMs(wall), isSynchronised };
  }

  /** Time passes, the host on. */
  pass(ms: number): void {
    this.uptimeMs += ms;
    this.wall += ms;
  }

  /** Time passes, the host asleep. */
  sleep(ms: number): void {
    this.suspendedMs += ms;
    this.pass(ms);
  }

  connect(): Promise<boolean> {
    return this.daemon.connect(this.#abort.signal);
  }

  /** One round of the daemon, and the collection that it begins. */
  async tick(): Promise<void> {
    await this.daemon.tick(this.#abort.signal);
    await this.daemon.idle();
  }

  /** Lets a daemon that runs by itself go on for a few of its pauses. */
  async turns(): Promise<void> {
    for (let count = 0; count < 20; count++) await turn();
  }

  /** Hours pass, with a round each. */
  async live(hours: number): Promise<void> {
    for (let hour = 0; hour < hours; hour++) {
      this.pass(HOUR_MS);
      await this.tick();
    }
  }

  /** The daemon is killed, and another one started; nothing is written on the way. */
  async restart(): Promise<boolean> {
    this.engine.events.breakStreams({ isForgotten: false });
    this.life += 1;
    this.daemon = new Daemon(this.tools());
    return this.connect();
  }

  /** Adds a pulled image of its own layer and a shared one. */
  pull(name: string): string {
    const digest = `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64)}`;
    return this.engine.addImage({
      layers: [
        ['base', 1_000],
        [name, 10],
      ],
      references: [`docker.io/lab/${name}:1`],
      digests: [`docker.io/lab/${name}@${digest}`],
    });
  }

  record(id: string): UseRecord | undefined {
    return this.store.readRecords(KEY, [imageId(id)]).get(imageId(id));
  }

  /** How long ago the image was used last, by the record, in milliseconds. */
  idleMs(id: string): number | null {
    return this.#agoMs(this.record(id)?.lastUsed ?? null);
  }

  /** How long ago it was used or else seen first. */
  ageMs(id: string): number | null {
    const record = this.record(id);
    return this.#agoMs(record?.lastUsed ?? record?.firstSeen ?? null);
  }

  #agoMs(since: Instant | null): number | null {
    const clock = this.store.readClock();
    return since === null || clock === null ? null : clock.idleMs - since.idleMs + (this.uptimeMs - clock.reading.bootTimeMs);
  }
}

/** A store that outlives whoever closes it, as a file does. */
function keptOpen(store: Store): Store {
  return new Proxy(store, {
    get: (target, property) => {
      if (property === Symbol.dispose) return () => undefined;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function turn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  return promise;
}

/** A world whose store is in a folder, and one image that a container needs; nothing looks at it yet. */
export function worldOnDisk(directory: string): DaemonWorld {
  const world = new DaemonWorld();
  world.openStore = () => {
    world.store = openSqliteStore({ directory, recordsChecked: 'when-read' });
    return world.store;
  };
  world.pull('kept');
  world.engine.createContainer({ image: 'lab/kept:1', state: 'exited' });
  return world;
}
