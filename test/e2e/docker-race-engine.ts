/** The races' engine where it speaks Docker's API: Docker itself, and Podman. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import * as v from 'valibot';
import type { EngineKind, ImageSpec, Lab, LabEngine, LabRegistry } from '../lab/lab.ts';
import { openEngineGate } from './engine-gate.ts';
import { findImage, imageOf, readAllNames, tagImage } from './engine-names.ts';
import { describeEngine } from './image-scene.ts';
import { makeFolder } from './imagegc-process.ts';
import { inLanes, type RaceEngine, type RaceImage, WAYS } from './race-engine.ts';

const containerList = v.array(v.object({ Id: v.string(), ImageID: v.string() }));

/** Starts an engine and a registry, and pulls. A third of the images has two tags, another third is in two repositories. */
export async function openDockerRaceEngine(lab: Lab, kind: EngineKind, count: number): Promise<RaceEngine> {
  const folder = makeFolder();
  const registry = await lab.startRegistry();
  const engine = await lab.start(kind);
  const gate = await openEngineGate(join(folder.path, 'gate.sock'), engine.socketPath);
  const images = await fill(engine, registry, count);
  const listContainers = async () => v.parse(containerList, (await engine.request('GET', '/containers/json?all=1')).body);
  return {
    title: await describeEngine(engine),
    address: `unix://${gate.socketPath}`,
    gate,
    images,
    held: [],
    ways: WAYS,
    async create(image, way) {
      const Image = { tag: image.tags[0], ID: image.id, digest: image.digest }[way];
      const { status, text } = await engine.request('POST', '/containers/create', { Image, HostConfig: { NetworkMode: 'none' } });
      return { way, image, status, text };
    },
    listContainers: async () => (await listContainers()).map(({ Id, ImageID }) => ({ id: Id, imageId: ImageID })),
    removeContainers: async () => inLanes(await listContainers(), ({ Id }) => engine.removeContainer(Id)),
    readNames: () => readAllNames(engine),
    refill: (wanted) => pullAll(engine, wanted),
    findImage: (name) => findImage(engine, name),
    move: (name, to) => tagImage(engine, to.id, name),
    async [Symbol.asyncDispose]() {
      await gate[Symbol.asyncDispose]();
      await engine.stop();
      await registry.stop();
      folder[Symbol.dispose]();
    },
  };
}

async function fill(engine: LabEngine, registry: LabRegistry, count: number): Promise<readonly RaceImage[]> {
  const built = registry.seed(Array.from({ length: count }, (_, index) => specsOf(index)).flat());
  const named = Map.groupBy(built, ({ digest }) => digest);
  const wanted = [...named].map(([digest, copies]): RaceImage => {
    const [first = assert.fail(), ...rest] = copies.flatMap(({ repository, tags }) =>
      tags.map((tag) => `${registry.address}/${repository}:${tag}`),
    );
    return { id: '', tags: [first, ...rest], digest: `${first.replace(/:[^:/]*$/, '')}@${digest}` };
  });
  await pullAll(engine, wanted);
  const images: RaceImage[] = [];
  for (const image of wanted) images.push({ ...image, id: await imageOf(engine, image.tags[0]) });
  return images;
}

/** What a registry is given for one of the images. */
export function specsOf(index: number, runnable = false): readonly ImageSpec[] {
  const layers = [
    { key: 'race-base', kb: 4 },
    { key: `race${index}`, kb: 4 },
  ];
  const spec = (repository: string, tags: readonly string[]): ImageSpec => ({ repository, tags, layers, runnable });
  const tags = index % 3 === 1 ? ['v1', 'v2'] : ['v1'];
  return [spec(`race/i${index}`, tags), ...(index % 3 === 2 ? [spec(`race/copy${index}`, ['v1'])] : [])];
}

/** A second tag in the same repository is given here, which is what another pull would do. */
function pullAll(engine: LabEngine, images: readonly RaceImage[]): Promise<void> {
  return inLanes(images, async ({ tags: [first, second] }) => {
    await engine.pull(first);
    if (second?.endsWith(':v2')) await tagImage(engine, first, second);
    else if (second !== undefined) await engine.pull(second);
  });
}
