import { bytes } from '../../model/brands.ts';
import { formatByteSize } from '../../model/byte-size.ts';
import type { SimulationResult } from '../../simulate/simulation.ts';

const [WIDTH, HEIGHT] = [860, 520];
const PLOT = { left: 90, right: 640, top: 40, bottom: 460 } as const;
/** Told apart with most kinds of colour blindness (Okabe and Ito), and by their dashes. */
const COLOURS = ['#0072b2', '#000000', '#e69f00', '#56b4e9', '#009e73', '#f0e442', '#d55e00', '#cc79a7', '#999999', '#6a3d9a', '#b15928'];
const TICKS = 5;

interface Line {
  readonly name: string;
  /** In the order of the capacities. */
  readonly points: readonly { readonly capacityBytes: number; readonly repulledBytes: number }[];
}

/** Draws re-pulled bytes over the size of the disk, a line per policy and one for the bound, as one SVG file. */
export function drawChart(liveSetBytes: number, results: readonly SimulationResult[]): string {
  const lines = linesOf(results);
  const points = lines.flatMap((line) => line.points);
  const mostBytes = Math.max(1, ...points.map(({ repulledBytes }) => repulledBytes));
  const largest = Math.max(1, ...points.map(({ capacityBytes }) => capacityBytes));
  const x = (capacity: number): string => (PLOT.left + ((PLOT.right - PLOT.left) * capacity) / largest).toFixed(1);
  const y = (repulled: number): string => (PLOT.bottom - ((PLOT.bottom - PLOT.top) * repulled) / mostBytes).toFixed(1);
  const drawn = lines.map(({ name, points: own }, at) => {
    const path = own.map(({ capacityBytes, repulledBytes }) => `${x(capacityBytes)},${y(repulledBytes)}`).join(' ');
    const stroke = `fill="none" stroke="${COLOURS[at % COLOURS.length]}" stroke-width="2"${at % 2 === 0 ? '' : ' stroke-dasharray="6 3"'}`;
    const keyY = PLOT.top + 22 * at;
    const key = `<line x1="660" x2="690" y1="${keyY}" y2="${keyY}" ${stroke}/><text x="698" y="${keyY + 4}">${name}</text>`;
    return `<polyline points="${path}" ${stroke}/>${key}`;
  });
  const ticks = Array.from({ length: TICKS + 1 }, (_, at) => {
    const [capacity, repulled] = [(largest * at) / TICKS, (mostBytes * at) / TICKS];
    const below = `<text x="${x(capacity)}" y="${PLOT.bottom + 20}" text-anchor="middle">${sizeText(capacity)}</text>`;
    return `${below}<text x="${PLOT.left - 8}" y="${y(repulled)}" text-anchor="end">${sizeText(repulled)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    `<text x="${PLOT.left}" y="20" font-size="14">Bytes pulled again, by the size of the disk (live set W: ${sizeText(liveSetBytes)})</text>`,
    `<path d="M${PLOT.left},${PLOT.top} V${PLOT.bottom} H${PLOT.right}" fill="none" stroke="#666666"/>`,
    ...ticks,
    ...drawn,
    `</svg>\n`,
  ].join('\n');
}

function linesOf(results: readonly SimulationResult[]): readonly Line[] {
  const sorted = results.toSorted((one, other) => one.capacity.bytes - other.capacity.bytes);
  const byPolicy = [...Map.groupBy(sorted, ({ policy }) => policy)];
  const lineOf = (name: string, own: readonly SimulationResult[], figure: 'repulledBytes' | 'boundRepulledBytes'): Line => {
    return { name, points: own.map((result) => ({ capacityBytes: result.capacity.bytes, repulledBytes: result[figure] })) };
  };
  const lines = byPolicy.map(([name, own]) => lineOf(name, own, 'repulledBytes'));
  return [...lines, lineOf('no policy can do better', byPolicy[0]?.[1] ?? [], 'boundRepulledBytes')];
}

function sizeText(size: number): string {
  return formatByteSize(bytes(Math.round(size)));
}
