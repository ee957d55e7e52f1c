import { MemoryEngine } from '../src/runtime/memory/memory-engine.ts';
import { openMemory } from '../src/runtime/memory/memory-runtime.ts';
import type { DemoHost } from './demo-host.ts';

const MB = 1_000_000;

/** The same host as {@link prepareDockerHost} makes, in memory. */
export function prepareMemoryHost(storePath: string): DemoHost {
  const engine = new MemoryEngine({ capacityBytes: 100_000 * MB });
  for (let index = 0; index < 12; index++) {
    const base = `base${index % 3}`;
    const repository = `registry.example/team/app${index}`;
    const digest = `${repository}@sha256:${String(index).padStart(64, '0')}`;
    engine.addImage({
      layers: [
        [base, 80 * MB],
        [`own${index}`, 10 * MB],
      ],
      references: [`${repository}:v1`],
      digests: [digest],
    });
  }
  engine.addImage({
    layers: [
      ['base0', 80 * MB],
      ['loaded', 5 * MB],
    ],
    references: ['local/loaded:v1'],
  });
  engine.createContainer({ image: 'registry.example/team/app0:v1', name: 'web' });
  engine.createContainer({ image: 'registry.example/team/app1:v1', name: 'job', state: 'exited' });
  return {
    world: { openRuntime: () => Promise.resolve(openMemory(engine)) },
    socketPath: '/memory',
    storePath,
    used: 'registry.example/team/app1:v1',
    unused: 'registry.example/team/app5:v1',
    pinned: 'registry.example/team/app2:v1',
    measured: 'Layers in the memory engine',
    measure: () => Promise.resolve(engine.usedBytes()),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
