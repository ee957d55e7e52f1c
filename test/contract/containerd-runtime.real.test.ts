import { after } from 'node:test';
import { CONTAINERD_KINDS } from '../lab/lab.ts';
import { CONTAINERD_MODES, containerdFeatures, openContainerdWorld } from './containerd-world.ts';
import { openLabOfRun } from './lab-of-run.ts';
import { describeRuntimeContract } from './runtime-contract.ts';

const lab = await openLabOfRun(CONTAINERD_KINDS.map((kind) => `runtime contract on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  for (const kind of CONTAINERD_KINDS) {
    for (const mode of CONTAINERD_MODES) {
      describeRuntimeContract(`${kind}, ${mode}`, containerdFeatures(kind, mode), () => openContainerdWorld(lab, kind, mode));
    }
  }
}
