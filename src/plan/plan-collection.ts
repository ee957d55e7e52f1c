import { type Bytes, bytes, type ImageId, type WallMs } from '../model/brands.ts';
import { formatAge } from '../model/duration.ts';
import type { Doubt, Image, Inventory } from '../model/inventory.ts';
import { parseReferencePattern } from '../model/pattern.ts';
import type { HeldBytes, KeepVerdict, Plan, Removal, RuleName, Target, Verdict } from '../model/plan.ts';
import { KEEP_REASONS } from '../model/plan.ts';
import type { Policy } from '../model/policy.ts';
import type { Lineage, Now, Pin, RemovalFailure, UseRecord } from '../model/use-record.ts';
import { type Assessment, assess, gatherCircumstances } from './assess.ts';
import { LayerCounts } from './layer-counts.ts';
import { Family, sortLeastNeededFirst } from './order.ts';
import { selectForNeed } from './select.ts';
import { diskNeed, type Need } from './target.ts';

/** All that a plan is made of. Nothing else is looked at. */
export interface PlanInput {
  readonly inventory: Inventory;
  readonly records: ReadonlyMap<ImageId, UseRecord>;
  readonly lineages: ReadonlyMap<string, Lineage>;
  readonly failures: ReadonlyMap<ImageId, RemovalFailure>;
  readonly pins: readonly Pin[];
  readonly policy: Policy;
  readonly now: Now;
  /** Bytes asked for with `--free`; null leaves the target to the disk rule. */
  readonly freeBytes: Bytes | null;
  /** Doubts beside the inventory's own: the clock, the store. */
  readonly doubts: readonly Doubt[];
}

/**
 * Decides what would be removed now, and why everything else stays. Pure: the daemon, `collect`, `plan`, `simulate` and
 * every what-if call it.
 *
 * @returns a plan in which every image has exactly one verdict; with any doubt, one that removes nothing
 */
export function planCollection(input: PlanInput): Plan {
  const [doubt] = [...input.inventory.doubts, ...input.doubts, ...unreadablePins(input.pins)];
  return doubt === undefined ? new Planning(input).plan() : refusePlan(input, doubt);
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
  const nothing = { expectedFreedBytes: bytes(0), target: null, removals: [], held: [], heldByLocalBytes: bytes(0) };
  return { at, complete: false, refusal: doubt, verdicts, ...nothing };
}

/** One removal as chosen, before its bytes are counted. */
interface Choice {
  readonly image: number;
  readonly rule: RuleName;
}

/** One run of the planner; the steps of `plan()` are the table of contents. */
class Planning {
  readonly #inventory: Inventory;
  readonly #policy: Policy;
  readonly #input: PlanInput;
  readonly #assessments: readonly Assessment[];
  readonly #family: Family;
  readonly #counts: LayerCounts;

  constructor(input: PlanInput) {
    this.#input = input;
    this.#inventory = input.inventory;
    this.#policy = input.policy;
    const circumstances = gatherCircumstances(input);
    this.#assessments = input.inventory.images.map((image) => assess(image, circumstances));
    this.#family = new Family(input.inventory.images);
    this.#counts = new LayerCounts(input.inventory);
  }

  plan(): Plan {
    const byAge = this.#chooseByAge();
    const need = this.#findNeed();
    const byTarget = need === null ? [] : this.#chooseForTarget(byAge, need);
    const wished = [...byAge, ...byTarget];
    const choices = this.#policy.maxRemovals === 0 ? wished : wished.slice(0, this.#policy.maxRemovals);
    const { removals, knownBytes } = this.#countBytes(choices, need === null ? [] : wished);
    const freed = removals.reduce((sum, removal) => sum + (removal.freesBytes ?? 0), 0);
    const target = need === null ? null : formTarget(need, knownBytes, removals.length);
    const verdicts = this.#judgeAll(choices, wished, target);
    const { idleMs, wallMs } = this.#input.now;
    return {
      at: { idleMs, wallMs },
      complete: !this.#counts.hasUnknownSizes,
      refusal: null,
      expectedFreedBytes: bytes(freed),
      target,
      removals,
      verdicts,
      held: target === null || target.reached ? [] : this.#holders(verdicts),
      heldByLocalBytes: this.#heldByLocal(new Set(choices.map(({ image }) => image))),
    };
  }

