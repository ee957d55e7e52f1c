/** The thirty and more images of `collection.test.ts`, and what becomes of each, written down by hand. */
import assert from 'node:assert/strict';
import { stringOf } from '../lab/engine-api.ts';
import type { ImageSpec, LabEngine, LabRegistry } from '../lab/lab.ts';
import { imageFamily } from '../lab/lab.ts';
import { findImage, imageOf, readAllNames, tagImage } from './engine-names.ts';

const NUMBERS = [0, 1, 2, 3, 4, 5] as const;

/** Loaded or committed here, and needed by nobody. */
export const LOADED: readonly string[] = [
  ...NUMBERS.map((n) => `lab/app${n}:v1`),
  'lab/multi:1',
  'lab/two:1',
  'lab/parent:1',
  'lab/child:1',
];
/** Pulled, and needed by nobody; a registry's address stands before each. */
export const PULLED: readonly string[] = [...NUMBERS.map((n) => `team/pulled${n}:v1`), 'team/both:v1', 'team/digest-only'];
/** Kept, each for a reason of its own. */
const KEPT: readonly string[] = [
  'lab/running:1',
  'lab/stopped:1',
  'lab/created:1',
  'lab/used-by-id:1',
  'team/digest-used',
  'lab/used-child:1',
  'lab/used-parent:1',
  'lab/protected-a:1',
  'lab/protected-b:1',
  'lab/labelled:1',
  'lab/pinned:1',
];
/** What the settings and a pin protect in this scene. */
export const PROTECTING = { glob: 'lab/protected-*', pin: 'lab/pinned' } as const;
const MOUNTED = 'lab/mounted:1';
export const DANGLING = 'dangling';

/** Image IDs by the titles above. */
export type SceneIds = ReadonlyMap<string, string>;

/** Fills an engine. @param hasMounts whether containers can mount images there */
export async function buildScene(engine: LabEngine, registry: LabRegistry, hasMounts: boolean): Promise<SceneIds> {
  await engine.loadImages([...imageFamily({ count: NUMBERS.length, baseKb: 400, midKb: 60, leafKb: 50 }), ...loadedSpecs(hasMounts)]);
  const ids = new Map<string, string>();
  const [dangling] = Object.entries(await readAllNames(engine)).filter(([, names]) => names.length === 0);
  assert.ok(dangling !== undefined, 'the engine loaded no image without a name');
  ids.set(DANGLING, dangling[0]);
  await tagImage(engine, 'lab/two:1', 'other/two:1');
  await tagImage(engine, 'lab/two:1', 'other/two:2');
  await tagImage(engine, 'lab/used-by-id:1', 'other/used-by-id:1');
  await commit(engine, 'lab/parent:1', 'lab/child:1');
  await commit(engine, 'lab/used-parent:1', 'lab/used-child:1');
  for (const title of [...LOADED, ...KEPT.filter((each) => each.startsWith('lab/')), ...(hasMounts ? [MOUNTED] : [])])
    ids.set(title, await imageOf(engine, title));
  await pullAll(engine, registry, ids);
  await createContainers(engine, ids, hasMounts);
  return ids;
}

function loadedSpecs(hasMounts: boolean): readonly ImageSpec[] {
  const base = { key: 'base0', kb: 400 };
  const spec = (name: string, tags = ['1'], labels = {}): ImageSpec => {
    return { repository: `lab/${name}`, tags, layers: [base, { key: name, kb: 40 }], labels };
  };
  const plain = ['running', 'stopped', 'created', 'used-by-id', 'used-parent', 'parent', 'two', 'protected-a', 'protected-b', 'pinned'];
  return [
    ...[...plain, ...(hasMounts ? ['mounted'] : [])].map((name) => spec(name)),
    spec('multi', ['1', '2', 'stable']),
    spec('labelled', ['1'], { 'io.imagegc.keep': 'true' }),
    spec('unnamed', []),
  ];
}

/** A container's changes become an image on top of its image, as a classic build does it step by step. */
async function commit(engine: LabEngine, parent: string, child: string): Promise<void> {
  const container = await engine.run({ image: parent, cmd: ['/bin/sh', '-c', `echo ${child} > /made`] });
  await engine.request('POST', `/containers/${container}/wait`);
  const [repository, tag] = child.split(':');
  const { status, text } = await engine.request('POST', `/commit?container=${container}&repo=${repository}&tag=${tag}`, {});
  assert.equal(status, 201, text);
  await engine.removeContainer(container);
}

async function pullAll(engine: LabEngine, registry: LabRegistry, ids: Map<string, string>): Promise<void> {
  const repositories = [...new Set([...PULLED, 'team/digest-used'].map((title) => title.replace(/:.*/, '')))];
  const layersOf = (repository: string) => [
    { key: 'team-base', kb: 300 },
    { key: repository, kb: 45 },
  ];
  const built = registry.seed(repositories.map((repository) => ({ repository, tags: ['v1'], layers: layersOf(repository) })));
  for (const { repository, digest } of built) {
    const name = `${registry.address}/${repository}`;
    const isByTag = !repository.startsWith('team/digest-');
    if (isByTag) await engine.pull(`${name}:v1`);
    if (!isByTag || repository === 'team/both') await engine.pull(`${name}@${digest}`);
    ids.set(isByTag ? `${repository}:v1` : repository, await imageOf(engine, `${name}@${digest}`));
  }
}

async function createContainers(engine: LabEngine, ids: SceneIds, hasMounts: boolean): Promise<void> {
  const idOf = (title: string) => ids.get(title) ?? '';
  await engine.run({ image: 'lab/running:1', name: 'runs' });
  await engine.stopContainer(await engine.run({ image: 'lab/stopped:1', name: 'stopped' }));
  await engine.run({ image: 'lab/created:1', name: 'created', createOnly: true });
  await engine.run({ image: idOf('lab/used-by-id:1'), name: 'by-id', createOnly: true });
  await engine.run({ image: idOf('team/digest-used'), name: 'by-digest', createOnly: true });
  await engine.run({ image: 'lab/used-child:1', name: 'of-child', createOnly: true });
  if (hasMounts) assert.equal((await mountImage(engine, 'lab/running:1', MOUNTED)).status, 201);
}

/** Creates a container of one image with another mounted into it, where the engine can. */
export async function mountImage(engine: LabEngine, image: string, mounted: string) {
  const Mounts = [{ Type: 'image', Source: mounted, Target: '/mounted' }];
  return engine.request('POST', '/containers/create?name=mounts', { Image: image, HostConfig: { NetworkMode: 'none', Mounts } });
}

/** What an engine tells of itself, for figures. */
export async function describeEngine(engine: LabEngine): Promise<string> {
  const { body } = await engine.request('GET', '/info');
  return `${engine.kind} (${stringOf(body, 'ServerVersion')}, ${stringOf(body, 'Driver')})`;
}

/** Titles of those IDs that the engine has no more. */
export async function titlesGone(engine: LabEngine, ids: SceneIds): Promise<readonly string[]> {
  const gone: string[] = [];
  for (const [title, id] of ids) if ((await findImage(engine, id)) === null) gone.push(title);
  return gone.sort();
}
