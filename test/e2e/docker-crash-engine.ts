/** The crashes' engine where it speaks Docker's API: Docker itself, and Podman. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { BuiltImage, EngineKind, ImageSpec, Lab, LabEngine, LabRegistry } from '../lab/lab.ts';
import { type CrashEngine, restorer } from './crash-cases.ts';
import { openEngineGate } from './engine-gate.ts';
import { readAllNames, readNamesOf, tagImage } from './engine-names.ts';
import { makeFolder } from './imagegc-process.ts';

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

/** Starts an engine and a registry, and fills it. */
export async function openDockerCrashEngine(lab: Lab, kind: EngineKind): Promise<CrashEngine> {
  const folder = makeFolder();
  const registry = await lab.startRegistry();
  const engine = await lab.start(kind);
  const keyOf = (repository: string) => (repository === 'team/copy' ? 'team/two' : repository);
  const built = registry.seed([...BY_TAG, ...BY_DIGEST].map((repository) => image(repository, ['v1'], keyOf(repository))));
  await fill(engine, registry, built);
  const names = await readAllNames(engine);
  assert.equal(Object.keys(names).length, 6);
  const gate = await openEngineGate(join(folder.path, 'gate.sock'), engine.socketPath);
  return {
    gate,
    address: `unix://${gate.socketPath}`,
    readNames: () => readAllNames(engine),
    restore: restorer(
      () => readAllNames(engine),
      names,
      () => fill(engine, registry, built),
    ),
    async [Symbol.asyncDispose]() {
      await gate[Symbol.asyncDispose]();
      await engine.stop();
      await registry.stop();
      folder[Symbol.dispose]();
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
