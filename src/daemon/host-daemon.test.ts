import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DaemonWorld, MINUTE_MS } from '../../test/worlds/daemon-world.ts';
import { DAY_MS, HOUR_MS, MB, POLICY } from '../../test/worlds/world.ts';
import { durationMs, type ImageId } from '../model/brands.ts';
import { OperatingError } from '../model/error.ts';
import { MemoryEngine } from '../runtime/memory/memory-engine.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { HostDaemon, type OpenRuntime } from './host-daemon.ts';
import { formatMetrics } from './metrics.ts';

const [DOCKER, PODMAN] = ['unix:///docker.sock', 'unix:///podman.sock'] as const;

/** A host of two engines on one filesystem and one store, whose clocks a test moves. */
class TwoEngines implements AsyncDisposable {
  readonly docker = new MemoryEngine({ engineId: 'docker', capacityBytes: 10_000 * MB });
  readonly podman = new MemoryEngine({ engineId: 'podman', capacityBytes: 10_000 * MB });
  /** Clocks, settings, store and log. */
  readonly world = new DaemonWorld(this.docker);
  /** What is on the disk beside images. */
  otherBytes = 0;
  /** Addresses at which nobody listens. */
  readonly away = new Set<string>();
  /** Which engine listens where; what is not in it cannot be found. */
  readonly places = new Map<string, MemoryEngine>([
    [DOCKER, this.docker],
    [PODMAN, this.podman],
  ]);
  readonly host: HostDaemon;
  /** How many collections there are now, and were at most at one time. */
  collections = { now: 0, most: 0 };
  readonly #stop = new AbortController();
  #ended: Promise<void> | null = null;

  constructor() {
    for (const [engine, other] of [
      [this.docker, this.podman],
      [this.podman, this.docker],
    ] as const) {
      engine.now = this.docker.now;
      engine.onCall = ({ kind }) => {
        if (kind === 'ping' && this.#isAway(engine)) throw unreachable();
        engine.otherBytes = this.otherBytes + other.usedBytes() - other.otherBytes;
      };
    }
    this.host = new HostDaemon({ ...this.world.tools(), findEngines: () => this.#find(), lockEngine: () => this.#lock() });
  }

  start(): Promise<void> {
    this.#ended = this.host.run(this.#stop.signal);
    // What it ends with, end() tells.
    this.#ended.catch(() => undefined);
    return this.settle();
  }

  /** Lets it run until nothing is under way any more; no time passes. */
  async settle(): Promise<void> {
    do await this.world.turns();
    while (this.host.status().isCollecting);
  }

  /** Hours pass, in which it does what is due. */
  async live(hours: number): Promise<void> {
    for (let hour = 0; hour < hours; hour++) {
      this.world.pass(HOUR_MS);
      await this.settle();
    }
  }

  /** The engine goes, with its stream of events. */
  leave(address: string): void {
    this.away.add(address);
    this.places.get(address)?.events.breakStreams({ isForgotten: false });
  }

  /** Tells it to end, and waits. @throws what it ends with */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end().catch(() => undefined);
  }

  evidenceOf(engine: MemoryEngine): readonly string[] {
    return this.world.store.readUses(`${engine.engineId}/memory`, 10).map(({ evidence, imageId }) => `${evidence} ${imageId}`);
  }

  async #lock(): Promise<Disposable> {
    const { now, most } = this.collections;
    this.collections = { now: now + 1, most: Math.max(most, now + 1) };
    const release = (): void => {
      this.collections.now -= 1;
    };
    // In which the other could begin one too.
    await this.world.turns();
    return { [Symbol.dispose]: release };
  }

  #isAway(engine: MemoryEngine): boolean {
    return [...this.places].some(([address, each]) => each === engine && this.away.has(address));
  }

