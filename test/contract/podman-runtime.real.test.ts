import { after } from 'node:test';
import { PODMAN_KINDS } from '../lab/lab.ts';
import { kindsOf, openLabOfRun } from './lab-of-run.ts';
import { openPodmanWorld, podmanFeatures } from './podman-world.ts';
import { describeRuntimeContract } from './runtime-contract.ts';

const lab = await openLabOfRun(PODMAN_KINDS.map((kind) => `runtime contract on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  for (const kind of kindsOf(lab, PODMAN_KINDS, 'runtime contract')) {
    describeRuntimeContract(kind, podmanFeatures(kind), () => openPodmanWorld(lab, kind));
  }
}
