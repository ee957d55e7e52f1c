import { statfs } from 'node:fs/promises';
import { openLab } from '../test/lab/lab.ts';
import { imageFamily } from '../test/lab/make-images.ts';
import type { DemoHost } from './demo-host.ts';

/** Starts a private Docker Engine and a registry, pulls a dozen images with shared layers, loads one, and runs some. */
export async function prepareDockerHost(
  storePath: string,
  say: (line: string) => void,
): Promise<DemoHost | { readonly missing: readonly string[] }> {
  const result = await openLab({ say, roots: ['old'] });
  if (result.kind === 'unavailable') return { missing: result.missing };
  const { lab } = result;
  const registry = await lab.startRegistry();
  const engine = await lab.start('docker-old-overlay2');
  say(`Started a private Docker Engine ${engine.version} and a registry at ${registry.address}. No other engine is touched.`);
  await registry.seed(imageFamily({ count: 12, prefix: 'team/app', bases: 3, baseKb: 8_000, leafKb: 2_000 }));
  for (let index = 0; index < 12; index++) await engine.pull(`${registry.address}/team/app${index}:v1`);
  await engine.loadImages([
    {
      repository: 'local/loaded',
      tags: ['v1'],
      layers: [
        { key: 'base0', kb: 8_000 },
        { key: 'loaded', kb: 1_000 },
      ],
    },
  ]);
  await engine.run({ image: `${registry.address}/team/app0:v1`, name: 'web' });
  const job = await engine.run({ image: `${registry.address}/team/app1:v1`, name: 'job' });
  await engine.stopContainer(job);
  say('Pulled 12 images that share layers, loaded one; "web" runs, "job" has ended.');
  return {
    world: {},
    socketPath: engine.socketPath,
    storePath,
    used: `${registry.address}/team/app1:v1`,
    unused: `${registry.address}/team/app5:v1`,
    pinned: `${registry.address}/team/app2:v1`,
    measured: `Used on the filesystem of ${engine.dataRoot}`,
    measure: () => usedBytes(engine.dataRoot),
    [Symbol.asyncDispose]: () => lab.close(),
  };
}

async function usedBytes(path: string): Promise<number> {
  const { blocks, bfree, bsize } = await statfs(path);
  return (blocks - bfree) * bsize;
}
