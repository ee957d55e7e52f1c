import type { DaemonSettings } from '../../src/daemon/daemon-tools.ts';
import { type ImageId, imageId, wallMs } from '../../src/model/brands.ts';
import { parseHold } from '../../src/model/hold.ts';
import type { RemovalIntent } from '../../src/model/removal-record.ts';
import { type MemoryCall, MemoryEngine } from '../../src/runtime/memory/memory-engine.ts';
import type { RemoveOutcome } from '../../src/runtime/runtime.ts';
import { KEY } from '../worlds/daemon-world.ts';
import { MapFile } from '../worlds/map-store.ts';
import { HOUR_MS } from '../worlds/world.ts';
import { type Actor, engineGone, never, storeFull } from './actor.ts';
import { HostClock } from './host-clock.ts';
import { People } from './people.ts';
import { type Host, type Plant, Processes } from './processes.ts';
import { settingsAt } from './soak-settings.ts';
import type { Deed, History, Mishap, Step } from './step.ts';
import { Truth } from './truth.ts';

const MINUTE_MS = 60_000;
const PAUSES_OF_ROUND = 20;

/** What was seen in one history. */
export interface Tally {
  steps: number;
  removals: number;
  collections: number;
  /** Errors, kills, deeds in between, writes on a full disk. */
  faults: number;
  /** Images that went with a tag that was moved to them within one call: design §5.4 says that this cannot be helped. */
  lastMoment: number;
}

/** A host with a daemon, people and mishaps. */
export class SoakWorld implements Host {
  readonly engine = new MemoryEngine({ capacityBytes: 1e12 });
  readonly clock = new HostClock();
  readonly truth = new Truth();
  readonly tally: Tally = { steps: 0, removals: 0, collections: 0, faults: 0, lastMoment: 0 };
  /** Whatever must never be, in words. */
  readonly violations: string[] = [];
  file = new MapFile();
  settings: DaemonSettings;
  isSetAside = false;
  readonly #history: Pick<History, 'isBlind' | 'isLying'>;
  readonly #people: People;
  readonly #processes: Processes;
  readonly #mishaps: { after: number; readonly mishap: Mishap }[] = [];
  #isFull = false;
  #step = 0;
  #watchedFrom: number | null = null;

  constructor(history: Pick<History, 'settings' | 'isBlind' | 'isLying'>, plant: Plant = {}) {
    this.#history = history;
    this.settings = settingsAt(history.settings);
    this.#processes = new Processes(this, plant);
    this.#people = new People(this.engine, this.truth, () => this.clock.now());
    this.engine.now = () => wallMs(this.clock.wall);
  }

  /** Takes one step, and waits until everyone waits for time to pass. */
  async take(step: Step): Promise<void> {
    this.tally.steps += 1;
    if (step.kind === 'live') await this.#live(step.hours, step.parts);
    else if (step.kind === 'sleep') this.#sleep(step.hours * HOUR_MS);
    else if (step.kind === 'reboot') this.#reboot(step);
    else if (step.kind === 'kill') this.#killDaemon();
    else if (step.kind === 'down') this.#beDown(step);
    else if (step.kind === 'stop') await this.#stop();
    else if (step.kind === 'start') this.#start();
    else if (step.kind === 'mishap') this.#mishaps.push({ after: step.after, mishap: step.mishap });
    else this.#do(step);
    await this.#turn();
  }

  /** Nothing goes wrong any more, the daemon is started anew, and days pass. */
  async settle(): Promise<void> {
    this.#mishaps.length = 0;
    this.#isFull = false;
    this.#processes.killAll();
    this.engine.events.breakStreams({ isForgotten: false });
    for (let day = 0; day < 2; day++) await this.#live(26, 2);
    // A step passes one pause alone, however long it is; under a disk rule a round has fifteen.
    const isReady = (): boolean => this.#processes.daemon?.daemon.status().isReady === true;
    for (let pause = 0; pause < PAUSES_OF_ROUND && !isReady(); pause++) await this.#live(1, 1);
    if (!isReady()) this.violations.push(`the daemon did not settle: ${JSON.stringify(this.#processes.daemon?.daemon.status())}`);
    const held = [...this.engine.names.keys()].filter((name) => parseHold(name) !== null);
    if (held.length > 0) this.violations.push(`holds are left: ${held.join(', ')}`);
    for (const [name, image] of this.truth.names) {
      if (this.engine.images.has(image) && this.engine.names.get(name) !== image) this.violations.push(`${image} lost the name ${name}`);
    }
  }

  /** Nothing is looked at any more. */
  release(): void {
    this.#processes.killAll();
    this.#processes.release();
  }

