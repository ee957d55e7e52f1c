import type { ContainerId, ImageId } from '../../src/model/brands.ts';
import { parseHold } from '../../src/model/hold.ts';
import type { RuleName } from '../../src/model/plan.ts';
import type { Policy } from '../../src/model/policy.ts';
import { KEY } from '../worlds/daemon-world.ts';
import type { MapFile } from '../worlds/map-store.ts';
import { DAY_MS } from '../worlds/world.ts';
import type { Actor } from './actor.ts';
import type { Moment } from './host-clock.ts';
import type { NamedBy } from './step.ts';

/** Uses of one image within a minute are one (design §7), so a record may be that much older than the use. */
const COALESCED_MS = 60_000;

/** How an image was used: under which kind of name by a container, by getting a name itself, or by an image built on it. */
export type UsedBy = { readonly kind: NamedBy } | { readonly kind: 'name' } | { readonly kind: 'base'; readonly of: ImageId };

/** One use, as it really was. */
export interface Use {
  readonly at: Moment;
  readonly by: UsedBy;
  /** The step of the world at which it happened, and at which the tag that it went by was given. */
  readonly step: number;
  readonly namedAt: number;
  /** Its last event; 0 where the engine tells none. */
  readonly event: number;
  /** Someone who watches has it on stable storage, so it may not be forgotten. */
  isKnown: boolean;
}

/** A container, with the use that its creation was. */
interface Need {
  readonly images: readonly ImageId[];
  readonly use: Use;
}

/** Why an image may go, as its remover wrote down before, and where. */
export interface Intended {
  readonly rule: RuleName;
  readonly policy: Policy;
  readonly file: MapFile;
}

/** What is needed on a host, whatever the product knows of it: kept by those who use images, not by those who remove them. */
export class Truth {
  readonly uses = new Map<ImageId, Use[]>();
  readonly needs = new Map<ContainerId, Need>();
  /** Names as people and programs other than imagegc left them. */
  readonly names = new Map<string, ImageId>();
  readonly namedAt = new Map<string, number>();
  readonly pins = new Map<string, number>();
  readonly intended = new Map<ImageId, Intended>();
  readonly wasPulled = new Set<ImageId>();
  readonly everSeen = new Set<ImageId>();

  addUse(image: ImageId, use: Use): void {
    const uses = this.uses.get(image);
    if (uses === undefined) this.uses.set(image, [use]);
    else uses.push(use);
  }

  /** The names that changed while others did something. */
  follow(before: ReadonlyMap<string, ImageId>, after: ReadonlyMap<string, ImageId>, step: number): void {
    for (const name of before.keys()) if (!after.has(name)) this.names.delete(name);
    for (const [name, image] of after) {
      if (before.get(name) === image) continue;
      this.names.set(name, image);
      this.namedAt.set(name, step);
    }
  }

  /** An image is gone, and all its names with it. */
  forget(image: ImageId): void {
    this.uses.delete(image);
    for (const [name, target] of this.names) if (target === image) this.names.delete(name);
  }

  /**
   * Nobody can know any more what an image was called that has no hold and stayed when its last one went: the store in which its removal was intended,
   * and is not settled, is lost.
   */
  excuse(image: ImageId, present: ReadonlyMap<string, ImageId>): void {
    const intent = this.intended.get(image)?.file.shelf(KEY).intents.get(image);
    const isHeld = [...present].some(([name, target]) => target === image && parseHold(name) !== null);
    if (intent === undefined || isHeld) return;
    for (const name of [...intent.references, ...intent.digests])
      if (present.get(name) !== image && this.names.get(name) === image) this.names.delete(name);
  }

  namesOf(image: ImageId): readonly string[] {
    return [...this.names].flatMap(([name, target]) => (target === image ? [name] : []));
  }

  /** What an actor has on stable storage of what it was told. */
  learn({ told, isBehind, isDead }: Actor): void {
    if (isBehind || isDead) return;
    for (const uses of this.uses.values()) {
      for (const use of uses) if (!use.isKnown && told.has(use.event)) use.isKnown = true;
    }
  }

  /** Whether others gave a name since the actor asked last what it points to. */
  isMovedUnseen(actor: Actor, name: string): boolean {
    return (this.namedAt.get(name) ?? 0) > (actor.sawNames.get(name) ?? Number.POSITIVE_INFINITY);
  }

  /** The same of the tag that a hold stands for, where names were being given back: only then is it asked for after the last listing. */
  isGivenBackUnseen(actor: Actor, image: string, reference: string): boolean {
    const original = parseHold(reference)?.original;
    return original !== undefined && (actor.sawNames.get(original) ?? 0) >= decidedAt(actor, image) && this.isMovedUnseen(actor, original);
  }

