import { type Bytes, bytes } from '../model/brands.ts';
import type { Doubt, Inventory } from '../model/inventory.ts';
import type { HeldBytes, KeepVerdict, Plan, Removal, RuleName, Target, Verdict } from '../model/plan.ts';
import { KEEP_REASONS } from '../model/plan.ts';
import type { Policy } from '../model/policy.ts';
import type { UseHabits } from '../model/use-habits.ts';
import type { Standing } from '../usage/habit-learner.ts';
import { idleSince } from '../usage/idle-clock.ts';
import {
  type AgeBrake,
  type Assessment,
  type AssessmentInput,
  assess,
  type Circumstances,
  gatherCircumstances,
  judgeHeld,
  type KeptVersions,
  lastUsesOf,
  tierOf,
  wordDisuse,
} from './assess.ts';
import { planBuildCache, prunedBytesOf } from './build-cache.ts';
import { bytesByReason } from './bytes-by-reason.ts';
import { planContainers } from './ended-containers.ts';
import { TIERS } from './hold.ts';
import { countLayerNeeds, type LayerCounts } from './layer-counts.ts';
import { compareTied, Family } from './order.ts';
import { findDoubt, keep, refusePlan } from './refusal.ts';
import { explainHabit, reuseRateOn } from './reuse-rate.ts';
import { type Selected, selectForNeed } from './select.ts';
import { holdersBesideImages } from './shortfall.ts';
import { sortByNumber } from './sort-by-number.ts';
import { findStandings } from './standings.ts';
import { diskNeed, formTarget, type Need, withRoomFor } from './target.ts';

/** All that a plan is made of. Nothing else is looked at. */
export interface PlanInput extends AssessmentInput {
  /** What `next-use` goes by. */
  readonly habits: UseHabits;
  /** Bytes asked for with `--free`; null leaves the target to the disk rule. */
  readonly freeBytes: Bytes | null;
  /** Doubts beside the inventory's own: the clock, the store. */
  readonly doubts: readonly Doubt[];
}

/** What else a plan makes anew of its {@link PlanInput}: whoever plans often keeps it up to date instead. By image of the inventory, at its index. */
export interface KeptFacts extends KeptVersions {
  /** As {@link lastUsesOf} has it. */
  readonly lastUsedMs: ArrayLike<number>;
  readonly family: Family;
  /** Undefined: nothing was learned of it. */
  readonly standings: readonly (Standing | undefined)[];
  /** Left as they are after all removals. */
  readonly counts: LayerCounts;
}

/**
 * Decides what would be removed now, and why everything else stays. Pure: the daemon, `collect`, `plan`, `simulate` and
 * every what-if call it.
 *
 * @param ageBrake holds back removals by age, and nothing else
 * @returns a plan in which every image has exactly one verdict; with any doubt, one that removes nothing
 */
export function planCollection(input: PlanInput, ageBrake: AgeBrake | null = null): Plan {
  const doubt = findDoubt(input);
  return doubt === undefined ? new Planning(input, ageBrake).plan() : refusePlan(input, doubt);
}

/** The removals of {@link planCollection}, by the very same steps: what it says of images that stay is left out. */
export function planRemovals(input: Omit<PlanInput, 'records'>, kept: KeptFacts): readonly Removal[] {
  return findDoubt(input) === undefined ? new Planning({ ...input, records: NO_RECORDS }, null, kept).choose().removals : [];
}

/** Those that are kept stand in their place. */
const NO_RECORDS: PlanInput['records'] = new Map();

/**
 * Plans a run that the disk asks for, between those of the schedule: the disk rule alone. What is old waits for its time, because whoever
 * set one chose when images go.
 *
 * @param incomingBytes known to be on their way to this disk
 */
export function planForRoom(input: PlanInput, incomingBytes: Bytes): Plan {
  const disk = withRoomFor(input.policy.disk, incomingBytes);
  return planCollection({
    ...input,
    policy: { ...input.policy, unusedForMs: null, danglingUnusedForMs: null, containersExitedForMs: null, disk },
  });
}

