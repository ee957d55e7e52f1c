/** The crashes' engine where it is containerd: with names in one namespace and in two, or as a kubelet pulls. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { leasesApi } from '../../src/runtime/containerd/messages.ts';
import { criCalls, imageCalls } from '../contract/containerd-calls.ts';
import { type ContainerdWorld, openContainerdWorld } from '../contract/containerd-world.ts';
import { local } from '../contract/contract-images.ts';
import type { ContainerdKind, Lab, LabRegistry } from '../lab/lab.ts';
import type { RaceMode } from './containerd-race-engine.ts';
import { type CrashEngine, restorer } from './crash-cases.ts';
import type { NamesById } from './engine-names.ts';
import { openGrpcGate } from './grpc-gate.ts';
import { makeFolder } from './imagegc-process.ts';

/** Stays: an engine that lists nothing where images were known is in doubt. */
const KEPT = local('kept', { labels: { 'io.imagegc.keep': 'true' } });
const OTHER = 'other';

/** Starts a containerd and a registry, and fills it. */
export async function openContainerdCrashEngine(lab: Lab, kind: ContainerdKind, mode: RaceMode): Promise<CrashEngine> {
  const folder = makeFolder();
  const registry = await lab.startRegistry();
  const world = await openContainerdWorld(lab, kind, mode);
  const pulled = registry.seed(
    ['team/one', 'team/two'].map((repository) => ({ repository, tags: ['v1', 'v2'], layers: [{ key: repository, kb: 4 }] })),
  );
  assert.equal(pulled.length, 2);
  const fill = mode === 'native' ? () => importAll(world) : () => pullAll(world, registry);
  await world.actor.addImage(KEPT);
  await fill();
  const names = await readNames(world);
  const gate = await openGrpcGate(join(folder.path, 'gate.sock'), world.engine.socketPath);
  return {
    gate,
    address: `containerd://${gate.socketPath}`,
    readNames: () => readNames(world),
    restore: restorer(() => readNames(world), names, fill),
    async [Symbol.asyncDispose]() {
      await gate[Symbol.asyncDispose]();
      await world.close();
      await registry.stop();
      folder[Symbol.dispose]();
    },
  };
}

/** One image with two names, which another namespace has as well, and one with one. */
async function importAll(world: ContainerdWorld): Promise<void> {
  const both = local('both', { tags: ['1', '2'] });
  await world.actor.addImage(both);
  await world.actorIn(OTHER).addImage(both);
  await world.actor.addImage(local('single'));
}

/** Each image has its digest and its ID as names too; one has two tags. */
async function pullAll({ client }: ContainerdWorld, { address }: LabRegistry): Promise<void> {
  for (const name of ['team/one:v1', 'team/two:v1', 'team/two:v2'])
    await client.call(criCalls.pull, { image: { image: `${address}/${name}` } });
}

/** Namespaces unpack for themselves, so an image goes from each by itself; leases of ours stand beside. */
async function readNames({ client }: ContainerdWorld): Promise<NamesById> {
  const found: (readonly [string, readonly string[]])[] = [];
  for (const namespace of ['default', 'k8s.io', OTHER]) {
    const { images } = await client.call(imageCalls.list, {}, namespace);
    for (const [target, own] of Map.groupBy(images, (image) => image.target?.digest ?? ''))
      found.push([`${namespace} ${target}`, own.map(({ name }) => name).sort()]);
    const { leases } = await client.call(leasesApi.list, {}, namespace);
    const ours = leases.map(({ id }) => id).filter((id) => id.startsWith('imagegc'));
    if (ours.length > 0) found.push([`${namespace} leases`, ours]);
  }
  return Object.fromEntries(found.sort(([left], [right]) => (left < right ? -1 : 1)));
}
