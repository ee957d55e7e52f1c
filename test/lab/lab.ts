/**
 * The engine laboratory: real, private engines of two generations and a registry, for tests, the demonstration
 * and benches. Nothing of it touches what this machine already runs, and nothing of it stays behind.
 */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerdKind } from './containerd-engine.ts';
import { LabContainerd } from './containerd-engine.ts';
import type { EngineKind } from './engine-process.ts';
import { isPodman, LabEngine, LabRegistry } from './engine-process.ts';
import { runLab, startGuard } from './lab-script.ts';
import { missingRequirements } from './requirements.ts';
import type { Generation, Root } from './roots.ts';
import { busyboxOf, GENERATIONS, openRoots } from './roots.ts';

export type { ContainerdKind } from './containerd-engine.ts';
export { CONTAINERD_KINDS, LabContainerd } from './containerd-engine.ts';
export type { DockerKind, EngineKind, PodmanKind, RunOptions } from './engine-process.ts';
export { DOCKER_KINDS, ENGINE_KINDS, isPodman, LabEngine, LabRegistry, PODMAN_KINDS } from './engine-process.ts';
export type { BuiltImage, ImageSpec, LayerSpec } from './make-images.ts';
export { imageFamily } from './make-images.ts';

/** `missing` is in words for a person: `root (this runs as uid 1000)`. */
export type LabResult =
  | { readonly kind: 'ready'; readonly lab: Lab }
  | { readonly kind: 'unavailable'; readonly missing: readonly string[] };

/** An engine's images, kept beside the engines; plain data, so that another process can restore it. */
export type SavedState = { readonly kind: EngineKind; readonly directory: string };

export type StartOptions = {
  /** Puts the data root on a file system of its own with this capacity, so that it can be filled. */
  readonly diskBytes?: number;
  /** Puts the data root on the same file system as that of another engine, which has to be stopped later. */
  readonly diskOf?: LabEngine;
  /** Gives it a network of its own, at this address, that reaches all others in this laboratory that have one; it is then at Docker's usual paths. */
  readonly address?: string;
};

/** Engines of one laboratory share its directory; ending the laboratory ends them all. */
export interface Lab extends AsyncDisposable {
  readonly directory: string;
  readonly roots: readonly Root[];
  /** Why an engine of this kind cannot be had here, in words for a person; null where it can. */
  missing(kind: EngineKind): string | null;
  /** Starts an engine with no images. @param name distinguishes several of a kind; made up if absent */
  start(kind: EngineKind, name?: string, options?: StartOptions): Promise<LabEngine>;
  /** Starts a containerd with no images, that Docker has nothing to do with. */
  startContainerd(kind: ContainerdKind): Promise<LabContainerd>;
  startRegistry(): Promise<LabRegistry>;
  /** Stops the engine and keeps a copy of its state; `engine.restart()` goes on with it. */
  save(engine: LabEngine): Promise<SavedState>;
  /** Starts an engine with the images of a saved one. It is another engine to whoever asks for its ID. */
  restore(kind: EngineKind, saved: SavedState, name?: string, options?: StartOptions): Promise<LabEngine>;
  /** Ends every engine and deletes the directory; of an attached laboratory: ends the engines that it started. */
  close(): Promise<void>;
}

/**
 * Makes the roots (once per checkout) and a laboratory. Says in one line what it fetches, and which versions it found. Where Podman
 * cannot be had, Docker still can.
 */
