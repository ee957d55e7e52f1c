import { randomFrom } from '../../src/simulate/seeded-random.ts';
import type { Trace, TraceUse } from '../../src/simulate/trace.ts';
import { DAY_MS, HOUR_MS } from '../worlds/world.ts';

/** A host that is made up: images on a few bases, and uses of them. */
class MadeUpHost {
  readonly random: () => number;
  readonly #bases: readonly (readonly number[])[];
  readonly #layers: (readonly number[])[] = [];
  readonly #sizes: number[] = [];
  readonly #uses: TraceUse[] = [];

  constructor(seed: number) {
    this.random = randomFrom(seed);
    this.#bases = Array.from({ length: 6 }, () => this.#makeLayers(2 + Math.floor(this.random() * 3), 5e6, 3));
  }

  /** Adds an image. @returns its index */
  image(scale = 1): number {
    const base = this.#bases[Math.floor(this.random() * this.random() * this.#bases.length)] ?? [];
    return this.#layers.push([...base, ...this.#makeLayers(1 + Math.floor(this.random() * 4), scale * 1e6, 4.5)]) - 1;
  }

  use(atMs: number, image: number, lineage: string): void {
    this.#uses.push({ atMs: Math.floor(atMs), image, lineage, lastedMs: 0 });
  }

  /** A time that chance makes, of which this is the mean. */
  gap(meanMs: number): number {
    return -Math.log(this.random() || 1e-9) * meanMs;
  }

