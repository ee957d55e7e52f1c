import { type Bytes, bytes } from '../model/brands.ts';
import { formatAge } from '../model/duration.ts';
import type { Doubt, Image, Inventory } from '../model/inventory.ts';
import { parseReferencePattern } from '../model/pattern.ts';
import type { HeldBytes, KeepVerdict, Plan, Removal, RuleName, Target, Verdict } from '../model/plan.ts';
import { KEEP_REASONS } from '../model/plan.ts';
import type { Policy } from '../model/policy.ts';
import { type UseHabits, versionKey } from '../model/use-habits.ts';
import type { Pin } from '../model/use-record.ts';
import { indexStandings, type Standing, type Standings } from '../usage/habit-learner.ts';
import { idleSince } from '../usage/idle-clock.ts';
import { type AgeBrake, type Assessment, type AssessmentInput, assess, explainHolds, gatherCircumstances } from './assess.ts';
import { planBuildCache, prunedBytesOf } from './build-cache.ts';
import { bytesByReason } from './bytes-by-reason.ts';
import { planContainers } from './ended-containers.ts';
import { LayerCounts } from './layer-counts.ts';
import { Family, sortLeastNeededFirst } from './order.ts';
import { explainHabit, reuseRateOn } from './reuse-rate.ts';
import { selectForNeed } from './select.ts';
import { holdersBesideImages } from './shortfall.ts';
import { diskNeed, type Need, withRoomFor } from './target.ts';

/** All that a plan is made of. Nothing else is looked at. */
export interface PlanInput extends AssessmentInput {
  /** What `next-use` goes by. */
  readonly habits: UseHabits;
  /** The same by image, where whoever plans often keeps it so; absent: it is made of the habits. */
  readonly standings?: Standings;
  /** Bytes asked for with `--free`; null leaves the target to the disk rule. */
  readonly freeBytes: Bytes | null;
  /** Doubts beside the inventory's own: the clock, the store. */
  readonly doubts: readonly Doubt[];
}

/**
 * Decides what would be removed now, and why everything else stays. Pure: the daemon, `collect`, `plan`, `simulate` and
 * every what-if call it.
 *
 * @param ageBrake holds back removals by age, and nothing else
 * @returns a plan in which every image has exactly one verdict; with any doubt, one that removes nothing
 */
export function planCollection(input: PlanInput, ageBrake: AgeBrake | null = null): Plan {
  const [doubt] = [...input.inventory.doubts, ...input.doubts, ...unreadablePins(input.pins)];
  return doubt === undefined ? new Planning(input, ageBrake).plan() : refusePlan(input, doubt);
}

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

/** What a pin wants to keep must be known; a store may hold one that another version of this program wrote. */
function unreadablePins(pins: readonly Pin[]): readonly Doubt[] {
  return pins.flatMap(({ pattern, owner }): readonly Doubt[] => {
    const read = parseReferencePattern(pattern);
    return read.ok ? [] : [{ kind: 'protected-unknown', message: `the pin ${pattern} of ${owner} cannot be read: ${read.problem}` }];
  });
}

