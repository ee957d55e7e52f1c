import { dirname, resolve } from 'node:path';
import { readOrNull } from '../../model/error.ts';
import type { Container, Doubt, Inventory, WorkloadNeed } from '../../model/inventory.ts';
import { matchesGlob, parseReferencePattern } from '../../model/pattern.ts';
import { splitReference } from '../../model/reference.ts';
import { printable } from '../output/style.ts';
import type { World } from '../world.ts';
import { interpolate, parseVariables } from './interpolate.ts';
import type { WorkloadText } from './workload-text.ts';

/** What the files of this host say is needed, and what of them could not be read. */
export type FoundWorkloads = Pick<Inventory, 'workloads' | 'doubts'>;

type Host = Pick<World, 'readFile' | 'listDirectory' | 'home' | 'userId'>;

/** Where quadlets and static pods stand by themselves: podman-systemd.unit(5). */
const SYSTEMD = ['/etc/containers/systemd', '/run/containers/systemd', '/usr/share/containers/systemd'] as const;
const QUADLET_ENDINGS = ['.container', '.image', '.volume'] as const;
const MANIFESTS = { folder: '/etc/kubernetes/manifests', endings: ['.yaml', '.yml', '.json'] } as const;
const LET_READ = 'let this user read it';
const COMPOSE = 'com.docker.compose.project';
/** Files that lead to each other in a ring end somewhere. */
const FILES_MAX = 1_000;

/** A file to be read. */
interface Source {
  readonly path: string;
  /** It must be there, because the settings name it. */
  readonly isDeclared: boolean;
  readonly project: string;
  /** Of variables, the later outranks. */
  readonly environmentFiles: readonly string[];
}

/**
 * Finds what is needed without a container: by the files that `protect.workloads` names, those that labels of Compose name, quadlets, and
 * static pods. A file that was found and is there, but cannot be read, is doubt, as one is that the settings name and that is not there.
 */
export async function findWorkloads(host: Host, declared: readonly string[], containers: readonly Container[]): Promise<FoundWorkloads> {
  const workloads: WorkloadNeed[] = [];
  const doubts: Doubt[] = [];
  const waiting = new Map(
    [...standing(host, doubts), ...composed(containers), ...declaredFiles(host, declared, doubts)].map((source) => [source.path, source]),
  );
  for (const source of waiting.values()) {
    const text = await readSource(host, source, doubts);
    if (text === null) continue;
    const variables = readVariables(host, source);
    workloads.push(...text.images.flatMap(({ name, by }) => needOf(interpolate(name, variables), `${source.path} (${by})`)));
    for (const file of text.files.map((each) => resolve(dirname(source.path), interpolate(each, variables)))) {
      if (!waiting.has(file) && waiting.size < FILES_MAX) waiting.set(file, { ...source, path: file, isDeclared: false });
    }
  }
  return { workloads, doubts };
}

/** A name without tag or digest is `latest`, as engines read it; one that no image can have needs none. */
function needOf(name: string, by: string): readonly WorkloadNeed[] {
  const { tag, digest } = splitReference(name);
  const pattern = tag === null && digest === null && !name.endsWith('*') ? `${name}:latest` : name;
  return parseReferencePattern(pattern).ok ? [{ pattern, by }] : [];
}

async function readSource({ readFile }: Host, source: Source, doubts: Doubt[]): Promise<WorkloadText | null> {
  try {
    const text = readFile(source.path);
    // Loaded where there is such a file, because most hosts have none.
    const { readQuadlet, readYaml } = await import('./workload-text.ts');
    return /\.(?:container|image|volume)$/.test(source.path) ? readQuadlet(text) : readYaml(text, source.project);
  } catch (error) {
    if (!source.isDeclared && isAbsent(error)) return null;
    doubts.push(unreadable(source.path, error, source.isDeclared ? 'take it out of protect.workloads' : LET_READ));
    return null;
  }
}

function unreadable(path: string, error: unknown, wayOut: string): Doubt {
  const problem = error instanceof Error ? error.message : String(error);
  const message = `what ${printable(path)} needs is not known (${printable(problem)}): mend it, or ${wayOut}`;
  return { kind: 'protected-unknown', message };
}

/** Files of variables that are not there define nothing. */
function readVariables({ readFile }: Host, { environmentFiles }: Source): ReadonlyMap<string, string> {
  return new Map(environmentFiles.flatMap((path) => [...(readOrNull(() => parseVariables(readFile(path))) ?? [])]));
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

function standing(host: Host, doubts: Doubt[]): readonly Source[] {
  const users = `${SYSTEMD[0]}/users`;
  // Those of a user's own Podman, and of no other user's.
  const own = host.userId === 0 ? [] : [users, `${users}/${host.userId}`, `${host.home}/.config/containers/systemd`];
  const quadlets = [...SYSTEMD, ...own].map((folder) => ({ folder, endings: QUADLET_ENDINGS }));
  return [...quadlets, MANIFESTS].flatMap(({ folder, endings }) => {
    const names = listFolder(host, folder, doubts).filter((name) => endings.some((ending) => name.endsWith(ending)));
    return names.map((name) => fileOf(`${folder}/${name}`, false));
  });
}

/** A folder that is not there holds nothing; one that may not be listed is doubt. */
function listFolder({ listDirectory }: Host, folder: string, doubts: Doubt[]): readonly string[] {
  try {
    return listDirectory(folder);
  } catch (error) {
    if (!isAbsent(error)) doubts.push(unreadable(folder, error, LET_READ));
    return [];
  }
}

/** The files that Compose itself says its containers were made from. */
function composed(containers: readonly Container[]): readonly Source[] {
  return containers.flatMap(({ labels }) => {
    const folder = labels[`${COMPOSE}.working_dir`];
    const named = pathsIn(labels[`${COMPOSE}.environment_file`]);
    const environmentFiles = named.length > 0 || folder === undefined ? named : [`${folder}/.env`];
    const told = environmentFiles.length === 0 ? {} : { environmentFiles };
    return pathsIn(labels[`${COMPOSE}.config_files`], folder).map((path) => ({ ...fileOf(path, false, labels[COMPOSE]), ...told }));
  });
}

/** @param folder where relative ones begin, as podman-compose writes them */
function pathsIn(label = '', folder?: string): readonly string[] {
  const paths = folder === undefined || label === '' ? label.split(',') : label.split(',').map((path) => resolve(folder, path));
  return paths.filter((path) => path.startsWith('/'));
}

/** A path without `*` and `?` must be there; of one with, what is there counts. */
function declaredFiles(host: Host, declared: readonly string[], doubts: Doubt[]): readonly Source[] {
  return declared.flatMap((path) => {
    let files: readonly string[] = [''];
    for (const part of path.split('/').slice(1)) files = files.flatMap((folder) => expand(host, folder, part, doubts));
    return files.map((file) => fileOf(file, file === path));
  });
}

function expand(host: Host, folder: string, part: string, doubts: Doubt[]): readonly string[] {
  if (!/[*?]/.test(part)) return [`${folder}/${part}`];
  const names = listFolder(host, folder === '' ? '/' : folder, doubts);
  return names.filter((name) => matchesGlob(part, name)).map((name) => `${folder}/${name}`);
}

function fileOf(path: string, isDeclared: boolean, project?: string): Source {
  const folder = dirname(path);
  return { path, isDeclared, project: project ?? folder.slice(folder.lastIndexOf('/') + 1), environmentFiles: [`${folder}/.env`] };
}
