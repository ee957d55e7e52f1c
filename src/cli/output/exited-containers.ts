import { bytes } from '../../model/brands.ts';
import { formatByteSize } from '../../model/byte-size.ts';
import { type Inventory, imagesOf } from '../../model/inventory.ts';
import { countLayerNeeds } from '../../plan/layer-counts.ts';
import { printable } from './style.ts';

const NAMED_MAX = 3;
/** States of a container that holds its image and does not run. */
const HOLDING: readonly string[] = ['exited', 'dead'];

/** Says which containers hold images without running, and what those images would free beside what else is there; empty when none do. */
export function describeExited(inventory: Inventory): string {
  const { exited = [], others = [] } = Object.groupBy(inventory.containers, ({ state }) => (HOLDING.includes(state) ? 'exited' : 'others'));
  const held = new Set(exited.flatMap(imagesOf)).difference(new Set(others.flatMap(imagesOf)));
  const holders = exited.filter((container) => imagesOf(container).some((image) => held.has(image)));
  if (holders.length === 0) return '';
  const counts = countLayerNeeds(inventory);
  const freed = inventory.images.reduce((sum, { id }, index) => sum + (held.has(id) ? counts.remove(index).bytes : 0), 0);
  const names = holders.slice(0, NAMED_MAX).map(({ name }) => printable(name));
  const more = holders.length > NAMED_MAX ? ` and ${holders.length - NAMED_MAX} more` : '';
  const hold = holders.length === 1 ? '1 exited container holds' : `${holders.length} exited containers hold`;
  return `${hold} ${formatByteSize(bytes(freed))} of images: ${names.join(', ')}${more}.`;
}
