/** Two real engines of one host under one command line: each has its own records, and what is wrong with one costs only that one. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import * as v from 'valibot';
import { kindsOf, openLabOfRun } from '../contract/lab-of-run.ts';
import type { Lab, LabEngine } from '../lab/lab.ts';
import { runInProcess } from './cli-world.ts';
import { makeFolder } from './imagegc-process.ts';

const TITLE = 'Docker and Podman under one command';
const documents = v.object({
  format: v.literal('imagegc.engines/1'),
  engines: v.array(v.object({ address: v.string(), document: v.nullable(v.object({ format: v.string() })) })),
});

const lab = await openLabOfRun([TITLE]);
if (lab !== null) {
  after(() => lab.close());
  describe('several engines', () => {
    if (kindsOf(lab, ['podman-old'], TITLE).length > 0) test(`${TITLE} are collected one after the other`, () => collectBoth(lab));
  });
}

async function collectBoth(lab: Lab): Promise<void> {
  await using closing = new AsyncDisposableStack();
  const folder = closing.use(makeFolder());
  const engines: LabEngine[] = [];
  for (const kind of ['docker-old-overlay2', 'podman-old'] as const) {
    const engine = await lab.start(kind);
    closing.defer(() => engine.stop());
    await engine.loadImages(['old', 'used'].map((name) => ({ repository: `lab/${name}`, tags: ['1'], layers: [{ key: name, kb: 40 }] })));
    await engine.run({ image: 'docker.io/lab/used:1', name: 'web' });
    engines.push(engine);
  }
  const address = engines.map(({ socketPath }) => `unix://${socketPath}`).join(',');
  const words = ['--store-path', folder.path, '--engine-address', address, '--protect-local', 'no'];
  const first = await runInProcess(['plan', ...words, '--json'], 0);
  const told = v.parse(documents, JSON.parse(first.stdout));
  assert.deepEqual(
    told.engines.map((each) => `${each.address} ${each.document?.format}`),
    engines.map(({ socketPath }) => `unix://${socketPath} imagegc.plan/1`),
  );
  const [docker] = engines;
  await docker?.kill9();
  const half = await runInProcess(['collect', '--yes', ...words], 8);
  assert.equal(half.status, 1);
  assert.match(half.stderr, /there is no such socket|nothing listens there/);
  assert.equal(half.stdout.match(/Done: 1 removed/g)?.length, 1);
  await docker?.restart();
  const both = await runInProcess(['collect', '--yes', ...words], 8);
  assert.equal(both.status, 0, both.stderr);
  assert.equal(both.stdout.match(/Done: 1 removed/g)?.length, 1);
  assert.equal(both.stdout.match(/^== unix:/gm)?.length, 2);
  assert.match(both.stdout, /Nothing to remove: 1 image, all kept/);
}
