/** What an engine holds, read past the product: tests compare it before and after. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { isPodman, type LabEngine } from '../lab/lab.ts';

const strings = v.optional(v.nullable(v.array(v.string())), null);
const images = v.array(v.object({ Id: v.string() }));
const details = v.object({ RepoTags: strings, RepoDigests: strings });
const accounting = v.object({ LayersSize: v.number() });
const storedLayers = v.array(v.object({ 'diff-size': v.optional(v.number()) }));

/** Sorted names, tags and digests, by image ID. */
export type NamesById = Readonly<Record<string, readonly string[]>>;

/** Every image of an engine with all its names, holds included; by inspection, because a listing tells less on the containerd store. */
export async function readAllNames(engine: LabEngine): Promise<NamesById> {
  const ids = v.parse(images, (await engine.request('GET', '/images/json?all=1')).body).map(({ Id }) => Id);
  const named: (readonly [string, readonly string[]])[] = [];
  for (const id of ids.sort()) named.push([id, (await readNamesOf(engine, id)) ?? []]);
  return Object.fromEntries(named);
}

/** All names of one image, sorted; null when it is gone. */
export async function readNamesOf(engine: LabEngine, image: string): Promise<readonly string[] | null> {
  const { status, body } = await engine.request('GET', `/images/${image}/json`);
  if (status === 404) return null;
  const { RepoTags, RepoDigests } = v.parse(details, body);
  return [...new Set([...(RepoTags ?? []), ...(RepoDigests ?? [])].filter((name) => !name.includes('<none>')))].sort();
}

/**
 * The bytes of all images as the engine itself counts them: unpacked layers, and blobs where it keeps them beside. Podman 4.3 says 0, so
 * Podman's own list of layers is read, in which a container's has no size.
 */
export async function readLayersSize(engine: LabEngine): Promise<number> {
  if (!isPodman(engine.kind)) return v.parse(accounting, (await engine.request('GET', '/system/df')).body).LayersSize;
  const layers = v.parse(storedLayers, JSON.parse(readFileSync(join(engine.dataRoot, 'overlay-layers/layers.json'), 'utf8')));
  return layers.reduce((sum, layer) => sum + (layer['diff-size'] ?? 0), 0);
}

/** The image that a name points to; null when none does. */
export async function findImage(engine: LabEngine, name: string): Promise<string | null> {
  const { status, body } = await engine.request('GET', `/images/${name}/json`);
  return status === 404 ? null : v.parse(v.object({ Id: v.string() }), body).Id;
}

/** The same, for a name that must be there. */
export async function imageOf(engine: LabEngine, name: string): Promise<string> {
  const id = await findImage(engine, name);
  if (id === null) throw new Error(`the engine has no ${name}`);
  return id;
}

/** Gives an image one more name, or moves one. @param name `repository:tag` */
export async function tagImage(engine: LabEngine, image: string, name: string): Promise<void> {
  const colon = name.lastIndexOf(':');
  const path = `/images/${image}/tag?repo=${encodeURIComponent(name.slice(0, colon))}&tag=${name.slice(colon + 1)}`;
  const { status, text } = await engine.request('POST', path);
  if (status !== 201) throw new Error(`POST ${path}: ${status} ${text}`);
}
