/** One engine or registry of a laboratory: its process, its socket, and the few calls that tests are set up with. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { canonicalRepository } from '../../src/model/reference.ts';
import type { Body, Reply } from './engine-api.ts';
import { callEngine, callOrThrow, refuseErrorLines, stringOf, waitUntilAnswering } from './engine-api.ts';
import { runLab } from './lab-script.ts';
import type { BuiltImage, ImageSpec } from './make-images.ts';
import { imageArchive } from './make-images.ts';
import { writeRegistryStorage } from './registry-storage.ts';

export const DOCKER_KINDS = ['docker-old-overlay2', 'docker-new-overlay2', 'docker-new-containerd'] as const;
export const PODMAN_KINDS = ['podman-old', 'podman-new'] as const;
export type DockerKind = (typeof DOCKER_KINDS)[number];
export type PodmanKind = (typeof PODMAN_KINDS)[number];
export type EngineKind = DockerKind | PodmanKind;
export const ENGINE_KINDS: readonly EngineKind[] = [...DOCKER_KINDS, ...PODMAN_KINDS];

/** Podman answers at Docker's paths, by other rules in places. */
export function isPodman(kind: EngineKind): kind is PodmanKind {
  return PODMAN_KINDS.some((each) => each === kind);
}

export type RunOptions = {
  /** By name, by digest reference, or by ID. */
  readonly image: string;
  readonly name?: string;
  readonly cmd?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Host directories; the engine sees only its own laboratory directory and its root, so take one from there. */
  readonly mounts?: readonly { readonly source: string; readonly target: string }[];
  /** Creates the container and leaves it unstarted. */
  readonly createOnly?: boolean;
};

const ANSWER_LIMIT_MS = 30_000;

/** A running engine. `stop`, `kill9` and `restart` act on it; the object stays valid over them. */
export class LabEngine {
  readonly kind: EngineKind;
  readonly name: string;
  /** As lab.sh calls it: `kind@name`. */
  readonly id: string;
  readonly socketPath: string;
  /** The same path on the host and inside the engine. */
  readonly dataRoot: string;
  readonly logPath: string;
  readonly #directory: string;
  readonly #busybox: Buffer;
  #pid = 0;
  #version = '';

  constructor(options: {
    readonly directory: string;
    readonly kind: EngineKind;
    readonly name: string;
    readonly id: string;
    readonly busybox: Buffer;
  }) {
    this.kind = options.kind;
    this.name = options.name;
    this.id = options.id;
    this.#directory = options.directory;
    this.#busybox = options.busybox;
    const own = join(options.directory, options.id);
    this.socketPath = join(own, isPodman(options.kind) ? 'podman.sock' : 'docker.sock');
    this.dataRoot = join(own, 'data');
    this.logPath = join(own, 'log');
  }

  /** The daemon's process, in the host's numbers; another one after a restart. */
  get pid(): number {
    return this.#pid;
  }

  get version(): string {
    return this.#version;
  }