/** Whether something beside containers keeps an image, and nobody knows that it will end. */
function staysAnyway({ reason, binds, until }: Assessment['holds'][number]): boolean {
  return binds === 'always' && until === null && reason !== 'in-use';
}

/** Images chosen for removal, in order. The first of them go by age, the others for the target. */
interface Choices {
  readonly images: readonly number[];
  readonly byAge: number;
}

/** What the choices say of each image, by its index: the rule that removes it, or that the cap cut its removal. */
type Fates = readonly (RuleName | 'capped' | undefined)[];

/** What goes, and what it comes to. */
interface Choice {
  readonly removals: readonly Removal[];
  readonly fates: Fates;
  readonly target: Target | null;
}

/** One run of the planner; the steps of `choose()` and `plan()` are the table of contents. */
class Planning {
  readonly #inventory: Inventory;
  readonly #policy: Policy;
  readonly #input: PlanInput;
  readonly #circumstances: Circumstances;
  readonly #assessments: (Assessment | undefined)[];
  readonly #lastUsedMs: ArrayLike<number>;
  readonly #family: Family;
  readonly #counts: LayerCounts;
  readonly #buildCache: Plan['buildCache'];
  readonly #isBraked: boolean;
  /** By image; empty where nothing was learned, or the order does not ask. */
  readonly #standings: readonly (Standing | undefined)[];

  constructor(input: PlanInput, ageBrake: AgeBrake | null, kept: KeptFacts | null = null) {
    this.#input = input;
    this.#inventory = input.inventory;
    this.#policy = input.policy;
    const { images } = input.inventory;
    this.#circumstances = gatherCircumstances(input, ageBrake, kept);
    this.#assessments = new Array<Assessment | undefined>(images.length).fill(undefined);
    this.#lastUsedMs = kept?.lastUsedMs ?? lastUsesOf(this.#circumstances);
    this.#family = kept?.family ?? new Family(images);
    this.#counts = kept?.counts ?? countLayerNeeds(input.inventory);
    this.#isBraked = ageBrake !== null;
    this.#buildCache = planBuildCache(input.inventory, input.policy, input.now);
    this.#standings = kept?.standings ?? (input.policy.order === 'lru' ? [] : findStandings(images, input.habits.lineages));
  }

  choose(): Choice {
    const byAge = this.#chooseByAge();
    const need = this.#findNeed();
    const selected = need === null ? null : this.#chooseForTarget(byAge, need);
    const wished = selected === null ? byAge : [...byAge, ...selected.images];
    const images = this.#policy.maxRemovals === 0 ? wished : wished.slice(0, this.#policy.maxRemovals);
    const fates = this.#findFates({ images, byAge: byAge.length }, wished);
    const { removals, knownBytes } = this.#countBytes(images, fates, selected === null ? null : { images: wished, frees: selected.frees });
    return { removals, fates, target: need === null ? null : formTarget(need, knownBytes, removals.length) };
  }

