import { bytes } from '../../model/brands.ts';
import { formatByteSize } from '../../model/byte-size.ts';
import type { SimulationResult } from '../../simulate/simulation.ts';
import type { Look } from './style.ts';
import { rigidColumn, table } from './table.ts';

/** Prints what policies came to on disks of several sizes, and how far each is from what could not be bettered. */
export function renderSimulation(liveSetBytes: number, results: readonly SimulationResult[], look: Look): string {
  const columns = [
    rigidColumn('DISK', 1, 'left'),
    rigidColumn('POLICY', 1, 'left'),
    rigidColumn('PULLED AGAIN', 1),
    rigidColumn('COLD STARTS', 2),
    rigidColumn('OF OLD VERSIONS', 5),
    rigidColumn('WAITED', 4),
    rigidColumn('REMOVALS', 3),
    rigidColumn('AT BEST', 2),
  ];
  const rows = results.map(({ policy, capacity, ...figures }) => [
    capacity.text,
    policy,
    formatByteSize(bytes(figures.repulledBytes)),
    String(figures.coldStarts),
    String(figures.supersededColdStarts),
    `${Math.round(figures.seconds)} s`,
    String(figures.removals),
    formatByteSize(bytes(Math.round(figures.boundRepulledBytes))),
  ]);
  const live = formatByteSize(bytes(liveSetBytes));
  return `Live set (W): ${live}. A disk of that size need not pull anything twice.\n\n${table(columns, rows, look)}`;
}