/** The same plan with nothing in it, when `doubt` came up after planning. */
function refusePlan({ inventory, now }: Pick<PlanInput, 'inventory' | 'now'>, doubt: Doubt): Plan {
  const verdicts = inventory.images.map((image): KeepVerdict => keep(image, 'doubt', doubt.message));
  const at = { idleMs: now.idleMs, wallMs: now.wallMs };
  const nothing = {
    expectedFreedBytes: bytes(0),
    target: null,
    buildCache: null,
    containers: [],
    removals: [],
    held: [],
    heldByLocalBytes: bytes(0),
  };
  return { at, complete: false, refusal: doubt, verdicts, ...nothing };
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

/** One run of the planner; the steps of `plan()` are the table of contents. */
class Planning {
  readonly #inventory: Inventory;
  readonly #policy: Policy;
  readonly #input: PlanInput;
  readonly #assessments: readonly Assessment[];
  readonly #family: Family;
  readonly #counts: LayerCounts;
  readonly #buildCache: Plan['buildCache'];
  readonly #isBraked: boolean;
  /** By image; empty where nothing was learned. */
  readonly #standings: readonly (Standing | undefined)[];

  constructor(input: PlanInput, ageBrake: AgeBrake | null) {
    this.#input = input;
    this.#inventory = input.inventory;
    this.#policy = input.policy;
    const { images } = input.inventory;
    const circumstances = gatherCircumstances(input, ageBrake);
    this.#assessments = images.map((image, at) => assess(image, circumstances.records[at], circumstances));
    this.#family = new Family(images);
    this.#counts = new LayerCounts(input.inventory);
    this.#isBraked = ageBrake !== null;
    this.#buildCache = planBuildCache(input.inventory, input.policy, input.now);
    const standings = input.standings ?? indexStandings(this.#policy.order === 'lru' ? [] : input.habits.lineages.values());
    this.#standings = standings.size === 0 ? [] : images.map(({ id }) => standings.get(versionKey(id)));
  }

  plan(): Plan {
    const byAge = this.#chooseByAge();
    const need = this.#findNeed();
    const wished = need === null ? byAge : [...byAge, ...this.#chooseForTarget(byAge, need)];
    const images = this.#policy.maxRemovals === 0 ? wished : wished.slice(0, this.#policy.maxRemovals);
    const fates = this.#findFates({ images, byAge: byAge.length }, wished);
    const { removals, knownBytes } = this.#countBytes(images, fates, need === null ? [] : wished);
    const freed = removals.reduce((sum, removal) => sum + (removal.freesBytes ?? 0), 0);
    const target = need === null ? null : formTarget(need, knownBytes, removals.length);
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
      heldByLocalBytes: this.#heldByLocal(fates),
    };
  }

  #chooseByAge(): readonly number[] {
    const due = this.#indices(({ holds, isAgeDue }) => holds.length === 0 && isAgeDue);
    return this.#family.childrenFirst(this.#sort(due), []);
  }

  #chooseContainers(): Plan['containers'] {
    if (this.#policy.containersExitedForMs === null || this.#isBraked) return [];
    const kept = new Set(this.#assessments.filter(({ holds }) => holds.some(staysAnyway)).map(({ image }) => image.id));
    const containers = planContainers(this.#inventory, this.#policy, (image) => kept.has(image));
    return this.#policy.maxRemovals === 0 ? containers : containers.slice(0, this.#policy.maxRemovals);
  }

  #findNeed(): Need | null {
    const { freeBytes } = this.#input;
    const prunedBytes = prunedBytesOf({ buildCache: this.#buildCache });
    if (freeBytes === null) return diskNeed(this.#policy.disk, this.#inventory, this.#counts.totalBytes, prunedBytes);
    return { bytes: Math.max(0, freeBytes - prunedBytes), images: 0 };
  }

  #chooseForTarget(byAge: readonly number[], need: Need): readonly number[] {
    const gone = new Uint8Array(this.#assessments.length);
    for (const image of byAge) gone[image] = 1;
    const eligible = this.#indices(({ holds }, image) => gone[image] === 0 && holds.every(({ binds }) => binds === 'age-rules'));
    const candidates = this.#family.childrenFirst(this.#sort(eligible), byAge);
    return selectForNeed({ byAge, candidates, need }, this.#counts, this.#family);
  }

  #sort(images: readonly number[]): readonly number[] {
    const { now } = this.#input;
    if (this.#policy.order === 'lru') return sortLeastNeededFirst(images, this.#assessments, this.#counts, { scoreOf: lastUseOf, now });
    const rateOf = reuseRateOn(this.#input.habits.host);
    const scoreOf = ({ lastUsedMs }: Assessment, image: number): number => rateOf(this.#standings[image], now.idleMs - lastUsedMs);
    return sortLeastNeededFirst(images, this.#assessments, this.#counts, { scoreOf, now });
  }

  #findFates({ images, byAge }: Choices, wished: readonly number[]): Fates {
    const fates = new Array<Fates[number]>(this.#assessments.length).fill(undefined);
    const targetRule = this.#input.freeBytes === null ? 'disk' : 'free';
    for (const image of wished) fates[image] = 'capped';
    images.forEach((image, position) => {
      const assessment = this.#assessments[image];
      if (assessment !== undefined) fates[image] = position < byAge ? assessment.ageRule.name : targetRule;
    });
    return fates;
  }

  /**
   * Counts what each removal frees after those before it; the known layers of one that frees an unknown one as well count towards the
   * target, as they did when it was chosen.
   *
   * @param counted images whose needs selecting has already taken away
   */
  #countBytes(
    images: readonly number[],
    fates: Fates,
    counted: readonly number[],
  ): { readonly removals: readonly Removal[]; readonly knownBytes: number } {
    for (const image of counted) this.#counts.restore(image);
    let knownBytes = 0;
    const removals: Removal[] = [];
    for (const index of images) {
      const assessment = this.#assessments[index];
      const rule = fates[index];
      if (assessment === undefined || rule === undefined || rule === 'capped') continue;
      const { bytes: freed, isExact } = this.#counts.remove(index);
      knownBytes += freed;
      const { id, references, digests } = assessment.image;
      const idleMs = idleSince(assessment.lastUsedMs, this.#input.now.idleMs);
      removals.push({ imageId: id, references, digests, rule, idleMs, freesBytes: isExact ? bytes(freed) : null });
    }
    return { removals, knownBytes };
  }

  #judgeAll(fates: Fates, target: Target | null): readonly Verdict[] {
    return this.#assessments.map((assessment, index): Verdict => {
      const fate = fates[index];
      if (fate !== undefined && fate !== 'capped') return this.#remove(assessment, fate, index);
      const hold = explainHolds(assessment, this.#input.now);
      if (hold !== null) return keep(assessment.image, hold.reason, hold.detail, hold.until);
      return this.#judgeUnheld(assessment, index, fates, target);
    });
  }

  #remove({ image, record, lastUsedMs }: Assessment, rule: RuleName, index: number): Verdict {
    const { idleMs } = this.#input.now;
    const age = formatAge(idleSince(lastUsedMs, idleMs));
    const used = record?.lastUsed == null ? `never seen used, first seen ${age} ago` : `last used ${age} ago`;
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
  #heldByLocal(fates: Fates): Bytes {
    const isHeld = ({ holds, isAgeDue }: Assessment): boolean => isAgeDue && holds.length === 1 && holds[0]?.reason === 'local';
    const onlyLocal = this.#indices((assessment, image) => isHeld(assessment) && (fates[image] === undefined || fates[image] === 'capped'));
    const freed = onlyLocal.reduce((sum, image) => sum + this.#counts.remove(image).bytes, 0);
    for (const image of onlyLocal) this.#counts.restore(image);
    return bytes(freed);
  }

  #indices(test: (assessment: Assessment, index: number) => boolean): readonly number[] {
    const found: number[] = [];
    this.#assessments.forEach((assessment, index) => {
      if (test(assessment, index)) found.push(index);
    });
    return found;
  }
}

function formTarget(need: Need, freed: number, removed: number): Target {
  return { bytes: bytes(need.bytes), images: need.images, reached: freed >= need.bytes && removed >= need.images };
}

function keep(image: Image, reason: KeepVerdict['reason'], detail: string, until: KeepVerdict['until'] = null): KeepVerdict {
  return { imageId: image.id, verdict: 'keep', reason, detail, until };
}

function lastUseOf({ lastUsedMs }: Assessment): number {
  return lastUsedMs;
}
