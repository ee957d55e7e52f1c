import type { WallMs } from '../../model/brands.ts';
import { formatByteSize } from '../../model/byte-size.ts';
import type { RemovalEntry } from '../../model/removal-record.ts';
import type { UseEntry } from '../../model/use-record.ts';
import { formatTime } from '../forms/rfc3339.ts';
import { imageName } from './image-name.ts';
import type { Look } from './style.ts';
import { type Cell, rigidColumn, table, textColumn } from './table.ts';

/** Prints uses and removals together, newest first, with the digest by which a removed image can be pulled again. */
export function renderHistory(removals: readonly RemovalEntry[], uses: readonly UseEntry[], look: Look): string {
  const columns = [
    rigidColumn('WHEN', 1, 'left'),
    rigidColumn('WHAT', 1, 'left'),
    textColumn('IMAGE', 1, 12, 'middle'),
    rigidColumn('FREED', 3),
    textColumn('PULL AGAIN / NOTE', 2, 20, 'middle'),
  ];
  const rows = [...removals.map(removalRow), ...uses.map(useRow)].sort((a, b) => b.at - a.at);
  const cells = rows.map((row) => row.cells);
  return table(columns, cells, look) || 'Nothing is recorded yet.\n';
}

interface Row {
  readonly at: WallMs;
  readonly cells: readonly Cell[];
}

function removalRow(entry: RemovalEntry): Row {
  const { outcome, rule, imageId, freesBytes, digests, message, at } = entry;
  const isGone = outcome === 'removed';
  const what: Cell = { text: `${outcome} (${rule})`, style: isGone ? 'green' : outcome === 'failed' ? 'red' : 'dim' };
  const freed = isGone ? formatByteSize(freesBytes) : '';
  return { at: at.wallMs, cells: [formatTime(at.wallMs), what, imageName(entry, imageId), freed, isGone ? (digests[0] ?? '') : message] };
}

function useRow({ at, imageId, references, evidence }: UseEntry): Row {
  return { at: at.wallMs, cells: [formatTime(at.wallMs), `used (${evidence})`, imageName({ references, digests: [] }, imageId)] };
}
