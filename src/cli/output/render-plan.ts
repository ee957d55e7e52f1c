import { durationMs, type ImageId } from '../../model/brands.ts';
import { formatByteSize } from '../../model/byte-size.ts';
import { formatAge, formatDuration } from '../../model/duration.ts';
import type { Inventory } from '../../model/inventory.ts';
import type { KeepReason, Plan, Removal, RuleName } from '../../model/plan.ts';
import type { Policy } from '../../model/policy.ts';
import { countImages, explainShortfall } from '../../plan/shortfall.ts';
import { formatTime } from '../forms/rfc3339.ts';
import { describeExited } from './exited-containers.ts';
import { imageName } from './image-name.ts';
import { type Kept, sumKept } from './kept-bytes.ts';
import { type Look, paint, printable } from './style.ts';
import { rigidColumn, tableOf, textColumn } from './table.ts';

/** What each reason means, in words that complete "kept because …". */
const REASON_MEANINGS: Readonly<Record<KeepReason, string>> = {
  doubt: 'something that must be known is not',
  'in-use': 'a container needs it',
  sandbox: 'pods start from it',
  pinned: 'someone pinned it',
  leased: 'the engine holds a lease on it',
  'read-only': 'it lies in a store that may only be read',
  protected: 'the settings protect it',
  rollback: 'it is the version to go back to',
  local: 'no registry can give it back',
  unrestorable: 'its registry did not say that it can be pulled again',
  'too-young': 'it was seen or used a moment ago',
  'not-recorded': 'its use was never recorded',
  held: 'an earlier removal failed; it is tried again later',
  'recently-used': 'it was used or first seen too recently',
  'has-children': 'an image built on it stays',
  capped: 'more than one run may remove',
  'target-reached': 'enough is freed without it',
  'no-rule': 'no rule asks for its removal',
};

