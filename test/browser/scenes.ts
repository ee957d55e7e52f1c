/** Hosts for the page to show: one that lived for weeks, and one with very many images. */
import { createHash } from 'node:crypto';
import * as v from 'valibot';
import type { ContainerId } from '../../src/model/brands.ts';
import { MemoryEngine } from '../../src/runtime/memory/memory-engine.ts';
import { until } from '../e2e/daemon-process.ts';
import { type ServedDaemon, serveDaemon } from '../worlds/served-daemon.ts';
import { HOUR_MS, MB } from '../worlds/world.ts';

type Layers = readonly (readonly [name: string, megabytes: number])[];

const STEP_HOURS = 8;
const DEBIAN = ['debian', 117] as const;
const NODE = ['node', 164] as const;
/** What is deployed again every so many days. */
const SERVICES: readonly { readonly name: string; readonly everyDays: number; readonly base: Layers; readonly megabytes: number }[] = [
  { name: 'shop/web', everyDays: 2, base: [DEBIAN, NODE], megabytes: 210 },
  { name: 'shop/api', everyDays: 3, base: [DEBIAN, NODE], megabytes: 160 },
  { name: 'shop/worker', everyDays: 4, base: [DEBIAN, ['python', 92]], megabytes: 480 },
  { name: 'shop/search', everyDays: 7, base: [DEBIAN, ['jdk', 310]], megabytes: 350 },
];
const OTHERS: readonly { readonly name: string; readonly day: number; readonly layers: Layers; readonly isKept?: boolean }[] = [
  { name: 'library/postgres:16', day: 0, layers: [DEBIAN, ['postgres', 318]], isKept: true },
  { name: 'library/redis:7', day: 0, layers: [DEBIAN, ['redis', 41]], isKept: true },
  {
    name: 'grafana/grafana:12',
    day: 1,
    layers: [
      ['alpine', 8],
      ['grafana', 490],
    ],
    isKept: true,
  },
  { name: 'library/nginx:1.29', day: 3, layers: [DEBIAN, ['nginx', 72]] },
  { name: 'ci/builder:go', day: 9, layers: [DEBIAN, ['go', 830]] },
  { name: 'ci/builder:rust', day: 13, layers: [DEBIAN, ['rust', 1_240]] },
  {
    name: 'library/mongo:8',
    day: 16,
    layers: [
      ['ubuntu', 78],
      ['mongo', 760],
    ],
  },
  {
    name: 'tools/trivy:latest',
    day: 20,
    layers: [
      ['alpine', 8],
      ['trivy', 190],
    ],
  },
];

/** A host of a small shop after {@link days}: versions come and go, a disk rule makes room. */
export async function serveShop(days = 24): Promise<ServedDaemon> {
  const engine = new MemoryEngine({ engineId: `shop-${process.pid}`, capacityBytes: 20_000 * MB });
  const rules = [
    '--rules-unused-for',
    '9d',
    '--schedule-every',
    '7d',
    '--rules-disk-high',
    '85%',
    '--rules-disk-low',
    '78%',
    '--protect-keep-last-for',
    '4d',
  ];
  const daemon = await serveDaemon(engine, rules, days * 24 * HOUR_MS);
  const running = new Map<string, ContainerId>();
  for (let step = 0; step < (days * 24) / STEP_HOURS; step += 1) {
    const day = step / (24 / STEP_HOURS);
    if (Number.isInteger(day)) liveDay(engine, day, running);
    engine.otherBytes = (5_800 + day * 90 + 350 * Math.sin(step)) * MB;
    const before = await countSamples(daemon);
    daemon.pass(STEP_HOURS * HOUR_MS);
    await until(
      () => countSamples(daemon),
      (count) => count > before,
    );
  }
  return daemon;
}

/** So many images, each of a layer of its own on one of ten bases; the first tenth is in use. */
export async function serveMany(count: number): Promise<ServedDaemon> {
  const engine = new MemoryEngine({ engineId: `many-${process.pid}`, capacityBytes: count * 200 * MB });
  for (let index = 0; index < count; index += 1) {
    const base = `base${index % 10}`;
    pull(engine, `team${index % 40}/app${index}:v1`, [
      [base, 80],
      [`own${index}`, 10 + (index % 90)],
    ]);
    if (index < count / 10) engine.createContainer({ image: `team${index % 40}/app${index}:v1` });
  }
  const daemon = await serveDaemon(engine);
  await until(
    () => fetch(`${daemon.address}/readyz`).catch(() => null),
    (answer) => answer?.status === 200,
  );
  return daemon;
}

/** Adds an image that a registry can give back. */
export function pull(engine: MemoryEngine, name: string, layers: Layers): void {
  const repository = `docker.io/${name.replace(/:[^:]*$/, '')}`;
  const digest = createHash('sha256').update(name).digest('hex');
  const sized = layers.map(([layer, megabytes]) => [layer, megabytes * MB] as const);
  engine.addImage({ layers: sized, references: [`docker.io/${name}`], digests: [`${repository}@sha256:${digest}`] });
}

function liveDay(engine: MemoryEngine, day: number, running: Map<string, ContainerId>): void {
  for (const { name, everyDays, base, megabytes } of SERVICES) {
    if (day % everyDays !== 0) continue;
    const tag = `${name}:2.${day / everyDays}`;
    const own = [`deps-${name}-${Math.floor(day / 6)}`, megabytes * 0.6] as const;
    pull(engine, tag, [...base, own, [tag, megabytes * 0.4]]);
    const before = running.get(name);
    if (before !== undefined) engine.removeContainer(before);
    running.set(name, engine.createContainer({ image: tag, name: name.replace('/', '-') }));
  }
  for (const { name, layers, isKept } of OTHERS.filter((other) => other.day === day)) {
    pull(engine, name, layers);
    const container = engine.createContainer({ image: name });
    if (isKept !== true) engine.removeContainer(container);
  }
  if (day === 10)
    engine.addImage({
      layers: [
        ['debian', 117 * MB],
        ['local', 95 * MB],
      ],
      references: ['docker.io/library/scratchpad:dev'],
      by: 'build',
    });
}

async function countSamples({ address }: ServedDaemon): Promise<number> {
  const answer = await fetch(`${address}/api/disk`).catch(() => null);
  return v.parse(v.object({ samples: v.array(v.unknown()) }), (await answer?.json()) ?? { samples: [] }).samples.length;
}