  plan(): Plan {
    const { removals, fates, target } = this.choose();
    const freed = removals.reduce((sum, removal) => sum + (removal.freesBytes ?? 0), 0);
    const verdicts = this.#judgeAll(fates, target);
    const { idleMs, wallMs } = this.#input.now;
    return {
      at: { idleMs, wallMs },
      complete: !this.#counts.hasUnknownSizes,
      refusal: null,
      expectedFreedBytes: bytes(freed),
      target,
      buildCache: this.#buildCache,
      containers: this.#chooseContainers(),
      removals,
      verdicts,
      held:
        target === null || target.reached
          ? []
          : [...this.#holders(verdicts), ...holdersBesideImages(this.#inventory, this.#counts.totalBytes)],
      heldByLocalBytes: this.#heldByLocal(verdicts),
    };
  }

  /** Weighs an image when it is first asked for: a small target asks for few. */
  #assess(index: number): Assessment {
    const known = this.#assessments[index];
    if (known !== undefined) return known;
    const image = this.#inventory.images[index];
    if (image === undefined) throw new RangeError(`no image has the index ${index}`);
    const weighed = assess(image, this.#circumstances.records[index], this.#circumstances);
    this.#assessments[index] = weighed;
    return weighed;
  }

  #chooseByAge(): readonly number[] {
    const { unusedForMs, danglingUnusedForMs } = this.#policy;
    const shortestMs = Math.min(unusedForMs ?? Number.POSITIVE_INFINITY, danglingUnusedForMs ?? Number.POSITIVE_INFINITY);
    const { idleMs } = this.#input.now;
    const due: number[] = [];
    for (let index = 0; index < this.#lastUsedMs.length; index++) {
      if (idleSince(this.#lastUsedMs[index] ?? 0, idleMs) >= shortestMs && isUnheld(this.#assess(index))) due.push(index);
    }
    return this.#family.childrenFirst(this.#sort(due), []);
  }

  #chooseContainers(): Plan['containers'] {
    if (this.#policy.containersExitedForMs === null || this.#isBraked) return [];
    const kept = new Set(this.#inventory.images.filter((_, at) => this.#assess(at).holds.some(staysAnyway)).map(({ id }) => id));
    const containers = planContainers(this.#inventory, this.#policy, (image) => kept.has(image));
    return this.#policy.maxRemovals === 0 ? containers : containers.slice(0, this.#policy.maxRemovals);
  }

  #findNeed(): Need | null {
    const { freeBytes } = this.#input;
    const prunedBytes = prunedBytesOf({ buildCache: this.#buildCache });
    if (freeBytes === null) return diskNeed(this.#policy.disk, this.#inventory, this.#counts.totalBytes, prunedBytes);
    return { bytes: Math.max(0, freeBytes - prunedBytes), images: 0 };
  }

  #chooseForTarget(byAge: readonly number[], need: Need): Selected {
    const isGone = new Uint8Array(this.#assessments.length);
    for (const image of byAge) isGone[image] = 1;
    const eligible = this.#eligible(this.#sort(this.#indices((image) => isGone[image] === 0)));
    const candidates = this.#family.isEmpty ? eligible : this.#family.childrenFirst([...eligible], byAge);
    return selectForNeed({ byAge, candidates, need }, this.#counts, this.#family);
  }

  /** Of images in their order those that a target may take, tier by tier. */
  *#eligible(sorted: readonly number[]): Generator<number> {
    const later: number[][] = Object.values(TIERS).map(() => []);
    for (const image of sorted) {
      const { holds } = this.#assess(image);
      if (holds.some(({ binds }) => binds === 'always')) continue;
      const tier = tierOf(holds);
      if (tier === TIERS.ordinary) yield image;
      else later[tier]?.push(image);
    }
    for (const images of later) yield* images;
  }

  /** The least needed first: by the last use for `lru`, by the reuse rate for `next-use`; then as {@link compareTied} has it. */
  #sort(images: readonly number[]): readonly number[] {
    if (images.length === 0) return images;
    const { records } = this.#circumstances;
    const { now } = this.#input;
    const seenMsOf = (image: number): number => (records[image]?.firstSeen ?? now).idleMs;
    const compare = compareTied(this.#counts, seenMsOf, (image) => this.#inventory.images[image]?.id ?? '');
    return sortByNumber(images, this.#policy.order === 'lru' ? this.#lastUsedMs : this.#rate(images), compare);
  }

  #rate(images: readonly number[]): Float64Array {
    const rates = new Float64Array(this.#assessments.length);
    const rateOf = reuseRateOn(this.#input.habits.host);
    const { idleMs } = this.#input.now;
    for (const image of images) rates[image] = rateOf(this.#standings[image], idleMs - (this.#lastUsedMs[image] ?? 0));
    return rates;
  }

  #findFates({ images, byAge }: Choices, wished: readonly number[]): Fates {
    const fates = new Array<Fates[number]>(this.#assessments.length).fill(undefined);
    const targetRule = this.#input.freeBytes === null ? 'disk' : 'free';
    for (const image of wished) fates[image] = 'capped';
    images.forEach((image, position) => {
      fates[image] = position < byAge ? this.#assess(image).ageRule.name : targetRule;
    });
    return fates;
  }

  /**
   * Counts what each removal frees after those before it; the known layers of one that frees an unknown one as well count towards the
   * target, as they did when it was chosen.
   *
   * @param counted images whose needs selecting has already taken away, these first; null: there were none to select
   */
  #countBytes(
    images: readonly number[],
    fates: Fates,
    counted: Selected | null,
  ): { readonly removals: readonly Removal[]; readonly knownBytes: number } {
    const frees = counted?.frees ?? null;
    for (const image of counted?.images.slice(frees === null ? 0 : images.length) ?? []) this.#counts.restore(image);
    let knownBytes = 0;
    const removals: Removal[] = [];
    for (let at = 0; at < images.length; at++) {
      const index = images[at] ?? 0;
      const rule = fates[index];
      if (rule === undefined || rule === 'capped') continue;
      const { bytes: freed, isExact } = frees?.[at] ?? this.#counts.remove(index);
      knownBytes += freed;
      const { image, lastUsedMs } = this.#assess(index);
      const { id, references, digests } = image;
      const idleMs = idleSince(lastUsedMs, this.#input.now.idleMs);
      removals.push({ imageId: id, references, digests, rule, idleMs, freesBytes: isExact ? bytes(freed) : null });
    }
    return { removals, knownBytes };
  }

  #judgeAll(fates: Fates, target: Target | null): readonly Verdict[] {
    return this.#inventory.images.map((_, index): Verdict => {
      const assessment = this.#assess(index);
      const fate = fates[index];
      if (fate !== undefined && fate !== 'capped') return this.#remove(assessment, fate, index);
      return judgeHeld(assessment, this.#input.now, target?.reached === false) ?? this.#judgeUnheld(assessment, index, fates, target);
    });
  }

  #remove({ image, record, lastUsedMs }: Assessment, rule: RuleName, index: number): Verdict {
    const { idleMs } = this.#input.now;
    const used = wordDisuse(record, idleSince(lastUsedMs, idleMs));
    const habit = explainHabit(this.#standings[index], idleMs);
    const detail = habit === '' ? used : `${used}; ${habit}`;
    return { imageId: image.id, verdict: 'remove', reason: rule, detail, until: null };
  }

  #judgeUnheld({ image, isAgeDue }: Assessment, index: number, fates: Fates, target: Target | null): KeepVerdict {
    const children = this.#family.childrenOf(index).filter((child) => fates[child] === undefined || fates[child] === 'capped');
    if (children.length > 0 && (isAgeDue || target !== null)) {
      return keep(image, 'has-children', `${children.length === 1 ? 'an image' : `${children.length} images`} built on it stay`);
    }
    if (fates[index] === 'capped') return keep(image, 'capped', `at most ${this.#policy.maxRemovals} images are removed per run`);
    if (target !== null) return keep(image, 'target-reached', 'not needed to reach the target');
    return keep(image, 'no-rule', 'no rule asks for its removal');
  }

  #holders(verdicts: readonly Verdict[]): readonly HeldBytes[] {
    const held = bytesByReason(verdicts, this.#counts);
    return KEEP_REASONS.flatMap((reason) => {
      const size = held.get(reason) ?? bytes(0);
      return size > 0 ? [{ reason, bytes: size }] : [];
    });
  }

  /** What would go by age at once if `local` were "no": counted after all that goes anyway, and then given back. */
  #heldByLocal(verdicts: readonly Verdict[]): Bytes {
    const isHeldAlone = ({ holds, isAgeDue }: Assessment): boolean => isAgeDue && holds.length === 1;
    const onlyLocal = this.#indices((image) => verdicts[image]?.reason === 'local' && isHeldAlone(this.#assess(image)));
    const freed = onlyLocal.reduce((sum, image) => sum + this.#counts.remove(image).bytes, 0);
    for (const image of onlyLocal) this.#counts.restore(image);
    return bytes(freed);
  }

  #indices(test: (index: number) => boolean): readonly number[] {
    const found: number[] = [];
    for (let index = 0; index < this.#assessments.length; index++) if (test(index)) found.push(index);
    return found;
  }
}

/** Whether the age rule asks for an image, and nothing keeps it. */
function isUnheld({ holds, isAgeDue }: Assessment): boolean {
  return isAgeDue && holds.length === 0;
}
