import { bytes, containerId, type ImageId, idleMs, wallMs } from '../model/brands.ts';
import type { Container, Image, Inventory } from '../model/inventory.ts';
import { lineageName } from '../model/lineage-name.ts';
import type { Policy } from '../model/policy.ts';
import { NO_HABITS, versionKey } from '../model/use-habits.ts';
import { BLANK_RECORD, type Instant, type UseRecord } from '../model/use-record.ts';
import { NO_FAMILY } from '../plan/order.ts';
import { type KeptFacts, planRemovals } from '../plan/plan-collection.ts';
import { VersionStream } from '../plan/version-stream.ts';
import { HabitLearner, type Standing } from '../usage/habit-learner.ts';
import type { ImageTrace } from './journal-trace.ts';
import type { SimulatedPolicy } from './replay.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { TraceUse } from './trace.ts';

/** A scheduled run is made this often. */
const RUN_MS = 24 * 3_600_000;
const NO_DISK_RULE: Policy['disk'] = {
  ...{ highFraction: null, lowFraction: null, highInodesFraction: null, lowInodesFraction: null },
  ...{ maxImageBytes: null, minFreeBytes: null, maxImages: null },
};

/**
 * All of a host's settings on a simulated disk: the whole planner decides, once a day and whenever a pull does not fit. On a disk that is too small
 * that is thirty thousand times a year, so that what the planner would look up of each image is kept from one plan to the next.
 */
export class PlannedSettings implements SimulatedPolicy {
  readonly #policy: Policy;
  readonly #learner = new HabitLearner(NO_HABITS);
  readonly #indexOf: ReadonlyMap<ImageId, number>;
  /** By index, as are all of these. */
  readonly #records: (UseRecord | undefined)[];
  readonly #lastUsedMs: Float64Array;
  readonly #standings: (Standing | undefined)[];
  readonly #images: readonly Image[];
  readonly #streams: ReadonlyMap<ImageId, readonly VersionStream[]>;
  #ranMs = Number.NEGATIVE_INFINITY;

  /** @param policy without its disk rule, whose place the size of the simulated disk takes; no registry of the past can be asked */
  constructor({ images }: ImageTrace, policy: Policy) {
    this.#policy = { ...policy, disk: NO_DISK_RULE, protect: { ...policy.protect, restorable: 'assume' } };
    this.#images = images;
    this.#indexOf = new Map(images.map(({ id }, at) => [id, at]));
    this.#records = new Array<UseRecord | undefined>(images.length).fill(undefined);
    this.#lastUsedMs = new Float64Array(images.length);
    this.#standings = new Array<Standing | undefined>(images.length).fill(undefined);
    this.#streams = listStreams(images, policy.protect.keepLast);
  }

  note({ image, lineage, atMs }: TraceUse): void {
    const id = this.#images[image]?.id;
    if (id === undefined) return;
    const now = instantOf(atMs);
    this.#learner.use(lineage, id, now.idleMs);
    this.#standings[image] ??= this.#learner.standings.get(versionKey(id));
    const record = { ...(this.#records[image] ?? { ...BLANK_RECORD, imageId: id, firstSeen: now }), lastUsed: now };
    this.#records[image] = record;
    this.#lastUsedMs[image] = atMs;
    for (const stream of this.#streams.get(id) ?? []) stream.renew(record);
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
    const habits = { ...NO_HABITS, host: this.#learner.host };
    const nothing = { lineages: new Map(), failures: new Map(), pins: [], doubts: [] };
    const freeBytes = shortBytes === null ? null : bytes(shortBytes);
    const input = { ...nothing, inventory: this.#inventoryOf(disk, use), habits, policy: this.#policy, now, freeBytes };
    const removals = planRemovals(input, this.#keptFacts(disk)).map(({ imageId }) => this.#indexOf.get(imageId) ?? -1);
    // Planning took their needs away; from here on the disk keeps the books.
    for (const image of removals) disk.counts.restore(image);
    for (const image of removals) this.#remove(disk, image);
  }

  #remove(disk: SimulatedDisk, image: number): void {
    disk.remove(image);
    const id = this.#records[image]?.imageId;
    this.#records[image] = undefined;
    if (id !== undefined) for (const stream of this.#streams.get(id) ?? []) stream.remove(id);
  }

  #keptFacts({ present, counts }: SimulatedDisk): KeptFacts {
    return {
      records: present.map((image) => this.#records[image]),
      lastUsedMs: present.map((image) => this.#lastUsedMs[image] ?? 0),
      family: NO_FAMILY,
      standings: present.map((image) => this.#standings[image]),
      streams: this.#streams,
      counts: counts.renamed(present),
    };
  }

  /** What a container needs, and what is being pulled for one, has a container. What layers take, the disk counts. */
  #inventoryOf(disk: SimulatedDisk, { image: incoming, atMs }: TraceUse): Inventory {
    const images: Image[] = [];
    const containers: Container[] = [];
    for (const index of disk.present) {
      const image = this.#images[index];
      if (image === undefined) continue;
      images.push(image);
      if (index === incoming || disk.isNeeded(index, atMs)) containers.push(containerOf(image.id));
    }
    const nothing = { engine: { name: 'simulated', version: '' }, disk: null, buildCache: null, doubts: [], workloads: [] };
    return { ...nothing, observedAt: wallMs(atMs), images, layers: new Map(), containers };
  }
}

/** The streams that each image is a version of. */
function listStreams(images: readonly Image[], keepLast: number): ReadonlyMap<ImageId, readonly VersionStream[]> {
  const streams = new Map<string, VersionStream>();
  const streamOf = (name: string): VersionStream => {
    const stream = streams.get(name) ?? new VersionStream(name, keepLast);
    streams.set(name, stream);
    return stream;
  };
  return new Map(
    images.map(({ id, references, digests }) => {
      const names = new Set((references.length > 0 ? references : digests).map(lineageName));
      return [id, Array.from(names, streamOf)];
    }),
  );
}

function containerOf(imageId: ImageId): Container {
  const times = { createdAt: null, startedAt: null, finishedAt: null };
  const [id, name] = [containerId(imageId), 'simulated'];
  return { id, name, imageId, imageName: null, state: 'running', labels: {}, mountedImageIds: [], ...times };
}

function instantOf(atMs: number): Instant {
  return { idleMs: idleMs(atMs), wallMs: wallMs(atMs) };
}
