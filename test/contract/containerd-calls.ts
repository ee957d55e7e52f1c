/** What tests do to containerd that imagegc never does: calls in the form of `src/runtime/containerd/messages.ts`. */
import { blob, flag, many, message, method, one, text, textMap, texts, whole } from '../../src/runtime/containerd/wire.ts';

const nothing = message({});
const descriptor = message({ mediaType: text(1), digest: text(2), size: whole(3) });
const image = message({ name: text(1), labels: textMap(2), target: one(3, descriptor) });

export const imageCalls = {
  list: method('/containerd.services.images.v1.Images/List', nothing, message({ images: many(1, image) })),
  get: method('/containerd.services.images.v1.Images/Get', message({ name: text(1) }), message({ image: one(1, image) })),
  create: method('/containerd.services.images.v1.Images/Create', message({ image: one(1, image) }), nothing),
  update: method('/containerd.services.images.v1.Images/Update', message({ image: one(1, image) }), nothing),
};

export const snapshotCalls = {
  prepare: method(
    '/containerd.services.snapshots.v1.Snapshots/Prepare',
    message({ snapshotter: text(1), key: text(2), parent: text(3), labels: textMap(4) }),
    nothing,
  ),
  remove: method('/containerd.services.snapshots.v1.Snapshots/Remove', message({ snapshotter: text(1), key: text(2) }), nothing),
};

const container = message({
  id: text(1),
  image: text(3),
  runtime: one(4, message({ name: text(1) })),
  spec: one(5, message({ typeUrl: text(1), value: blob(2) })),
  snapshotter: text(6),
  snapshotKey: text(7),
});

export const containerCalls = {
  create: method('/containerd.services.containers.v1.Containers/Create', message({ container: one(1, container) }), nothing),
  delete: method('/containerd.services.containers.v1.Containers/Delete', message({ id: text(1) }), nothing),
};

const resource = message({ id: text(1), type: text(2) });

export const leaseCalls = {
  create: method('/containerd.services.leases.v1.Leases/Create', message({ id: text(1) }), nothing),
  addResource: method('/containerd.services.leases.v1.Leases/AddResource', message({ id: text(1), resource: one(2, resource) }), nothing),
  delete: method('/containerd.services.leases.v1.Leases/Delete', message({ id: text(1), sync: flag(2) }), nothing),
};

const imageSpec = message({ image: text(1) });
const namespaceOptions = message({ network: whole(1) });
const podConfig = message({
  metadata: one(1, message({ name: text(1), uid: text(2), namespace: text(3) })),
  linux: one(8, message({ securityContext: one(2, message({ namespaceOptions: one(1, namespaceOptions) })) })),
});
const mount = message({ containerPath: text(1), readonly: flag(3), image: one(9, imageSpec) });
const containerConfig = message({
  metadata: one(1, message({ name: text(1) })),
  image: one(2, imageSpec),
  command: texts(3),
  mounts: many(7, mount),
});
const podId = message({ podSandboxId: text(1) });
const containerId = message({ containerId: text(1) });

export const criCalls = {
  runPod: method('/runtime.v1.RuntimeService/RunPodSandbox', message({ config: one(1, podConfig) }), podId),
  stopPod: method('/runtime.v1.RuntimeService/StopPodSandbox', podId, nothing),
  removePod: method('/runtime.v1.RuntimeService/RemovePodSandbox', podId, nothing),
  create: method(
    '/runtime.v1.RuntimeService/CreateContainer',
    message({ podSandboxId: text(1), config: one(2, containerConfig), sandboxConfig: one(3, podConfig) }),
    containerId,
  ),
  start: method('/runtime.v1.RuntimeService/StartContainer', containerId, nothing),
  stop: method('/runtime.v1.RuntimeService/StopContainer', message({ containerId: text(1), timeout: whole(2) }), nothing),
  remove: method('/runtime.v1.RuntimeService/RemoveContainer', containerId, nothing),
  pull: method('/runtime.v1.ImageService/PullImage', message({ image: one(1, imageSpec) }), message({ imageRef: text(1) })),
};

/** The pod of a test: on the host's network, because the laboratory has no other. */
export function podOf(name: string) {
  const hostNetwork = 2;
  return {
    metadata: { name, uid: name, namespace: 'lab' },
    linux: { securityContext: { namespaceOptions: { network: hostNetwork } } },
  };
}
