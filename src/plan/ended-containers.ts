import type { ImageId } from '../model/brands.ts';
import { type Container, type Inventory, imagesOf } from '../model/inventory.ts';
import { matchesLabel } from '../model/pattern.ts';
import type { ContainerRemoval } from '../model/plan.ts';
import type { Policy } from '../model/policy.ts';

/** Labels whose beginning says that something else owns the container, and would miss it or make another. */
const OWNERS = [
  ...[
    'com.docker.compose.',
    'com.docker.stack.',
    'com.docker.swarm.',
    'io.podman.compose.',
    'PODMAN_SYSTEMD_UNIT',
    'io.containers.autoupdate',
  ],
  ...['io.kubernetes.', 'io.cri-containerd.', 'net.azure-devices.edge.', 'io.balena.', 'org.testcontainers', 'com.hashicorp.nomad.'],
];

/** Whether a container has ended and belongs to nothing that would start it again, as far as its state and labels tell. */
export function mayBeDone({ state, labels }: Pick<Container, 'state' | 'labels'>): boolean {
  return state === 'exited' && !Object.keys(labels).some((label) => OWNERS.some((owner) => label.startsWith(owner)));
}

/**
 * Chooses the exited containers that go before images: those that ended long enough ago, by which an image is let go that nothing else
 * needs and no protection keeps anyway.
 *
 * @param isKeptAnyway whether something beside containers keeps an image for good
 */
export function planContainers(
  { containers }: Pick<Inventory, 'containers'>,
  { containersExitedForMs: limitMs, protect }: Pick<Policy, 'containersExitedForMs' | 'protect'>,
  isKeptAnyway: (image: ImageId) => boolean,
): readonly ContainerRemoval[] {
  if (limitMs === null) return [];
  const isDue = (container: Container): container is Container & { readonly endedForMs: ContainerRemoval['endedForMs'] } =>
    container.endedForMs !== undefined &&
    container.endedForMs >= limitMs &&
    mayBeDone(container) &&
    !protect.labels.some((pattern) => matchesLabel(pattern, container.labels));
  const needed = new Set(containers.filter((container) => !isDue(container)).flatMap(imagesOf));
  return containers.filter(isDue).flatMap((container) => {
    const imageIds = imagesOf(container).filter((image) => !needed.has(image) && !isKeptAnyway(image));
    const { id, name, labels, endedForMs } = container;
    return imageIds.length === 0 ? [] : [{ id, name, labels, imageIds, endedForMs }];
  });
}
