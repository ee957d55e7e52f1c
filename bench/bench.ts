// How fast the product is, each figure against a floor of the same run: `npm run bench`. docs/performance.md tells what the figures mean.
import { cpus, loadavg, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { CONTAINERD_KINDS, type EngineKind, type Lab, openLab } from '../test/lab/lab.ts';
import { benchCommand } from './command-bench.ts';
import { benchContainerdInventory } from './containerd-inventory-bench.ts';
import { benchDaemon } from './daemon-bench.ts';
import { saveImages } from './engine-images.ts';
import { type Figure, formatFigures, isMissed } from './figure.ts';
import { benchInventory } from './inventory-bench.ts';
import { benchPlan } from './plan-bench.ts';
import { formatReadings, isExceeded, type Reading } from './reading.ts';
import { benchRemoval } from './removal-bench.ts';
import { ratioOf } from './samples.ts';
import { benchSimulate } from './simulate-bench.ts';
import { benchStore } from './store-bench.ts';

const PARTS = ['plan', 'simulate', 'store', 'daemon', 'inventory', 'removal', 'command'] as const;
type Part = (typeof PARTS)[number];

/** A host as `imagegc plan` meets it most often; it is timed on all that an engine lists as well. */
const PLANNED = 100;
const COMMAND_BARS = [{ kind: 'excess-ms', most: 80 }] as const;

/** An engine, how many images it lists, and how many of them it loses. */
interface Subject {
  readonly kind: EngineKind;
  readonly listed: number;
  readonly removed: number;
}

/** The containerd store takes 30 times as long per image. */
const ENGINES: readonly Subject[] = [
  { kind: 'docker-old-overlay2', listed: 500, removed: 200 },
  { kind: 'docker-new-overlay2', listed: 500, removed: 200 },
  { kind: 'docker-new-containerd', listed: 60, removed: 32 },
];

const CONTAINERD_IMAGES = 500;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function describeMachine(): string {
  const [cpu] = cpus();
  const memoryGib = Math.round(totalmem() / 2 ** 30);
  const load = loadavg().map((value) => value.toFixed(1));
  return `${cpus().length} cores (${cpu?.model ?? 'unknown'}), ${memoryGib} GiB, Node ${process.versions.node}, load ${load.join(' ')}`;
}

async function benchEngines(parts: ReadonlySet<Part>, add: (figures: readonly Figure[]) => void): Promise<readonly Reading[]> {
  const result = await openLab({ say });
  if (result.kind === 'unavailable') {
    say(`No private engine can be started here; missing: ${result.missing.join('; ')}.`);
    return [];
  }
  await using lab = result.lab;
  const readings = parts.has('daemon') ? await benchDaemon(lab) : [];
  if (parts.has('inventory') || parts.has('removal') || parts.has('command')) {
    for (const engine of ENGINES) await benchEngine(lab, engine, parts, add);
  }
  if (parts.has('inventory')) for (const kind of CONTAINERD_KINDS) add(await benchContainerdInventory(lab, kind, CONTAINERD_IMAGES));
  return readings;
}

async function benchEngine(
  lab: Lab,
  { kind, listed, removed }: Subject,
  parts: ReadonlySet<Part>,
  add: (figures: readonly Figure[]) => void,
): Promise<void> {
  const saved = await saveImages(lab, kind, listed);
  if (parts.has('inventory')) add(await benchInventory(lab, kind, saved, listed));
  if (parts.has('command')) add([await benchCommand(lab, kind, saved, listed, COMMAND_BARS)]);
  if (parts.has('command') && listed > PLANNED) {
    add([await benchCommand(lab, kind, await saveImages(lab, kind, PLANNED), PLANNED, COMMAND_BARS)]);
  }
  if (parts.has('removal')) add([await benchRemoval(lab, kind, saved, removed)]);
}

/** Figures against floors, and readings against bounds. */
interface Results {
  readonly figures: readonly Figure[];
  readonly readings: readonly Reading[];
}

async function runBench(parts: ReadonlySet<Part>): Promise<Results> {
  const figures: Figure[] = [];
  const readings: Reading[] = [];
  const add = (more: readonly Figure[]): void => {
    for (const { title, pair } of more) say(`measured: ${title}: ${ratioOf(pair).toFixed(2)} x its floor`);
    figures.push(...more);
  };
  if (parts.has('plan')) add(benchPlan());
  if (parts.has('simulate')) add(await benchSimulate());
  if (parts.has('store')) add(await benchStore());
  const needsEngines = (['inventory', 'removal', 'command', 'daemon'] as const).some((part) => parts.has(part));
  if (needsEngines) readings.push(...(await benchEngines(parts, add)));
  return { figures, readings };
}

const { values, positionals } = parseArgs({ options: { strict: { type: 'boolean', default: false } }, allowPositionals: true });
const chosen = new Set(PARTS.filter((part) => positionals.length === 0 || positionals.includes(part)));
say(describeMachine());
const { figures, readings } = await runBench(chosen);
if (figures.length > 0) say(`\n${formatFigures(figures)}`);
if (readings.length > 0) say(`\n${formatReadings(readings)}`);
for (const { title, note } of figures) if (note !== undefined) say(`${title}: ${note}`);
say(describeMachine());
if (values.strict && (figures.some(isMissed) || readings.some(isExceeded))) process.exitCode = 1;
