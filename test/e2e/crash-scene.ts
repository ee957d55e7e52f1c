/** A few images of every kind of naming, which come back quickly after they were removed. */
import assert from 'node:assert/strict';
import type { BuiltImage, ImageSpec, LabEngine, LabRegistry } from '../lab/lab.ts';
import { type NamesById, readAllNames, readNamesOf, tagImage } from './engine-names.ts';

const layers = (key: string) => [
  { key: 'crash-base', kb: 4 },
  { key, kb: 4 },
];
const image = (repository: string, tags: readonly string[], key = repository): ImageSpec => {
  return { repository, tags, layers: layers(key), runnable: false };
};
const UNNAMED = image('lab/unnamed', []);
/** Stays: an engine that lists nothing where images were known is in doubt. */
const KEPT = { ...image('lab/kept', ['1']), labels: { 'io.imagegc.keep': 'true' } };
/** Pulled by tag; `team/two` and `team/copy` are one image, so it has tags and digests in two repositories. */
const BY_TAG = ['team/one', 'team/two', 'team/copy'] as const;
/** Pulled by digest; `team/mixed` gets a tag in another repository besides. */
const BY_DIGEST = ['team/digest', 'team/mixed'] as const;

/** The images as they were at first, and how to make them so again. */
export interface CrashScene {
  readonly names: NamesById;
  restore(): Promise<void>;
}

/** Fills an engine. */
export async function buildCrashScene(engine: LabEngine, registry: LabRegistry): Promise<CrashScene> {
  const keyOf = (repository: string) => (repository === 'team/copy' ? 'team/two' : repository);
  const built = registry.seed([...BY_TAG, ...BY_DIGEST].map((repository) => image(repository, ['v1'], keyOf(repository))));
  await fill(engine, registry, built);
  const names = await readAllNames(engine);
  assert.equal(Object.keys(names).length, 6);
  return {
    names,
    restore: async () => {
      const isWhole = JSON.stringify(await readAllNames(engine)) === JSON.stringify(names);
      if (!isWhole) await fill(engine, registry, built);
      assert.deepEqual(await readAllNames(engine), names);
    },
  };
}

async function fill(engine: LabEngine, registry: LabRegistry, built: readonly BuiltImage[]): Promise<void> {
  const present = Object.values(await readAllNames(engine));
  if (!present.some((names) => names.length === 0)) await engine.loadImages([UNNAMED, KEPT]);
  for (const { repository, digest } of built) {
    const name = `${registry.address}/${repository}`;
    const isByTag = BY_TAG.some((each) => each === repository);
    const wanted = isByTag ? `${name}:v1` : `${name}@${digest}`;
    if ((await readNamesOf(engine, wanted)) === null) await engine.pull(wanted);
    if (repository === 'team/two') await tagImage(engine, wanted, `${name}:v2`);
    if (repository === 'team/mixed') await tagImage(engine, wanted, 'lab/mixed:1');
  }
}

/**
 * Compares an engine with what it was: an image may be gone, but one that is there has every name, tags and digests, that it had, and
 * nothing of ours is left.
 *
 * @returns how many images are gone
 */
export async function checkNoNameLost(engine: LabEngine, before: NamesById, what: string): Promise<number> {
  const now = await readAllNames(engine);
  const present = Object.fromEntries(Object.entries(before).filter(([id]) => id in now));
  assert.deepEqual(now, present, what);
  return Object.keys(before).length - Object.keys(now).length;
}