export async function openLab(options: {
  readonly say: (line: string) => void;
  readonly roots?: readonly Generation[];
  /** Without it, Podman is not fetched. */
  readonly podman?: boolean;
}): Promise<LabResult> {
  const missing = missingRequirements();
  if (missing.length > 0) return { kind: 'unavailable', missing };
  const generations = options.roots ?? GENERATIONS;
  let roots: readonly Root[];
  try {
    roots = await openRoots(generations, 'docker', options.say);
  } catch (error) {
    return { kind: 'unavailable', missing: [`Debian's engines: ${messageOf(error)}`] };
  }
  if (options.podman !== true) return { kind: 'ready', lab: await openDirectory({ roots, noPodman: 'Podman was not asked for' }) };
  try {
    const more = await openRoots(generations, 'podman', options.say);
    return { kind: 'ready', lab: await openDirectory({ roots: [...roots, ...more], noPodman: null }) };
  } catch (error) {
    return { kind: 'ready', lab: await openDirectory({ roots, noPodman: `Debian's Podman: ${messageOf(error)}` }) };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A text from which {@link attachLab} in another process makes the same laboratory, while this one is open. */
export function describeLab(lab: Lab): string {
  const description: Described = { directory: lab.directory, roots: lab.roots, noPodman: lab.missing('podman-old') };
  return JSON.stringify(description);
}

/** A laboratory that another process opened, to start more engines in. @param description from {@link describeLab} */
export function attachLab(description: string): Lab {
  const { directory, roots, noPodman }: Described = JSON.parse(description);
  if (!existsSync(join(directory, '.imagegc-lab'))) throw new Error(`no laboratory in ${directory}: whoever opened it has ended`);
  const bench = new Bench(directory, { roots, noPodman }, `-${process.pid}`);
  return asLab(bench, () => bench.wipeAll());
}

type Found = { readonly roots: readonly Root[]; readonly noPodman: string | null };
type Described = Found & { readonly directory: string };

async function openDirectory(found: Found): Promise<Lab> {
  const directory = await runLab('', 'open');
  const guard = startGuard(directory);
  const ended = once(guard, 'exit');
  // an early end of the guard shows at close(), not as an unhandled event
  guard.stdin?.on('error', () => undefined);
  return asLab(new Bench(directory, found, ''), async () => {
    guard.ref();
    guard.stdin?.end();
    await ended;
    if (existsSync(directory)) await runLab(directory, 'destroy');
  });
}

function asLab(bench: Bench, close: () => Promise<void>): Lab {
  let closing: Promise<void> | undefined;
  const closeOnce = (): Promise<void> => {
    closing ??= close();
    return closing;
  };
  return {
    directory: bench.directory,
    roots: bench.roots,
    missing: (kind) => (isPodman(kind) ? bench.noPodman : null),
    start: (kind, name, options) => bench.start(kind, name, options),
    startContainerd: (kind) => bench.startContainerd(kind),
    startRegistry: () => bench.startRegistry(),
    save: (engine) => bench.save(engine),
    restore: (kind, saved, name, options) => bench.restore(kind, saved, name, options),
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  };
}

/** What opened and attached laboratories have in common; they differ in how they end. */
class Bench {
  readonly directory: string;
  readonly roots: readonly Root[];
  readonly noPodman: string | null;
  /** Ends every name, so that two processes on one laboratory cannot choose the same. */
  readonly #suffix: string;
  readonly #started = new Set<string>();
  readonly #busybox: Buffer;
  #count = 0;

  constructor(directory: string, { roots, noPodman }: Found, suffix: string) {
    this.directory = directory;
    this.roots = roots;
    this.noPodman = noPodman;
    this.#suffix = suffix;
    this.#busybox = busyboxOf(roots);
  }

  async start(kind: EngineKind, name?: string, options?: StartOptions): Promise<LabEngine> {
    const engine = await this.#engine(kind, name, options);
    await engine.restart();
    return engine;
  }

  async startContainerd(kind: ContainerdKind): Promise<LabContainerd> {
    const engine = new LabContainerd({ directory: this.directory, kind, id: this.#claim(kind, undefined), busybox: this.#busybox });
    await engine.restart();
    return engine;
  }

  async startRegistry(): Promise<LabRegistry> {
    const id = this.#claim('registry', undefined);
    const address = await runLab(this.directory, 'start', id);
    return new LabRegistry({ directory: this.directory, id, address, busybox: this.#busybox });
  }

  async save(engine: LabEngine): Promise<SavedState> {
    this.#count += 1;
    const directory = join(this.directory, `saved-${engine.id}-${this.#count}${this.#suffix}`);
    await runLab(this.directory, 'save', engine.id, directory);
    return { kind: engine.kind, directory };
  }

  async restore(kind: EngineKind, saved: SavedState, name?: string, options?: StartOptions): Promise<LabEngine> {
    if (kind !== saved.kind) throw new RangeError(`a saved ${saved.kind} cannot become a ${kind}`);
    const engine = await this.#engine(kind, name, options);
    await runLab(this.directory, 'restore', engine.id, saved.directory);
    await engine.restart();
    return engine;
  }

  async wipeAll(): Promise<void> {
    await runLab(this.directory, 'wipe', ...this.#started);
  }

  async #engine(kind: EngineKind, wanted: string | undefined, options: StartOptions = {}): Promise<LabEngine> {
    const id = this.#claim(kind, wanted);
    const disk = options.diskOf?.id ?? options.diskBytes;
    if (disk !== undefined) await runLab(this.directory, 'disk', id, String(disk));
    if (options.address !== undefined) await runLab(this.directory, 'network', id, options.address);
    return new LabEngine({ directory: this.directory, kind, name: wanted ?? id.slice(kind.length + 1), id, busybox: this.#busybox });
  }

  #claim(kind: string, wanted: string | undefined): string {
    this.#count += 1;
    const id = `${kind}@${wanted ?? this.#count}${this.#suffix}`;
    if (!/^[a-z0-9@.-]+$/.test(id)) throw new RangeError(`an engine's name is of a-z, 0-9, dot and hyphen: ${id}`);
    if (this.#started.has(id)) throw new RangeError(`this laboratory has a ${id} already`);
    this.#started.add(id);
    return id;
  }
}