  #find(): ReadonlyMap<string, OpenRuntime> {
    if (this.places.size === 0) throw unreachable();
    return new Map([...this.places].map(([address, engine]) => [address, () => this.#open(address, engine)]));
  }

  async #open(address: string, engine: MemoryEngine): Promise<Runtime> {
    if (this.away.has(address)) throw unreachable();
    return new DaemonWorld(engine).tools().openRuntime();
  }
}

function unreachable(): OperatingError {
  return new OperatingError({ kind: 'engine-unreachable', operation: 'ask the engine', subject: 's', problem: 'gone', hint: null });
}

function load(engine: MemoryEngine, name: string): ImageId {
  return engine.addImage({ layers: [[name, 100 * MB]], references: [`docker.io/lab/${name}:1`] });
}

/** One image that a container needs, and an old one. */
function fill(engine: MemoryEngine): { readonly kept: ImageId; readonly old: ImageId } {
  const images = { kept: load(engine, 'kept'), old: load(engine, 'old') };
  engine.createContainer({ image: 'lab/kept:1', state: 'exited' });
  return images;
}

describe('HostDaemon', () => {
  it('records what each engine tells in that engine’s own records', async () => {
    await using host = new TwoEngines();
    const [one, other] = [load(host.docker, 'app'), load(host.podman, 'web')];
    await host.start();
    host.world.pass(2 * MINUTE_MS);
    host.docker.createContainer({ image: 'lab/app:1' });
    assert.deepEqual([host.evidenceOf(host.docker)[0], host.evidenceOf(host.podman).length], [`container ${one}`, 0]);
    host.podman.createContainer({ image: 'lab/web:1' });
    assert.deepEqual([host.evidenceOf(host.docker).length, host.evidenceOf(host.podman)], [1, [`container ${other}`]]);
    const { isReady, engine, engines } = host.host.status();
    assert.deepEqual(
      [isReady, engine, engines.map(({ address }) => address)],
      [true, 'memory engine docker (memory), memory engine podman (memory)', [DOCKER, PODMAN]],
    );
  });

  it('goes on with one engine while another is away, says which, and removes nothing of that one until it is back', async () => {
    await using host = new TwoEngines();
    const [one, other] = [fill(host.docker), fill(host.podman)];
    await host.start();
    host.leave(PODMAN);
    await host.live(8 * 24);
    assert.deepEqual([host.docker.images.has(one.old), host.podman.images.has(other.old)], [false, true], host.world.log.join('\n'));
    const away = host.host.status();
    assert.deepEqual(
      [away.isReady, away.engine, away.problems.map(({ subject, engine }) => `${subject} ${engine}`)],
      [false, `memory engine docker (memory), ${PODMAN} (away)`, [`engine ${PODMAN}`]],
    );
    assert.deepEqual(
      away.engines.map(({ isReady }) => isReady),
      [true, false],
    );
    host.world.pass(2 * MINUTE_MS);
    host.docker.createContainer({ image: 'lab/kept:1' });
    assert.equal(host.evidenceOf(host.docker)[0], `container ${one.kept}`);
    host.away.clear();
    await host.live(8 * 24);
    assert.equal(host.podman.images.has(other.old), false, host.world.log.join('\n'));
    assert.deepEqual([host.host.status().isReady, host.host.status().problems], [true, []]);
    assert.deepEqual([host.docker.images.has(one.kept), host.podman.images.has(other.kept)], [true, true]);
  });

  it('collects on one engine after the other, so that those on one filesystem share what its disk rule asks for', async () => {
    await using host = new TwoEngines();
    host.world.settings = {
      ...host.world.settings,
      policy: { ...POLICY, disk: { ...POLICY.disk, highFraction: 0.85 } },
      schedule: { kind: 'daily', at: '00:00', everyMs: durationMs(365 * DAY_MS) },
    };
    for (let index = 0; index < 10; index++) for (const engine of [host.docker, host.podman]) load(engine, `app${index}`);
    await host.start();
    host.world.pass(HOUR_MS);
    host.otherBytes = 6_900 * MB;
    await host.settle();
    assert.equal(host.docker.images.size + host.podman.images.size, 15, host.world.log.join('\n'));
    await host.live(2);
    assert.equal(host.docker.images.size + host.podman.images.size, 15, host.world.log.join('\n'));
    assert.equal(host.collections.most, 1);
    host.otherBytes = 7_800 * MB;
    await host.live(2);
    assert.deepEqual([host.docker.images.size + host.podman.images.size, host.host.status().problems], [6, []], host.world.log.join('\n'));
  });

  it('waits for a first engine, and watches one that comes later', async () => {
    await using host = new TwoEngines();
    host.places.clear();
    await host.start();
    assert.deepEqual([host.host.status().isReady, host.host.status().engines], [false, []]);
    assert.deepEqual(
      host.host.status().problems.map(({ subject, engine }) => [subject, engine]),
      [['engine', null]],
    );
    assert.match(metricsOf(host.host), /imagegc_engine_up 0\n/);
    host.places.set(PODMAN, host.podman);
    await host.settle();
    assert.deepEqual([host.host.status().isReady, host.host.status().problems], [true, []]);
    assert.match(metricsOf(host.host), /imagegc_engine_up 1\n/);
    host.places.set(DOCKER, host.docker);
    await host.settle();
    assert.deepEqual(
      host.host.status().engines.map(({ address, isReady }) => [address, isReady]),
      [
        [PODMAN, true],
        [DOCKER, true],
      ],
    );
  });

  it('gives up an address where nobody ever answered when others are meant in its place, and waits for one that did', async () => {
    await using host = new TwoEngines();
    host.places.delete(PODMAN);
    host.away.add(DOCKER);
    await host.start();
    assert.equal(host.host.status().isReady, false);
    host.places.clear();
    host.places.set(PODMAN, host.podman);
    await host.settle();
    assert.deepEqual(
      host.host.status().engines.map(({ address }) => address),
      [PODMAN],
    );
    host.places.clear();
    host.places.set(DOCKER, host.docker);
    host.away.clear();
    await host.settle();
    assert.deepEqual(
      host.host.status().engines.map(({ address }) => address),
      [PODMAN, DOCKER],
    );
    assert.equal(host.world.log.filter((line) => line.endsWith('watching memory engine docker (memory)')).length, 1);
  });

  it('watches an engine at one of two addresses that lead to it, and says so of the other', async () => {
    await using host = new TwoEngines();
    host.places.set(PODMAN, host.docker);
    await host.start();
    const { engines, problems } = host.host.status();
    assert.deepEqual(
      engines.map(({ isReady }) => isReady),
      [true, false],
    );
    assert.match(problems[0]?.problem ?? '', /podman\.sock.*it is the engine at unix:\/\/\/docker\.sock, which is watched/);
  });

  it('tells figures of each engine under its address, and those of the host once', async () => {
    await using host = new TwoEngines();
    fill(host.docker);
    await host.start();
    host.leave(PODMAN);
    await host.settle();
    const text = metricsOf(host.host);
    assert.ok(text.includes(`imagegc_engine_up{address="${DOCKER}"} 1\nimagegc_engine_up{address="${PODMAN}"} 0\n`), text);
    assert.ok(text.includes(`imagegc_images{address="${DOCKER}",verdict="keep",reason="in-use"} 1\n`), text);
    assert.equal(text.match(/^imagegc_store_up 1$/gm)?.length, 1);
    assert.equal(text.match(/^# TYPE imagegc_ready /gm)?.length, 1);
  });

  it('ends with all engines when one meets a fault of ours, and tells of it', async () => {
    await using host = new TwoEngines();
    await host.start();
    host.podman.onCall = () => {
      throw new TypeError('a fault');
    };
    await host.settle();
    await assert.rejects(host.end(), /a fault/);
    assert.equal(host.host.engineAt(DOCKER).daemon.status().engine, null);
  });
});

function metricsOf(host: HostDaemon): string {
  const engines = host.engines.map(({ address, daemon }) => ({ address, status: daemon.status(), ledger: daemon.ledger }));
  const own = { rssBytes: 1, cpuSeconds: 0.5, startedAtSeconds: 2 };
  return formatMetrics({ engines, problems: host.status().problems, rule: POLICY.disk, version: '1', process: own });
}