  #chooseByAge(): readonly Choice[] {
    const due = this.#indices(({ holds, isAgeDue }) => holds.length === 0 && isAgeDue);
    const ordered = this.#family.childrenFirst(sortLeastNeededFirst(due, this.#assessments, this.#counts), new Set());
    return ordered.map((image) => ({ image, rule: this.#assessments[image]?.ageRule ?? 'unused-for' }));
  }

  #findNeed(): Need | null {
    const { freeBytes } = this.#input;
    if (freeBytes !== null) return { bytes: freeBytes, images: 0 };
    return diskNeed(this.#policy.disk, this.#inventory, this.#counts.totalBytes);
  }

  #chooseForTarget(byAge: readonly Choice[], need: Need): readonly Choice[] {
    const gone = byAge.map(({ image }) => image);
    const goneSet = new Set(gone);
    const eligible = this.#indices(({ holds }, image) => !goneSet.has(image) && holds.every(({ binds }) => binds === 'age-rules'));
    const candidates = this.#family.childrenFirst(sortLeastNeededFirst(eligible, this.#assessments, this.#counts), goneSet);
    const chosen = selectForNeed({ byAge: gone, candidates, need }, this.#counts, this.#family);
    const rule = this.#input.freeBytes === null ? 'disk' : 'free';
    return chosen.map((image) => ({ image, rule }));
  }

  /**
   * Counts what each removal frees after those before it; the known layers of one that frees an unknown one as well count towards the
   * target, as they did when it was chosen.
   *
   * @param counted images whose needs selecting has already taken away
   */
  #countBytes(
    choices: readonly Choice[],
    counted: readonly Choice[],
  ): { readonly removals: readonly Removal[]; readonly knownBytes: number } {
    for (const { image } of counted) this.#counts.restore(image);
    let knownBytes = 0;
    const removals = choices.flatMap(({ image: index, rule }) => {
      const assessment = this.#assessments[index];
      if (assessment === undefined) return [];
      const { bytes: freed, isExact } = this.#counts.remove(index);
      knownBytes += freed;
      const { id, references, digests } = assessment.image;
      return [{ imageId: id, references, digests, rule, idleMs: assessment.idleMs, freesBytes: isExact ? bytes(freed) : null }];
    });
    return { removals, knownBytes };
  }

  #judgeAll(choices: readonly Choice[], wished: readonly Choice[], target: Target | null): readonly Verdict[] {
    const going = new Map(choices.map(({ image, rule }) => [image, rule]));
    const capped = new Set(wished.map(({ image }) => image));
    return this.#assessments.map((assessment, index): Verdict => {
      const rule = going.get(index);
      if (rule !== undefined) return remove(assessment, rule);
      const [hold] = assessment.holds;
      if (hold !== undefined) return keep(assessment.image, hold.reason, hold.detail, endOfAll(assessment.holds));
      return this.#judgeUnheld(assessment, index, { isCapped: capped.has(index), target, going });
    });
  }

  #judgeUnheld(
    { image, isAgeDue }: Assessment,
    index: number,
    { isCapped, target, going }: { isCapped: boolean; target: Target | null; going: ReadonlyMap<number, RuleName> },
  ): KeepVerdict {
    const children = this.#family.childrenOf(index).filter((child) => !going.has(child));
    if (children.length > 0 && (isAgeDue || target !== null)) {
      return keep(image, 'has-children', `${children.length === 1 ? 'an image' : `${children.length} images`} built on it stay`);
    }
    if (isCapped) return keep(image, 'capped', `at most ${this.#policy.maxRemovals} images are removed per run`);
    if (target !== null) return keep(image, 'target-reached', 'not needed to reach the target');
    return keep(image, 'no-rule', 'no rule asks for its removal');
  }

  #holders(verdicts: readonly Verdict[]): readonly HeldBytes[] {
    const claimed = new Set<number>();
    const rank = new Map<string, number>(KEEP_REASONS.map((reason, at) => [reason, at]));
    const kept = verdicts.flatMap((verdict, image) => (verdict.verdict === 'keep' ? [{ image, reason: verdict.reason }] : []));
    kept.sort((left, right) => (rank.get(left.reason) ?? 0) - (rank.get(right.reason) ?? 0));
    const held = new Map<HeldBytes['reason'], number>();
    for (const { image, reason } of kept) held.set(reason, (held.get(reason) ?? 0) + this.#counts.claim(image, claimed));
    return [...held].filter(([, size]) => size > 0).map(([reason, size]) => ({ reason, bytes: bytes(size) }));
  }

  /** What would go by age at once if `local` were "no": counted after all that goes anyway, and then given back. */
  #heldByLocal(going: ReadonlySet<number>): Bytes {
    const isHeld = ({ holds, isAgeDue }: Assessment): boolean => isAgeDue && holds.length === 1 && holds[0]?.reason === 'local';
    const onlyLocal = this.#indices((assessment, image) => isHeld(assessment) && !going.has(image));
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

/** The verdict changes when the last hold ends; unknown when any may stay for ever. */
function endOfAll(holds: Assessment['holds']): WallMs | null {
  let end: WallMs | null = holds[0]?.until ?? null;
  for (const { until } of holds) {
    if (until === null) return null;
    if (end !== null && until > end) end = until;
  }
  return end;
}

function keep(image: Image, reason: KeepVerdict['reason'], detail: string, until: KeepVerdict['until'] = null): KeepVerdict {
  return { imageId: image.id, verdict: 'keep', reason, detail, until };
}

function remove({ image, idleMs, wasUsed }: Assessment, rule: RuleName): Verdict {
  const detail = wasUsed ? `last used ${formatAge(idleMs)} ago` : `never seen used, first seen ${formatAge(idleMs)} ago`;
  return { imageId: image.id, verdict: 'remove', reason: rule, detail, until: null };
}
