import * as v from 'valibot';
import type { EngineKind, Lab, LabEngine, SavedState } from '../test/lab/lab.ts';
import type { ImageSpec } from '../test/lab/make-images.ts';
import type { RawCalls } from './raw-calls.ts';

const BASES = 10;
const FILES_PER_LAYER = 5;
const CONTAINERS = 10;
/** The image that containers hold. */
export const USED_IMAGE = 'bench/app0:v1';

/** Images as hosts have them: over 10 bases of three layers, two private layers each, five small files per layer. */
export function imageSpecs(count: number): readonly ImageSpec[] {
  return Array.from({ length: count }, (_, index) => {
    const base = `base${index % BASES}`;
    const keys = [...[0, 1, 2].map((layer) => `${base}-${layer}`), `own${index}-0`, `own${index}-1`];
    const layers = keys.map((key) => ({ key, kb: 20, files: FILES_PER_LAYER }));
    return { repository: `bench/app${index}`, tags: ['v1'], layers };
  });
}

/** Makes images once, with ten containers of the first; every round starts from a copy. */
export async function saveImages(lab: Lab, kind: EngineKind, count: number): Promise<SavedState> {
  const engine = await lab.start(kind);
  await engine.loadImages(imageSpecs(count));
  for (let index = 0; index < CONTAINERS; index += 1) await engine.run({ image: USED_IMAGE, createOnly: true });
  return lab.save(engine);
}

/** An engine for a while. */
export async function withEngine<Result>(
  lab: Lab,
  kind: EngineKind,
  saved: SavedState,
  work: (engine: LabEngine) => Promise<Result>,
): Promise<Result> {
  const engine = await lab.restore(kind, saved);
  try {
    return await work(engine);
  } finally {
    await engine.stop();
  }
}

const listing = v.array(v.object({ Id: v.string(), RepoTags: v.nullable(v.array(v.string())) }));

/** What the engine lists. */
export type ListedImage = v.InferOutput<typeof listing>[number];

/** The list of images, as the product asks for it. */
export async function listImages(calls: RawCalls): Promise<readonly ListedImage[]> {
  return v.parse(listing, JSON.parse(await calls.ask('GET', '/images/json?all=1')));
}
