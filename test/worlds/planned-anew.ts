import { type Bytes, bytes, type ChainId, chainId, containerId, type ImageId, idleMs, wallMs } from '../../src/model/brands.ts';
import { addLayer, type Container, type Image, type Inventory, type Layer } from '../../src/model/inventory.ts';
import type { Policy } from '../../src/model/policy.ts';
import { NO_HABITS } from '../../src/model/use-habits.ts';
import { BLANK_RECORD, type Instant, type UseRecord } from '../../src/model/use-record.ts';
import { planCollection } from '../../src/plan/plan-collection.ts';
import type { ImageTrace } from '../../src/simulate/journal-trace.ts';
import type { SimulatedPolicy } from '../../src/simulate/replay.ts';
import type { SimulatedDisk } from '../../src/simulate/simulated-disk.ts';
import type { TraceUse } from '../../src/simulate/trace.ts';
import { HabitLearner } from '../../src/usage/habit-learner.ts';

/** A scheduled run is made this often. */
const RUN_MS = 24 * 3_600_000;
const NO_DISK_RULE: Policy['disk'] = {
  ...{ highFraction: null, lowFraction: null, highInodesFraction: null, lowInodesFraction: null },
  ...{ maxImageBytes: null, minFreeBytes: null, maxImages: null },
};

/** As `PlannedSettings` decides, with nothing kept from one plan to the next: each is made of an inventory and records, as for a host. */
export class PlannedAnew implements SimulatedPolicy {
  readonly #trace: ImageTrace;
  readonly #policy: Policy;
  readonly #learner = new HabitLearner(NO_HABITS);
  readonly #records = new Map<ImageId, UseRecord>();
  readonly #indexOf: ReadonlyMap<ImageId, number>;
  readonly #images: readonly Image[];
  readonly #layers: readonly (readonly [name: ChainId, sizeBytes: Bytes])[];
  #ranMs = Number.NEGATIVE_INFINITY;

  constructor(trace: ImageTrace, policy: Policy) {
    this.#trace = trace;
    this.#policy = { ...policy, disk: NO_DISK_RULE, protect: { ...policy.protect, restorable: 'assume' } };
    this.#indexOf = new Map(trace.images.map(({ id }, at) => [id, at]));
    this.#layers = trace.sizes.map((size, layer) => [chainId(`${layer}`), bytes(size)]);
    this.#images = trace.images.map((image, at) => {
      return { ...image, layers: (trace.layers[at] ?? []).flatMap((layer) => this.#layers[layer]?.[0] ?? []) };
    });
  }

  note({ image, lineage, atMs }: TraceUse): void {
    const id = this.#trace.images[image]?.id;
    if (id === undefined) return;
    const now = instantOf(atMs);
    this.#learner.use(lineage, id, now.idleMs);
    const known = this.#records.get(id) ?? { ...BLANK_RECORD, imageId: id, firstSeen: now };
    this.#records.set(id, { ...known, lastUsed: now });
  }

  tidy(disk: SimulatedDisk, use: TraceUse): void {
    if (use.atMs - this.#ranMs < RUN_MS) return;
    this.#ranMs = use.atMs;
    this.#collect(disk, use, null);
  }

  makeRoom(disk: SimulatedDisk, shortBytes: number, use: TraceUse): void {
    this.#collect(disk, use, shortBytes);
  }

  #collect(disk: SimulatedDisk, use: TraceUse, shortBytes: number | null): void {
    const now = { ...instantOf(use.atMs), isWallTrusted: true };
    const { host } = this.#learner;
    const { changed } = this.#learner;
    const habits = { ...NO_HABITS, host, lineages: new Map(changed.map((habit) => [habit.name, habit])) };
    const nothing = { lineages: new Map(), failures: new Map(), pins: [], doubts: [], workloads: [] };
    const freeBytes = shortBytes === null ? null : bytes(shortBytes);
    const inventory = this.#inventoryOf(disk, use);
    const plan = planCollection({ ...nothing, inventory, records: this.#records, habits, policy: this.#policy, now, freeBytes });
    for (const { imageId } of plan.removals) {
      disk.remove(this.#indexOf.get(imageId) ?? -1);
      this.#records.delete(imageId);
    }
  }

  /** What a container needs, and what is being pulled for one, has a container. */
  #inventoryOf(disk: SimulatedDisk, { image: incoming, atMs }: TraceUse): Inventory {
    const removable = new Set(disk.removable(atMs));
    const layers = new Map<ChainId, Layer>();
    const images = disk.present.flatMap((image) => {
      for (const layer of this.#trace.layers[image] ?? []) {
        const named = this.#layers[layer];
        if (named !== undefined) addLayer(layers, ...named);
      }
      return this.#images[image] ?? [];
    });
    const needed = disk.present.filter((image) => image === incoming || !removable.has(image));
    const containers = needed.flatMap((image) => containerOf(this.#trace.images[image]?.id));
    const engine = { name: 'simulated', version: '' };
    return { observedAt: wallMs(atMs), engine, disk: null, images, layers, containers, buildCache: null, doubts: [], workloads: [] };
  }
}

function containerOf(imageId: ImageId | undefined): readonly Container[] {
  if (imageId === undefined) return [];
  const times = { createdAt: null, startedAt: null, finishedAt: null };
  const [id, name] = [containerId(imageId), 'simulated'];
  return [{ id, name, imageId, imageName: null, state: 'running', labels: {}, mountedImageIds: [], ...times }];
}

function instantOf(atMs: number): Instant {
  return { idleMs: idleMs(atMs), wallMs: wallMs(atMs) };
}