  trace(): Trace {
    return { layers: this.#layers, sizes: this.#sizes, uses: this.#uses.toSorted((one, other) => one.atMs - other.atMs) };
  }

  #makeLayers(count: number, leastBytes: number, spread: number): readonly number[] {
    return Array.from({ length: count }, () => this.#sizes.push(Math.floor(leastBytes * Math.exp(spread * this.random()))) - 1);
  }
}

/** Some applications are used far more often than others; each gets a new version every few weeks, and some go back. */
function releases(seed: number): Trace {
  const host = new MadeUpHost(seed);
  const apps = Array.from({ length: 60 }, () => ({ image: host.image(), before: -1, nextMs: host.random() * 30 * DAY_MS }));
  let atMs = 0;
  for (let use = 0; use < 6_000; use++) {
    atMs += host.gap(DAY_MS / 40);
    const index = Math.min(59, Math.floor(60 ** host.random()) - 1);
    const app = apps[index];
    if (app === undefined) continue;
    if (atMs > app.nextMs) Object.assign(app, { before: app.image, image: host.image(), nextMs: atMs + (3 + host.random() * 20) * DAY_MS });
    host.use(atMs, host.random() < 0.02 && app.before >= 0 ? app.before : app.image, `app${index}`);
  }
  return host.trace();
}

/** Jobs at fixed times. */
function jobs(seed: number, periodsMs: readonly number[], days: number): Trace {
  const host = new MadeUpHost(seed);
  for (let job = 0; job < 40; job++) {
    const periodMs = periodsMs[Math.floor(host.random() * periodsMs.length)] ?? DAY_MS;
    let image = host.image();
    for (let atMs = host.random() * periodMs; atMs < days * DAY_MS; atMs += periodMs) {
      host.use(atMs + host.random() * periodMs * 0.03, image, `job${job}`);
      if (host.random() < periodMs / (40 * DAY_MS)) image = host.image();
    }
  }
  return host.trace();
}

/** Functions that are called regularly, by chance, or in bursts. */
function functions(seed: number): Trace {
  const host = new MadeUpHost(seed);
  for (let each = 0; each < 80; each++) {
    const image = host.image(0.4);
    const kind = host.random();
    const meanMs = HOUR_MS * 600 ** host.random();
    for (let atMs = host.random() * DAY_MS; atMs < 40 * DAY_MS; ) {
      host.use(atMs, image, `function${each}`);
      if (kind < 0.4) atMs += meanMs * (0.9 + 0.2 * host.random());
      else if (kind < 0.8) atMs += host.gap(meanMs);
      else atMs += host.random() < 0.8 ? 60_000 + host.random() * 200_000 : 10 * meanMs * host.random();
    }
  }
  return host.trace();
}

/** Repositories that run a matrix of jobs in fixed order, whenever something changes. */
function matrices(seed: number, repositories: number): Trace {
  const host = new MadeUpHost(seed);
  const jobsOf = Array.from({ length: repositories }, () => Array.from({ length: 6 + Math.floor(host.random() * 14) }, () => host.image()));
  let atMs = 0;
  for (let run = 0; run < 400; run++) {
    atMs += host.gap(DAY_MS / (4 + 3 * repositories));
    const repository = Math.floor(host.random() * host.random() * repositories);
    for (const [job, image] of (jobsOf[repository] ?? []).entries()) {
      const newer = host.random() < 0.004 ? host.image() : image;
      jobsOf[repository]?.splice(job, 1, newer);
      host.use(atMs + job * 60_000 * (0.5 + host.random()), newer, `job${repository}.${job}`);
    }
  }
  return host.trace();
}

/** A dozen modules on a device, updated every week or so. */
function edge(seed: number): Trace {
  const host = new MadeUpHost(seed);
  for (let module = 0; module < 12; module++) {
    let image = host.image();
    let updateMs = (3 + host.random() * 9) * DAY_MS;
    for (let atMs = host.random() * DAY_MS; atMs < 180 * DAY_MS; atMs += host.gap(module < 4 ? 0.3 * DAY_MS : 3 * DAY_MS)) {
      if (atMs > updateMs) {
        image = host.image();
        updateMs = atMs + (3 + host.random() * 9) * DAY_MS;
      }
      host.use(atMs, image, `module${module}`);
    }
  }
  return host.trace();
}

/** Bursts of builds, none of which comes back, on a host with regulars. */
function bursts(seed: number): Trace {
  const host = new MadeUpHost(seed);
  for (let regular = 0; regular < 20; regular++) {
    const image = host.image();
    const periodMs = DAY_MS * (0.2 + 2 * host.random());
    for (let atMs = host.random() * DAY_MS; atMs < 60 * DAY_MS; atMs += periodMs * (0.7 + 0.6 * host.random()))
      host.use(atMs, image, `regular${regular}`);
  }
  for (let atMs = host.gap(3 * DAY_MS); atMs < 60 * DAY_MS; atMs += host.gap(3 * DAY_MS)) {
    const builds = 10 + Math.floor(host.random() * 40);
    for (let build = 0; build < builds; build++) host.use(atMs + build * 60_000, host.image(), `build${build}`);
  }
  return host.trace();
}

/** Images that are used every four to nine days, among others that never come back. */
function seldom(seed: number): Trace {
  const host = new MadeUpHost(seed);
  for (let regular = 0; regular < 6; regular++) {
    const image = host.image();
    const periodMs = (4 + 5 * host.random()) * DAY_MS;
    for (let atMs = host.random() * periodMs; atMs < 200 * DAY_MS; atMs += periodMs)
      host.use(atMs + host.random() * HOUR_MS, image, `regular${regular}`);
  }
  for (let atMs = 0, once = 0; atMs < 200 * DAY_MS; atMs += host.gap(DAY_MS)) host.use(atMs, host.image(), `once${once++}`);
  return host.trace();
}

const HOURLY_MS = [1, 2, 4, 6, 12, 24, 24, 168].map((hours) => hours * HOUR_MS);
const WEEKLY_MS = [1, 7, 7, 7, 14, 30].map((days) => days * DAY_MS);

/** Hosts of many kinds, to see that what serves one does not harm another; two of each. */
export const MADE_UP_TRACES: readonly (readonly [name: string, make: () => Trace])[] = [1, 2].flatMap((seed) => [
  [`releases ${seed}`, () => releases(seed)] as const,
  [`hourly jobs ${seed}`, () => jobs(seed, HOURLY_MS, 40)] as const,
  [`weekly jobs ${seed}`, () => jobs(seed, WEEKLY_MS, 365)] as const,
  [`functions ${seed}`, () => functions(seed)] as const,
  [`one matrix ${seed}`, () => matrices(seed, 1)] as const,
  [`matrices ${seed}`, () => matrices(seed, 4)] as const,
  [`edge ${seed}`, () => edge(seed)] as const,
  [`bursts ${seed}`, () => bursts(seed)] as const,
  [`seldom ${seed}`, () => seldom(seed)] as const,
]);
