import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Chance, SimulatedFile } from './simulated-file.ts';
import { numbersOf, type SystemCall, stringsOf } from './system-calls.ts';
import { UnsyncedChanges } from './unsynced-changes.ts';

/** A folder whose names are durable once it was synced itself. */
class SimulatedFolder {
  readonly kind = 'folder';
  /** Each of names that come and go together, as in a renaming. */
  readonly changes = new UnsyncedChanges<Names, Change>(new Map(), (names, changes) => changes.reduce(renamed, names));

  /** No file system promises to keep the order in which names came and went. */
  partly(chance: Chance): Names {
    return this.changes.with(this.changes.pending.filter(() => chance() < 0.5));
  }
}

/** A file or a folder, of which an ending leaves something. */
interface Survivor<Content> {
  readonly changes: { whole(): Content; synced(): Content };
  partly(chance: Chance): Content;
}

type Entry = SimulatedFile | SimulatedFolder;
type Names = ReadonlyMap<string, Entry>;
type Change = readonly (readonly [name: string, entry: Entry | null])[];

function renamed(names: Names, change: Change): Names {
  const after = new Map(names);
  for (const [name, entry] of change) {
    if (entry === null) after.delete(name);
    else after.set(name, entry);
  }
  return after;
}

/**
 * What outlives the moment: `killed`: all that the process wrote; `lost`: what was synced, and nothing else; `torn`: what was synced, and
 * of the rest whatever chance takes, in any order.
 */
export type Ending = 'killed' | 'lost' | 'torn';

/** Follows the system calls of a process on the files below one folder. */
export class SimulatedDisk {
  readonly #root: string;
  readonly #top: SimulatedFolder;
  readonly #entries: Entry[] = [];
  readonly #open = new Map<number, { readonly entry: Entry; position: number }>();

  /** @param root of the real folder, whose content now counts as synced */
  constructor(root: string) {
    this.#root = root;
    this.#top = this.#load(root);
  }

  /** What is not sure to outlive a power cut. */
  get unsynced(): { readonly files: boolean; readonly names: boolean } {
    const has = (kind: Entry['kind']): boolean => this.#entries.some((entry) => entry.kind === kind && !entry.changes.isSynced);
    return { files: has('file'), names: has('folder') };
  }

  /** Takes one call over. @returns whether it concerned a file below the folder @throws Error for a change that is not simulated */
  follow(call: SystemCall): boolean {
    const strings = stringsOf(call);
    if (PATH_CALLS.has(call.name)) return this.#followPaths(call, strings.map(String));
    const [fd = -1, ...numbers] = numbersOf(call);
    const open = this.#open.get(fd);
    if (open === undefined) return false;
    return this.#followOpen(call, fd, open, Buffer.concat(strings), numbers);
  }

  /** Writes what is left after an ending into a real folder. */
  restore(ending: Ending, chance: Chance, folder: string): void {
    const leftOf = <Content>(each: Survivor<Content>): Content =>
      ending === 'killed' ? each.changes.whole() : ending === 'lost' ? each.changes.synced() : each.partly(chance);
    const write = (each: SimulatedFolder, path: string): void => {
      mkdirSync(path, { recursive: true });
      for (const [name, entry] of leftOf(each)) {
        if (entry.kind === 'folder') write(entry, join(path, name));
        else writeFileSync(join(path, name), leftOf(entry));
      }
    };
    write(this.#top, folder);
  }

  #load(folder: string): SimulatedFolder {
    const loaded = this.#add(new SimulatedFolder());
    for (const found of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, found.name);
      const entry = found.isDirectory() ? this.#load(path) : this.#add(new SimulatedFile(readFileSync(path)));
      loaded.changes.add([[found.name, entry]]);
    }
    loaded.changes.sync();
    return loaded;
  }

  #add<Kind extends Entry>(entry: Kind): Kind {
    this.#entries.push(entry);
    return entry;
  }

  #followPaths(call: SystemCall, paths: readonly string[]): boolean {
    const [path = '', to = ''] = paths;
    if (!this.#isBelow(path)) {
      if (call.name.startsWith('open')) this.#open.delete(call.result);
      return false;
    }
    if (call.name.startsWith('open')) this.#followOpening(call, path);
    else if (call.name.startsWith('mkdir')) this.#name(path, this.#add(new SimulatedFolder()));
    else if (call.name.startsWith('unlink') || call.name === 'rmdir') this.#name(path, null);
    else if (call.name.startsWith('link')) this.#name(to, this.#find(path));
    else if (call.name.startsWith('rename') && dirname(path) === dirname(to)) this.#rename(path, to);
    else throw notSimulated(call);
    return true;
  }

  #followOpening(call: SystemCall, path: string): void {
    const isMade = this.#find(path) === null;
    const entry = this.#find(path) ?? this.#add(new SimulatedFile());
    if (isMade) this.#name(path, entry);
    if (call.args.includes('O_TRUNC') && entry.kind === 'file') entry.changes.add({ size: 0 });
    if (call.args.includes('O_APPEND')) throw notSimulated(call);
    this.#open.set(call.result, { entry, position: 0 });
  }

  #followOpen(
    call: SystemCall,
    fd: number,
    open: { readonly entry: Entry; position: number },
    data: Buffer,
    numbers: readonly number[],
  ): boolean {
    const { entry } = open;
    if (call.name === 'close') return this.#open.delete(fd);
    if (call.name === 'fsync' || call.name === 'fdatasync') entry.changes.sync();
    else if (entry.kind !== 'file') throw notSimulated(call);
    else if (call.name === 'ftruncate') entry.changes.add({ size: numbers[0] ?? 0 });
    else if (call.name === 'pwrite64') entry.changes.add({ offset: numbers.at(-1) ?? 0, data });
    else if (call.name === 'write') {
      entry.changes.add({ offset: open.position, data });
      open.position += data.length;
    } else throw notSimulated(call);
    return true;
  }

  #isBelow(path: string): boolean {
    return path === this.#root || path.startsWith(`${this.#root}/`);
  }

  #find(path: string): Entry | null {
    if (path === this.#root) return this.#top;
    const folder = this.#find(dirname(path));
    return (folder?.kind === 'folder' ? folder.changes.whole().get(basename(path)) : null) ?? null;
  }

  #folderOf(path: string): SimulatedFolder {
    const folder = this.#find(dirname(path));
    if (folder?.kind !== 'folder') throw new Error(`no folder: ${dirname(path)}`);
    return folder;
  }

  #name(path: string, entry: Entry | null): void {
    this.#folderOf(path).changes.add([[basename(path), entry]]);
  }

  #rename(path: string, to: string): void {
    this.#folderOf(path).changes.add([
      [basename(path), null],
      [basename(to), this.#find(path)],
    ]);
  }
}

const PATH_CALLS: ReadonlySet<string> = new Set([
  ...['open', 'openat', 'creat', 'truncate', 'rename', 'renameat', 'renameat2', 'link', 'linkat'],
  ...['unlink', 'unlinkat', 'mkdir', 'mkdirat', 'rmdir', 'symlink', 'symlinkat'],
]);

function notSimulated({ name, args }: SystemCall): Error {
  return new Error(`not simulated: ${name}(${args.slice(0, 200)})`);
}
