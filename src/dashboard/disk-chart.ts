import { type ComponentChild, h } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { Served } from './api.ts';
import { el } from './elements.ts';
import { countOf, momentOf, percentOf, sizeOf } from './words.ts';

type Disk = Served['disk'];
const HEIGHT = 220;

/** The share of the disk that is used over time, with the marks of the disk rule and the collections; and the same in words. */
export function DiskChart({ disk }: { readonly disk: Disk }): ComponentChild {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const { current } = place;
    if (current === null || disk.samples.length < 2) return undefined;
    const draw = (): uPlot => new uPlot(optionsOf(disk, current), columnsOf(disk), current);
    let chart = draw();
    const redraw = (): void => {
      chart.destroy();
      chart = draw();
    };
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', redraw);
    addEventListener('resize', redraw);
    return () => {
      scheme.removeEventListener('change', redraw);
      removeEventListener('resize', redraw);
      chart.destroy();
    };
  }, [disk]);
  const waiting = 'The disk is measured once a minute; the curve begins with the second sample.';
  return el(
    'div',
    disk.samples.length < 2 && el('p.quiet', waiting),
    h('div', { ref: place, class: 'chart', 'aria-hidden': 'true' }),
    el('p.summary', summarise(disk)),
  );
}

function secondsOf(at: string): number {
  return Date.parse(at) / 1_000;
}

function columnsOf({ samples, highFraction, lowFraction }: Disk): uPlot.AlignedData {
  const sorted = samples.toSorted((a, b) => secondsOf(a.at) - secondsOf(b.at));
  const level = (fraction: number | null): (number | null)[] => sorted.map(() => (fraction === null ? null : fraction * 100));
  return [sorted.map(({ at }) => secondsOf(at)), sorted.map(percentOf), level(highFraction), level(lowFraction)];
}

function optionsOf({ runs }: Disk, place: HTMLElement): uPlot.Options {
  const style = getComputedStyle(place);
  const [ink, line, accent, warn] = ['--quiet', '--line', '--accent', '--warn'].map((name) => style.getPropertyValue(name));
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: '12px system-ui' };
  const points = { show: false };
  const dashed = (stroke: string | undefined) => ({ stroke, width: 1.5, dash: [6, 4], points });
  const range = (_chart: uPlot, least: number, most: number): [number, number] => [Math.max(0, least - 5), Math.min(100, most + 5)];
  const mark = (chart: uPlot): void => {
    const { ctx, bbox } = chart;
    for (const run of runs) {
      const x = Math.round(chart.valToPos(secondsOf(run.at), 'x', true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.fillStyle = (run.removed > 0 ? accent : line) ?? '';
      ctx.fillRect(x - 1, bbox.top, run.removed > 0 ? 3 : 1, bbox.height);
    }
  };
  return {
    width: place.clientWidth,
    height: HEIGHT,
    cursor: { show: false },
    legend: { show: false },
    scales: { y: { range } },
    axes: [axis, { ...axis, values: (_chart, values) => values.map((value) => `${value} %`) }],
    series: [{}, { stroke: accent, width: 2, fill: `${accent}22`, points }, dashed(warn), dashed(ink)],
    hooks: { draw: [mark] },
  };
}

function summarise({ samples, runs, highFraction, lowFraction, minFreeBytes }: Disk): string {
  const last = samples.at(-1);
  if (last === undefined) return 'The filesystem of the images is not known yet.';
  const used = `${percentOf(last).toFixed(0)} % is used: ${sizeOf(last.usedBytes)} of ${sizeOf(last.capacityBytes)}, ${sizeOf(last.availableBytes)} free.`;
  const low = lowFraction === null ? '' : ` down to ${Math.round(lowFraction * 100)} %`;
  const high = highFraction === null ? '' : ` Room is made from ${Math.round(highFraction * 100)} %${low}.`;
  const free = minFreeBytes === null ? '' : ` ${sizeOf(minFreeBytes)} shall stay free.`;
  const off = highFraction === null && minFreeBytes === null ? ' No disk rule is set.' : '';
  const run = runs.findLast(({ removed }) => removed > 0);
  const ran =
    run === undefined ? '' : ` Last room made: ${sizeOf(run.freedBytes)} from ${countOf(run.removed, 'image')}, ${momentOf(run.at)}.`;
  return `${used}${high}${free}${off}${ran}`;
}