  atCall(actor: Actor, { kind, subject }: MemoryCall, phase: 'before' | 'after'): void | Promise<void> {
    if (actor.isDead) return never();
    if (phase === 'after') this.#noteSight(actor, kind, subject);
    const mishap = this.#nextMishap();
    if (mishap === null) return;
    this.tally.faults += 1;
    if (mishap.kind === 'kill') return this.#killAtCall(actor);
    if (mishap.kind === 'error') {
      if (mishap.isSlow) this.#pass(10 * MINUTE_MS);
      return actor.isDead ? never() : Promise.reject(engineGone());
    }
    for (const deed of mishap.deeds) this.#do(deed);
  }

  atWrite(actor: Actor, phase: 'before' | 'after'): void {
    if (actor.isDead) return;
    const mishap = this.#nextMishap();
    if (mishap?.kind === 'kill') {
      this.tally.faults += 1;
      this.#processes.kill(actor);
      return;
    }
    // Others act between calls of the engine: a write is one instant.
    if (mishap?.kind === 'deeds') this.#mishaps.push({ after: 0, mishap });
    if (phase === 'before' && (this.#isFull || mishap?.kind === 'error')) {
      this.tally.faults += 1;
      throw storeFull('map store');
    }
  }

  remove(actor: Actor, subject: string, work: () => RemoveOutcome): RemoveOutcome {
    const image = this.engine.names.get(subject) ?? subject;
    const before = [...this.engine.images.keys()];
    const outcome = this.#history.isBlind ? this.#blindly(work) : work();
    for (const gone of before.filter((id) => !this.engine.images.has(id))) {
      this.tally.removals += 1;
      const isTakenAlong =
        image === subject ? this.truth.isNamedUnseen(actor, imageId(subject)) : this.#isMovedUnseen(actor, image, subject);
      if (isTakenAlong) this.tally.lastMoment += 1;
      const reasons = isTakenAlong ? [] : this.truth.judge(actor, gone, { now: this.clock.now(), hasLied: this.clock.hasLied });
      if (gone !== image) this.violations.push(`${gone} went along with ${image}`);
      this.violations.push(...reasons.map((reason) => `${gone} (${this.truth.namesOf(gone).join(', ')}) was removed: ${reason}`));
      this.truth.forget(gone);
    }
    if (subject.includes('@') && this.engine.images.has(imageId(image)) && this.truth.isUsedUnseen(actor, imageId(image))) {
      this.truth.names.delete(subject);
    }
    // A tag that was moved within the call is off, too, where the image has other names.
    if (this.truth.isMovedUnseen(actor, subject)) this.truth.names.delete(subject);
    if (parseHold(subject) !== null && this.truth.intended.get(imageId(image))?.file !== this.file)
      this.truth.excuse(imageId(image), this.engine.names);
    return outcome;
  }

  #isMovedUnseen(actor: Actor, image: string, reference: string): boolean {
    return this.truth.isMovedUnseen(actor, reference) || this.truth.isGivenBackUnseen(actor, image, reference);
  }

  /** A name that somebody gave to another image within the last call cannot be seen; one before that must not be moved. */
  name(actor: Actor, image: ImageId, reference: string): void {
    if (this.truth.isMovedUnseen(actor, reference)) this.truth.names.delete(reference);
    this.engine.tag(image, reference);
  }

  noteIntents(actor: Actor, intents: readonly RemovalIntent[], file: MapFile): void {
    for (const { imageId, rule } of intents) this.truth.intended.set(imageId, { rule, policy: actor.policy, file });
  }