  /** Whether others gave an image a name since the actor asked last for its names: who removes it by its ID takes that along. */
  isNamedUnseen(actor: Actor, image: ImageId): boolean {
    const sawNames = actor.sawNames.get(image) ?? Number.POSITIVE_INFINITY;
    return this.namesOf(image).some((name) => (this.namedAt.get(name) ?? 0) > sawNames);
  }

  /** The same of any use; who takes a digest off in that call leaves the image, and cannot give the digest back. */
  isUsedUnseen(actor: Actor, image: ImageId): boolean {
    const sawNames = actor.sawNames.get(image) ?? Number.POSITIVE_INFINITY;
    return this.isNamedUnseen(actor, image) || (this.uses.get(image) ?? []).some(({ step }) => step > sawNames);
  }

  /** Why an image is needed at the moment at which an actor removes it; empty: it may go. */
  judge(actor: Actor, image: ImageId, { now, hasLied }: { readonly now: Moment; readonly hasLied: boolean }): readonly string[] {
    const intended = this.intended.get(image);
    if (intended === undefined) return ['nobody planned to remove it'];
    const users = [...this.needs].filter(([, { images, use }]) => images.includes(image) && !this.#isLate(actor, image, use));
    const used = (this.uses.get(image) ?? []).filter((use) => this.#counts(actor, image, use));
    return [
      ...users.map(([id]) => `container ${id.slice(0, 12)} needs it`),
      ...this.#findProtection(actor, image),
      ...used.flatMap((use) => findYouth(use, intended, now, hasLied)),
    ];
  }

  #counts(actor: Actor, image: ImageId, use: Use): boolean {
    if (this.#isLate(actor, image, use)) return false;
    // What was built on it shows that it was used, for as long as it is there, and to whoever has looked since.
    return use.by.kind === 'base' ? this.uses.has(use.by.of) && use.step <= actor.sawImages : use.isKnown;
  }

  /** The one exception of design §5.4: at the last moment, by ID or digest, after the last listing of the batch. */
  #isLate(actor: Actor, image: ImageId, { by, step, namedAt }: Use): boolean {
    const sawNames = actor.sawNames.get(image) ?? 0;
    if (by.kind === 'name') return step > sawNames;
    return by.kind === 'tag' ? namedAt > sawNames : step > decidedAt(actor, image);
  }

  #findProtection(actor: Actor, image: ImageId): readonly string[] {
    const names = this.namesOf(image);
    const { references, local } = actor.policy.protect;
    const pins = [...this.pins].flatMap(([pattern, step]) => (step <= decidedAt(actor, image) ? [pattern] : []));
    const patterns = [...pins, ...references.map(({ text }) => text)].filter((pattern) => names.some((name) => isMeant(pattern, name)));
    const isLocal = !this.wasPulled.has(image) && names.length > 0;
    const rule = this.intended.get(image)?.rule;
    const isKept = isLocal && (local === 'keep' || (local === 'last' && rule === 'unused-for'));
    return [...patterns.map((pattern) => `${pattern} protects it`), ...(isKept ? [`no registry can give it back (${local})`] : [])];
  }
}

/** The step of the listing after which nobody can be seen who comes by ID or digest. */
function decidedAt(actor: Actor, image: string): number {
  return actor.sawUses.get(image) ?? actor.sawContainers;
}

/** Whether a pattern of the form `lab/app` or `lab/app:1` means a name. */
function isMeant(pattern: string, name: string): boolean {
  const full = `docker.io/${pattern}`;
  return name === full || (!pattern.includes(':') && (name.startsWith(`${full}:`) || name.startsWith(`${full}@`)));
}

/** The theorem of eviction.md §5 bounds what a lying clock can do; without one, no image is taken for older than it is. */
function findYouth({ at, by }: Use, { rule, policy }: Intended, now: Moment, hasLied: boolean): readonly string[] {
  const limitMs = rule === 'dangling' ? policy.danglingUnusedForMs : rule === 'unused-for' ? policy.unusedForMs : 0;
  const idleMs = hasLied ? now.onMs - at.onMs : now.trueMs - at.trueMs;
  const leastMs = hasLied ? ((limitMs ?? 0) - DAY_MS) / 2 : Math.max(limitMs ?? 0, policy.minAgeMs);
  return idleMs >= leastMs - COALESCED_MS
    ? []
    : [`it was used ${Math.round(idleMs / 60_000)} min ago (${by.kind}); ${rule} needs ${leastMs / 60_000} min`];
}
