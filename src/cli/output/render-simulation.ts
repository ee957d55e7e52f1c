import { bytes } from '../../model/brands.ts';
import { formatByteSize } from '../../model/byte-size.ts';
import type { SimulationResult } from '../../simulate/simulation.ts';
import type { Look } from './style.ts';
import { rigidColumn, tableOf } from './table.ts';

/** Prints what policies came to on disks of several sizes, and how far each is from what could not be bettered. */
export function renderSimulation(liveSetBytes: number, results: readonly SimulationResult[], look: Look): string {
  const size = (value: number): string => formatByteSize(bytes(Math.round(value)));
  const rows = tableOf<SimulationResult>(results, look, [
    [rigidColumn('DISK', 1, 'left'), ({ capacity }) => capacity.text],
    [rigidColumn('POLICY', 1, 'left'), ({ policy }) => policy],
    [rigidColumn('PULLED AGAIN', 1), ({ repulledBytes }) => size(repulledBytes)],
    [rigidColumn('COLD STARTS', 2), ({ coldStarts }) => String(coldStarts)],
    [rigidColumn('OF OLD VERSIONS', 5), ({ supersededColdStarts }) => String(supersededColdStarts)],
    [rigidColumn('WAITED', 4), ({ seconds }) => `${Math.round(seconds)} s`],
    [rigidColumn('REMOVALS', 3), ({ removals }) => String(removals)],
    [rigidColumn('AT BEST', 2), ({ boundRepulledBytes }) => size(boundRepulledBytes)],
  ]);
  return `Live set (W): ${size(liveSetBytes)}. A disk of that size need not pull anything twice.\n\n${rows}`;
}
