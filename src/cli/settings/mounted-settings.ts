import { dirname } from 'node:path';
import { readOrNull } from '../../model/error.ts';

/**
 * Where a kubelet mounts a ConfigMap, it keeps the files in a folder that is named for the time, and `..data` leads to it; a change is another
 * such folder (kubernetes/kubernetes `pkg/volume/util/atomic_writer.go`).
 */
const VERSION = /^\.\.[0-9]/;

/**
 * Settings that are mounted from a ConfigMap. Nobody sends a signal when one changes, so they are looked at; and a change is there all at once,
 * so none is seen half. Other files are read again only when that is asked for, because a person may be in the middle of writing them.
 */
export class MountedSettings {
  readonly #folders: readonly string[];
  readonly #listDirectory: (path: string) => readonly string[];
  #versions: string;

  /** @param files that settings were read from; those that are no mounted ConfigMap's never change */
  constructor(files: readonly string[], listDirectory: (path: string) => readonly string[]) {
    this.#folders = [...new Set(files.map((file) => dirname(file)))];
    this.#listDirectory = listDirectory;
    this.#versions = this.#read() ?? '';
  }

  /** Whether there are others than when this was asked before. */
  hasChanged(): boolean {
    const versions = this.#read();
    if (versions === null || versions === this.#versions) return false;
    this.#versions = versions;
    return true;
  }

  /** @returns null while they are being changed: both the old ones and the new ones are there */
  #read(): string | null {
    const list = (folder: string) => readOrNull(() => this.#listDirectory(folder)) ?? [];
    const versions = this.#folders.map((folder) => list(folder).filter((name) => VERSION.test(name)));
    return versions.some((names) => names.length > 1) ? null : versions.join();
  }
}
