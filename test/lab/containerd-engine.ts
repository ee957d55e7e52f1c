/** containerd by itself, with CRI, in the same roots as Docker's: every Docker comes with one. */
import { join } from 'node:path';
import { runLab } from './lab-script.ts';

export type ContainerdKind = 'containerd-old' | 'containerd-new';
export const CONTAINERD_KINDS: readonly ContainerdKind[] = ['containerd-old', 'containerd-new'];

/** A running containerd. Registries that are started before it may be pulled from. */
export class LabContainerd {
  readonly kind: ContainerdKind;
  /** As lab.sh calls it: `kind@name`. */
  readonly id: string;
  readonly socketPath: string;
  /** Seen from both sides at the same path; files for it can be put there. */
  readonly directory: string;
  /** What containerd calls its root. */
  readonly dataRoot: string;
  /** The static binary that runs in every image the laboratory makes. */
  readonly busybox: Buffer;
  readonly #lab: string;

  constructor(options: { readonly directory: string; readonly kind: ContainerdKind; readonly id: string; readonly busybox: Buffer }) {
    this.kind = options.kind;
    this.id = options.id;
    this.busybox = options.busybox;
    this.#lab = options.directory;
    this.directory = join(options.directory, options.id);
    this.socketPath = join(this.directory, 'containerd.sock');
    this.dataRoot = join(this.directory, 'data');
  }

  /** Starts it, or starts it again. */
  async restart(): Promise<void> {
    const running = await runLab(this.#lab, 'pid', this.id).catch(() => '');
    if (running !== '') await this.stop();
    await runLab(this.#lab, 'start', this.id);
  }

  async stop(): Promise<void> {
    await runLab(this.#lab, 'stop', this.id);
  }

  /** Kills the daemon alone; containers go on. */
  async kill9(): Promise<void> {
    await runLab(this.#lab, 'kill9', this.id);
  }

  /** Runs containerd's own command line. @returns what it prints */
  ctr(namespace: string, ...args: readonly string[]): Promise<string> {
    return runLab(this.#lab, 'exec', this.id, 'ctr', '--address', this.socketPath, '--namespace', namespace, ...args);
  }
}