/** Prints a plan for a person: the summary first, then what goes, then what stays and why. */
export function renderPlan(plan: Plan, inventory: Inventory, policy: Policy, look: Look): string {
  const kept = sumKept(plan, inventory);
  const sections = [
    [
      summarise(plan, policy, look),
      ...describeContainers(plan, policy),
      ...describeCache(plan, policy),
      ...describeTarget(plan, look),
      ...describeFirstEligible(plan, inventory),
    ].join('\n'),
    removalTable(plan, look).trimEnd(),
    keptTable(kept, look).trimEnd(),
    [describeLocal(plan), describeExited(inventory)].filter((line) => line !== '').join('\n'),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

function summarise(plan: Plan, policy: Policy, look: Look): string {
  const { refusal, removals } = plan;
  if (refusal !== null) return paint('red', `Nothing is removed: ${printable(refusal.message)} (${refusal.kind}).`, look);
  if (removals.length === 0) return paint('bold', `Nothing to remove: ${countImages(plan.verdicts.length)}, all kept.`, look);
  const counts = Map.groupBy(removals, ({ rule }) => rule);
  const rules = [...counts].map(([rule, of]) =>
    counts.size > 1 ? `${of.length} ${ruleMeaning(rule, policy)}` : ruleMeaning(rule, policy),
  );
  const atLeast = removals.some(({ freesBytes }) => freesBytes === null) ? 'at least ' : '';
  const freed = `${atLeast}${formatByteSize(plan.expectedFreedBytes)}`;
  return paint('bold', `Would remove ${countImages(removals.length)} and free ${freed} (${rules.join(', ')}).`, look);
}

function ruleMeaning(rule: RuleName, { unusedForMs, danglingUnusedForMs }: Policy): string {
  const age = (length: Policy['unusedForMs']) => (length === null ? '' : ` for ${formatDuration(length)} or more`);
  if (rule === 'unused-for') return `unused${age(unusedForMs)}`;
  if (rule === 'dangling') return `dangling and unused${age(danglingUnusedForMs)}`;
  return rule === 'disk' ? 'to make room on the disk' : 'to free what was asked for';
}

function describeTarget(plan: Plan, look: Look): readonly string[] {
  const { target } = plan;
  if (target === null) return [];
  const shortfall = explainShortfall(plan);
  if (shortfall !== null) return [paint('yellow', `Target not reached: ${shortfall}.`, look)];
  const wanted = target.images > 0 && target.bytes === 0 ? countImages(target.images) : formatByteSize(target.bytes);
  return [`Wanted: ${wanted}; the target is reached.`];
}

/** They go before images, whose own ages begin then. */
function describeContainers({ containers }: Plan, { containersExitedForMs }: Policy): readonly string[] {
  if (containers.length === 0 || containersExitedForMs === null) return [];
  const which = containers.length === 1 ? '1 container goes' : `${containers.length} containers go`;
  const names = containers.map(({ name, endedForMs }) => `${printable(name)} (exited ${formatAge(endedForMs)} ago)`);
  return [`${which} first, exited for ${formatDuration(containersExitedForMs)} or more: ${names.join(', ')}. Volumes stay.`];
}

/** Shown where it was asked for: it may be what holds the bytes, or goes first. */
function describeCache({ buildCache }: Plan, { buildCacheUnusedForMs }: Policy): readonly string[] {
  if (buildCache === null || (buildCache.sizeBytes ?? 0) === 0) return [];
  const size = `Build cache: ${formatByteSize(buildCache.sizeBytes)}`;
  if (buildCacheUnusedForMs === null) return [`${size}; rules.build_cache would prune it before images.`];
  const first = buildCache.prunedBytes > 0 ? ', which goes first' : '';
  return [`${size}, of it ${formatByteSize(buildCache.prunedBytes)} unused for ${formatDuration(buildCacheUnusedForMs)} or more${first}.`];
}

/** Says when something will go, so that an empty plan on a fresh host does not look like a fault. */
function describeFirstEligible(plan: Plan, inventory: Inventory): readonly string[] {
  if (plan.refusal !== null || plan.removals.length > 0) return [];
  const dated = plan.verdicts.flatMap(({ imageId, until }) => (until === null ? [] : [{ imageId, until }]));
  const [first] = dated.sort((one, other) => one.until - other.until);
  if (first === undefined) return [];
  const { imageId, until } = first;
  const name = nameOf(inventory, imageId);
  return [`The first that may go is ${name}, in ${formatAge(durationMs(until - plan.at.wallMs))} (${formatTime(until)}).`];
}

function removalTable({ removals }: Plan, look: Look): string {
  return tableOf<Removal>(removals, look, [
    [textColumn('REMOVE', 1, 12, 'middle'), (removal) => imageName(removal, removal.imageId)],
    [rigidColumn('RULE', 3, 'left'), ({ rule }) => rule],
    [rigidColumn('UNUSED FOR', 2), ({ idleMs }) => formatAge(idleMs)],
    [rigidColumn('FREES', 1), ({ freesBytes }) => formatByteSize(freesBytes)],
  ]);
}

function keptTable(kept: readonly Kept[], look: Look): string {
  return tableOf<Kept>(kept, look, [
    [rigidColumn('KEEP', 1, 'left'), ({ reason }) => reason],
    [rigidColumn('IMAGES', 1), ({ images }) => String(images)],
    [rigidColumn('SIZE', 2), ({ bytes }) => formatByteSize(bytes)],
    [textColumn('BECAUSE', 3, 20), ({ reason }) => REASON_MEANINGS[reason]],
  ]);
}

function describeLocal({ heldByLocalBytes, verdicts }: Plan): string {
  if (heldByLocalBytes === 0) return '';
  const count = verdicts.filter(({ reason }) => reason === 'local').length;
  const are = count === 1 ? 'is' : 'are';
  return `${formatByteSize(heldByLocalBytes)} is held back because ${countImages(count)} ${are} local; protect.local = "no" would release it.`;
}

function nameOf({ images }: Inventory, id: ImageId): string {
  const image = images.find((candidate) => candidate.id === id);
  return image === undefined ? id : printable(imageName(image, id));
}