  /** Starts it, or starts it again after `stop` or `kill9`. */
  async restart(): Promise<void> {
    const running = await runLab(this.#directory, 'pid', this.id).catch(() => '');
    if (running !== '') await this.stop();
    await runLab(this.#directory, 'start', this.id);
    await waitUntilAnswering(this.socketPath, ANSWER_LIMIT_MS);
    this.#pid = Number(await runLab(this.#directory, 'pid', this.id));
    this.#version = stringOf((await callOrThrow(this.socketPath, 'GET', '/version')).body, 'Version');
  }

  /** Asks it to end, as a service manager would; its containers end with it. */
  async stop(): Promise<void> {
    await runLab(this.#directory, 'stop', this.id);
  }

  /** Kills the daemon alone; its helpers and containers go on, as after a crash. */
  async kill9(): Promise<void> {
    await runLab(this.#directory, 'kill9', this.id);
  }

  /** Ends everything of it at the same moment, unsynced and unasked, as when the power goes. */
  async cutPower(): Promise<void> {
    await runLab(this.#directory, 'cut', this.id);
  }

  /** Takes the cables off, or puts them on again, of an engine that was started with an address. */
  async plug(isPlugged: boolean): Promise<void> {
    await runLab(this.#directory, isPlugged ? 'plug' : 'unplug', this.id);
  }

  /** One call; the path may carry an API version or none. Error statuses are replies, not rejections. */
  request(method: string, path: string, body?: Body, headers?: Readonly<Record<string, string>>): Promise<Reply> {
    return callEngine(this.socketPath, method, path, body, headers);
  }

  /**
   * Makes images and loads them in one archive; the pieces go to the socket as they are made. Podman takes a short name in an archive for
   * one of this host (`localhost/app`), so it gets the name that it would mean elsewhere.
   */
  async loadImages(specs: readonly ImageSpec[]): Promise<readonly BuiltImage[]> {
    const built: BuiltImage[] = [];
    const busybox = this.#busybox;
    const complete = (spec: ImageSpec): ImageSpec => ({ ...spec, repository: canonicalRepository(spec.repository) });
    const named = isPodman(this.kind) ? specs.map(complete) : specs;
    function* pieces(): Generator<Buffer> {
      built.push(...(yield* imageArchive(named, busybox)));
    }
    const reply = await callOrThrow(this.socketPath, 'POST', '/images/load?quiet=1', Readable.from(pieces()));
    refuseErrorLines('load', reply);
    return built;
  }

  /** @param reference with its registry: `127.0.0.1:PORT/repository:tag` or `...@sha256:...` */
  async pull(reference: string): Promise<void> {
    const reply = await callOrThrow(this.socketPath, 'POST', `/images/create?fromImage=${encodeURIComponent(reference)}`);
    refuseErrorLines(`pull ${reference}`, reply);
  }

  /** Creates a container without network and starts it. @returns its ID */
  async run(options: RunOptions): Promise<string> {
    const query = options.name === undefined ? '' : `?name=${encodeURIComponent(options.name)}`;
    const binds = options.mounts?.map((mount) => `${mount.source}:${mount.target}`);
    const body = { Image: options.image, Cmd: options.cmd, Labels: options.labels, HostConfig: { NetworkMode: 'none', Binds: binds } };
    const id = stringOf((await callOrThrow(this.socketPath, 'POST', `/containers/create${query}`, body)).body, 'Id');
    if (options.createOnly !== true) await callOrThrow(this.socketPath, 'POST', `/containers/${id}/start`);
    return id;
  }

  async stopContainer(container: string): Promise<void> {
    await callOrThrow(this.socketPath, 'POST', `/containers/${container}/stop?t=1`);
  }

  /** Copies a folder of this machine into the engine's own, where the engine sees it. @returns its path, the same on both sides */
  async copyIn(from: string, name: string): Promise<string> {
    const target = join(this.#directory, this.id, name);
    await cp(from, target, { recursive: true, verbatimSymlinks: true });
    return target;
  }

  /** Runs a program of the engine's root beside it, with its settings: `buildah from IMAGE`. @returns what it prints */
  async exec(...command: readonly string[]): Promise<string> {
    const own = join(this.#directory, this.id);
    const files = {
      CONTAINERS_CONF: 'containers.conf',
      CONTAINERS_STORAGE_CONF: 'storage.conf',
      CONTAINERS_REGISTRIES_CONF: 'registries.conf',
    };
    const settings = Object.entries(files).map(([name, file]) => `${name}=${join(own, file)}`);
    return runLab(this.#directory, 'exec', this.id, ...settings, ...command);
  }

  async removeContainer(container: string): Promise<void> {
    await callOrThrow(this.socketPath, 'DELETE', `/containers/${container}?force=1`);
  }
}

/** A registry on a port of its own, plain HTTP on the loopback address, which every Docker accepts unasked. */
export class LabRegistry {
  readonly id: string;
  /** `127.0.0.1:PORT` */
  readonly address: string;
  readonly #directory: string;
  readonly #busybox: Buffer;

  constructor(options: { readonly directory: string; readonly id: string; readonly address: string; readonly busybox: Buffer }) {
    this.id = options.id;
    this.address = options.address;
    this.#directory = options.directory;
    this.#busybox = options.busybox;
  }

  /** Adds images, or moves tags, while it runs. */
  seed(specs: readonly ImageSpec[]): readonly BuiltImage[] {
    return writeRegistryStorage(join(this.#directory, this.id, 'data'), specs, this.#busybox);
  }

  async stop(): Promise<void> {
    await runLab(this.#directory, 'stop', this.id);
  }
}
