import type { ImageId } from '../model/brands.ts';
import type { Container, Image, Inventory } from '../model/inventory.ts';
import { lineageName, workloadName } from '../model/lineage-name.ts';
import { canonicalReference } from '../model/reference.ts';
import type { Instant, Lineage } from '../model/use-record.ts';

/** A head that ran this long has shown that it works (A/B updaters confirm likewise: RAUC, Mender). */
const CONFIRM_AFTER_MS = 3_600_000;

/**
 * Follows which version each workload runs: the image of its newest container is the head, and the one before it the previous
 * version, which a rollback would need.
 *
 * @returns the lineages that changed
 */
export function sightLineages(inventory: Inventory, known: ReadonlyMap<string, Lineage>, now: Instant): readonly Lineage[] {
  const changed: Lineage[] = [];
  for (const [name, container] of newestContainers(inventory)) {
    const before = known.get(name);
    const after = sightLineage(name, container, before, inventory, now);
    if (after !== null && after !== before) changed.push(after);
  }
  return changed;
}

function sightLineage(name: string, container: Container, before: Lineage | undefined, inventory: Inventory, now: Instant): Lineage | null {
  const head = container.imageId;
  if (head === null) return null;
  if (before === undefined) return { name, headImageId: head, previousImageId: null, switchedAt: now, headConfirmed: false };
  if (before.headImageId !== head) {
    return { name, headImageId: head, previousImageId: before.headImageId, switchedAt: now, headConfirmed: false };
  }
  const isConfirmed = before.headConfirmed === true || hasProvenItself(container, before, inventory, now);
  return isConfirmed === before.headConfirmed ? before : { ...before, headConfirmed: isConfirmed };
}

/** Both clocks must agree: the idle clock alone cannot see a restart loop, the wall clock alone may have jumped. */
function hasProvenItself(container: Container, lineage: Lineage, inventory: Inventory, now: Instant): boolean {
  const isRunning = container.state === 'running' && container.startedAt !== null;
  const ranMs = inventory.observedAt - (container.startedAt ?? inventory.observedAt);
  return isRunning && ranMs >= CONFIRM_AFTER_MS && now.idleMs - lineage.switchedAt.idleMs >= CONFIRM_AFTER_MS;
}

/** Per lineage its newest container: with an old one still lying about, the older image must not look like the head. */
function newestContainers(inventory: Inventory): ReadonlyMap<string, Container> {
  const images = new Map(inventory.images.map((image) => [image.id, image]));
  const newest = new Map<string, Container>();
  for (const container of inventory.containers) {
    for (const name of lineagesOf(container, images)) {
      const other = newest.get(name);
      if (other === undefined || isNewer(container, other)) newest.set(name, container);
    }
  }
  return newest;
}

function isNewer(container: Container, other: Container): boolean {
  const differenceMs = (container.createdAt ?? 0) - (other.createdAt ?? 0);
  return differenceMs === 0 ? container.state === 'running' && other.state !== 'running' : differenceMs > 0;
}

function lineagesOf(container: Container, images: ReadonlyMap<ImageId, Image>): readonly string[] {
  const workload = workloadName(container.labels);
  if (workload !== null) return [workload];
  const image = container.imageId === null ? undefined : images.get(container.imageId);
  if (image === undefined) return [];
  const asked = container.imageName === null ? null : canonicalReference(container.imageName);
  const names = [...image.references, ...image.digests];
  const meant = names.filter((name) => name === asked || name === `${asked}:latest`);
  return [...new Set((meant.length > 0 ? meant : names).map(lineageName))];
}