  /** As if each container came just after the engine had looked for one. */
  #blindly(work: () => RemoveOutcome): RemoveOutcome {
    const containers = [...this.engine.containers];
    this.engine.containers.clear();
    const outcome = work();
    for (const [id, container] of containers) this.engine.containers.set(id, container);
    return outcome;
  }

  #noteSight(actor: Actor, kind: MemoryCall['kind'], subject: string): void {
    if (kind === 'listImages') actor.sawImages = this.#step;
    if (kind === 'listContainers') actor.sawContainers = this.#step;
    if (kind === 'readNames') actor.sawUses.set(subject, actor.sawContainers);
    if (kind === 'readNames' || kind === 'resolveName') actor.sawNames.set(subject, this.#step);
  }

  #nextMishap(): Mishap | null {
    const [next] = this.#mishaps;
    if (next === undefined || next.after-- > 0) return null;
    this.#mishaps.shift();
    return next.mishap;
  }

  #do(deed: Deed | { readonly kind: 'collect' }): void {
    this.#step += 1;
    const { isLying } = this.#history;
    if (deed.kind === 'collect') this.#processes.collect();
    else if (deed.kind === 'pass') this.#pass(deed.minutes * MINUTE_MS);
    else if (deed.kind === 'wall') this.clock.jump(deed.jump, isLying);
    else if (deed.kind === 'synchronised') this.clock.synchronise(deed.isSo, isLying);
    else if (deed.kind === 'settings') this.settings = settingsAt(deed.settings);
    else if (deed.kind === 'pin') this.#pin(deed.image, deed.isRepository);
    else if (deed.kind === 'unpin') this.#unpin();
    else if (deed.kind === 'store-full') this.#isFull = deed.isSo;
    else if (deed.kind === 'store-lost') this.#loseStore(deed.isSetAside);
    else if (deed.kind === 'streams-break') this.engine.events.breakStreams(deed);
    else {
      this.#people.act(deed, this.#step);
      if (this.#processes.daemon !== null) this.truth.learn(this.#processes.daemon.actor);
    }
  }

  #pin(pick: number, isRepository: boolean): void {
    const names = [...this.truth.names.keys()].filter((name) => !name.includes('@')).map((name) => name.replace('docker.io/', ''));
    const name = names[pick % Math.max(1, names.length)];
    if (name === undefined || this.#isFull) return;
    const pattern = isRepository ? name.slice(0, name.indexOf(':')) : name;
    this.file.pins.set(pattern, { pattern, owner: 'ann', reason: 'soak', until: null, createdAt: wallMs(this.clock.wall) });
    this.truth.pins.set(pattern, this.#step);
  }

  #unpin(): void {
    if (this.#isFull) return;
    this.file.pins.clear();
    this.truth.pins.clear();
  }

  /** What is set aside as damaged leaves its pins behind; what is deleted leaves nothing. */
  #loseStore(isSetAside: boolean): void {
    const { pins } = this.file;
    this.file = new MapFile();
    this.isSetAside = isSetAside;
    if (isSetAside) for (const [pattern, pin] of pins) this.file.pins.set(pattern, pin);
    else this.truth.pins.clear();
    for (const [image, { file }] of this.truth.intended) if (file !== this.file) this.truth.excuse(image, this.engine.names);
    // Where the last daemon stood in the stream is lost as well.
    this.#watchedFrom = null;
  }

  #pass(ms: number): void {
    this.clock.pass(ms);
    this.#processes.ring();
  }

  #sleep(ms: number): void {
    this.clock.sleep(ms);
    this.#processes.ring();
  }

  async #live(hours: number, parts: number): Promise<void> {
    if (this.#processes.daemon === null) {
      this.#start();
      await this.#turn();
    }
    for (let part = 0; part < parts; part++) {
      this.#pass((hours / parts) * HOUR_MS);
      await this.#turn();
    }
  }

  /** Everything that can go on without time passing has gone on when the next turn of the event loop comes. */
  async #turn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    setImmediate(resolve);
    await promise;
    if (this.#processes.daemon === null) return;
    this.truth.learn(this.#processes.daemon.actor);
    const isPlaced = this.#processes.daemon.daemon.status().isReady && this.file.shelf(KEY).watch !== null;
    if (isPlaced) this.#watchedFrom ??= this.engine.events.count;
  }

  #reboot({ offHours, clock, minutes }: Extract<Step, { kind: 'reboot' }>): void {
    this.#processes.killAll();
    this.engine.events.breakStreams({ isForgotten: true });
    this.clock.reboot(offHours * HOUR_MS, clock);
    this.clock.pass(minutes * MINUTE_MS);
    this.#start();
  }

  #beDown({ hours, isForgotten, deeds }: Extract<Step, { kind: 'down' }>): void {
    this.#killDaemon();
    this.#pass(hours * HOUR_MS);
    for (const deed of deeds) this.#do(deed);
    if (isForgotten) this.engine.events.breakStreams({ isForgotten });
    this.#start();
  }

  #killDaemon(): void {
    if (this.#processes.daemon !== null) this.#processes.kill(this.#processes.daemon.actor);
  }

  #killAtCall(actor: Actor): Promise<never> {
    this.#processes.kill(actor);
    return never();
  }

  async #stop(): Promise<void> {
    const { daemon } = this.#processes;
    if (daemon === null) return;
    daemon.actor.abort.abort();
    await this.#turn();
    this.#processes.kill(daemon.actor);
  }

  #start(): void {
    this.#processes.startDaemon(this.#watchedFrom);
  }

  /** A digest that was told to be lost, at once or in the history, was given up as design §5.4 says. A tag never is. */
  hear(complaint: string): void {
    if (complaint === '') return;
    for (const name of this.truth.names.keys()) if (name.includes('@') && complaint.includes(name)) this.truth.names.delete(name);
  }

  noteCollection(): void {
    this.tally.collections += 1;
  }

  noteCrash(error: unknown): void {
    this.violations.push(`the process ended: ${error instanceof Error ? error.stack : error}`);
  }
}
