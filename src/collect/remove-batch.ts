import { type Bytes, bytes, type ChainId, type ImageId } from '../model/brands.ts';
import { OperatingError } from '../model/error.ts';
import { inFlight } from '../model/in-flight.ts';
import type { Image, Inventory } from '../model/inventory.ts';
import type { Removal } from '../model/plan.ts';
import type { Outcome, OutcomeKind } from '../model/removal-record.ts';
import type { ContainerUse, ImageNames, RemoveOutcome, Runtime } from '../runtime/runtime.ts';
import { giveBack, type HeldName, looseDigests, planHolds, releaseMark } from './hold-names.ts';

/** What a batch works with. */
export interface BatchTools {
  readonly runtime: Runtime;
  /** Our owner mark, written into every hold. */
  readonly mark: string;
  /** Waits for creations that had resolved a name before it was taken off. */
  readonly settle: () => Promise<void>;
  /** Why images stay by what was recorded since the plan; empty: nothing was. */
  readonly recall: (removals: readonly Removal[]) => ReadonlyMap<ImageId, string>;
  /** Stores, before their last names go, that those of these images do. */
  readonly noteRelease: (removals: readonly Removal[]) => void;
  /** What was planned from. */
  readonly inventory: Inventory;
}

/** Of the calls that concern one image each: as many as the client has connections. Half as many take a third longer (docs/performance.md). */
const CALLS_IN_FLIGHT = 8;

/** One removal with what became of it. */
export interface RemovalResult {
  readonly removal: Removal;
  readonly outcome: Outcome & Gain;
  /** Of one that was removed: whether a use of it was recorded by the end of its batch that the last look before could not know. */
  readonly isUsedSince?: boolean;
}

/** Names that somebody gave an image while it was being removed: a use of it, of which no event tells who gave them where they are its own. */
interface Gain {
  readonly gained?: readonly string[];
}

/** A removal on its way, with the names it had before the first call. */
interface Candidate {
  readonly removal: Removal;
  readonly before: ImageNames;
  /** Null: not held; it is removed directly. */
  readonly held: readonly HeldName[] | null;
}

/**
 * Removes one batch without a race (design §5.4): every tag gets a hold, the tags are taken off, and after a settle time in which
 * a creation that was under way shows up, what is still unused goes. Everything else gets its names back.
 *
 * @returns one result per removal, in their order
 * @throws OperatingError when the engine fails; the names taken off until then are given back first, as far as it lets us
 */
export async function removeBatch(removals: readonly Removal[], tools: BatchTools): Promise<readonly RemovalResult[]> {
  if (!tools.runtime.capabilities.holds) return removeOneByOne(removals, tools);
  const candidates = new Map<ImageId, Candidate>();
  const outcomes = new Map<ImageId, Outcome & Gain>();
  const listOpen = (): readonly Candidate[] => {
    return removals.flatMap(({ imageId }) => (outcomes.has(imageId) ? [] : (candidates.get(imageId) ?? [])));
  };
  try {
    await takeAllNamesOff(removals, tools, { candidates, outcomes });
    if (candidates.values().some(({ held }) => held !== null)) await tools.settle();
    const open = listOpen().map(({ removal }) => removal);
    const needs = await findNeeds(open, tools);
    tools.noteRelease(open.filter(({ imageId }) => !needs.has(imageId)));
    await inFlight(listOpen(), areUnrelated(removals, tools) ? CALLS_IN_FLIGHT : 1, async (candidate) => {
      const { imageId } = candidate.removal;
      outcomes.set(imageId, await releaseOrReturn(candidate, needs.get(imageId), tools));
    });
  } catch (error) {
    for (const candidate of listOpen()) await returnNames(candidate, tools, 'failed', 'the engine failed').catch(() => undefined);
    throw error;
  }
  return removals.map((removal) => ({ removal, outcome: outcomes.get(removal.imageId) ?? outcome('failed', 'it was not tried') }));
}

/**
 * Where names cannot be held: what was recorded and how each image is named are looked at right before, and the engine's side once more by the
 * runtime itself.
 */
async function removeOneByOne(removals: readonly Removal[], tools: BatchTools): Promise<readonly RemovalResult[]> {
  const results: RemovalResult[] = [];
  for (const removal of removals) {
    const failed = (error: unknown): Outcome => {
      if (error instanceof OperatingError) return outcome('failed', error.problem);
      throw error;
    };
    results.push({ removal, outcome: await removeWhole(removal, tools).catch(failed) });
  }
  return results;
}

async function removeWhole(removal: Removal, { runtime, recall, inventory }: BatchTools): Promise<Outcome> {
  const before = await runtime.readNames(removal.imageId);
  if (before === null) return outcome('already-gone', 'someone else removed it');
  const change = recall([removal]).get(removal.imageId) ?? describeChange(removal, before);
  if (change !== null) return outcome('changed', change);
  const answer = await runtime.removeImage(removal.imageId);
  if (answer.kind === 'gone') return outcome('already-gone', 'someone else removed it');
  if (answer.kind !== 'done') return outcome(answer.kind, answer.message);
  if (!answer.isImageDeleted) return outcome('changed', 'it gained a name at this very moment');
  return { kind: 'removed', message: '', freedBytes: bytesOf(answer.deletedLayers, inventory.layers) };
}

/**
 * Whether no image of the batch can have been built on another of it: a parent can go only when its children are gone. Where the engine
 * does not name parents, whatever has all layers of another counts as built on it.
 */
function areUnrelated(removals: readonly Removal[], { runtime, inventory }: BatchTools): boolean {
  const going = new Set(removals.map(({ imageId }) => imageId));
  const images = inventory.images.filter(({ id }) => going.has(id));
  if (runtime.capabilities.parentsKnown) return images.every(({ parentId }) => parentId === null || !going.has(parentId));
  const tops = new Set(images.map(({ layers }) => layers?.at(-1)));
  const isOnItsOwn = ({ layers }: Image): boolean => layers?.slice(0, -1).every((layer) => !tops.has(layer)) === true;
  return tops.size === images.length && images.every(isOnItsOwn);
}

interface Progress {
  readonly candidates: Map<ImageId, Candidate>;
  readonly outcomes: Map<ImageId, Outcome & Gain>;
}

async function takeAllNamesOff(removals: readonly Removal[], tools: BatchTools, { candidates, outcomes }: Progress): Promise<void> {
  const needs = await findNeeds(removals, tools);
  await inFlight(removals, CALLS_IN_FLIGHT, async (removal) => {
    const result = needs.get(removal.imageId) ?? (await takeNamesOff(removal, tools, candidates));
    if (result !== null) outcomes.set(removal.imageId, result);
  });
}

/** By image, why it stays: a container uses it, or something was recorded since the plan. */
async function findNeeds(removals: readonly Removal[], { runtime, recall }: BatchTools): Promise<ReadonlyMap<ImageId, Outcome>> {
  const uses = await listUses(runtime);
  const recorded = [...recall(removals)].map(([id, message]) => [id, outcome('changed', message)] as const);
  const used = [...uses].map(([id, { name, state }]) => [id, outcome('in-use', `container ${name} (${state})`)] as const);
  return new Map([...recorded, ...used]);
}

/** By image, a container that uses it. @throws OperatingError when it is not completely known */
async function listUses(runtime: Runtime): Promise<ReadonlyMap<ImageId, ContainerUse>> {
  const uses = new Map<ImageId, ContainerUse>();
  for (const container of await runtime.listContainers()) {
    if (!container.isComplete) throw unknownUse(container.name);
    for (const image of container.imageIds) uses.set(image, container);
  }
  return uses;
}

function unknownUse(name: string): OperatingError {
  const parts = { kind: 'engine-nonsense', operation: 'see which images are in use', subject: `container ${name}` } as const;
  const problem = 'the engine does not say which image it uses, so nothing more is removed';
  return new OperatingError({ ...parts, problem, hint: `look at it with the engine's own inspect, or remove it` });
}

/**
 * Holds an image and takes its tags off, when it is still what was planned.
 *
 * @param candidates the image joins them before its first name goes, so that an error can undo it
 * @returns its outcome, when it goes no further
 */
async function takeNamesOff(removal: Removal, tools: BatchTools, candidates: Progress['candidates']): Promise<Outcome | null> {
  const { runtime, mark } = tools;
  const before = await runtime.readNames(removal.imageId);
  if (before === null) return outcome('already-gone', 'someone else removed it');
  const difference = describeChange(removal, before);
  if (difference !== null) return outcome('changed', difference);
  const candidate: Candidate = { removal, before, held: planHolds(before, mark) };
  candidates.set(removal.imageId, candidate);
  for (const { hold } of candidate.held ?? []) {
    if (hold !== null && !(await runtime.addName(removal.imageId, hold))) return outcome('already-gone', 'someone else removed it');
  }
  for (const { original } of candidate.held ?? []) {
    const problem = await takeTagOff(removal.imageId, original, runtime);
    if (problem !== null) return returnNames(candidate, tools, problem.kind, problem.message);
  }
  return null;
}

/**
 * Takes off a tag that still points to the image. No engine does both in one call, so a tag that somebody moves in between takes what it
 * points to by then along, if it is the only name of that: told as a failure.
 */
async function takeTagOff(imageId: ImageId, tag: string, runtime: Runtime): Promise<Outcome | null> {
  if ((await runtime.resolveName(tag)) !== imageId) return outcome('changed', `${tag} was moved or taken off`);
  const taken = await runtime.removeName(tag);
  if (taken.kind === 'in-use' || taken.kind === 'failed') return outcome('failed', taken.message);
  if (taken.kind !== 'done' || !taken.isImageDeleted) return null;
  return outcome('failed', `${tag} was moved at this very moment, and what it was moved to is gone: pull or build it again`);
}

function describeChange(removal: Removal, now: ImageNames): string | null {
  const planned = new Set([...removal.references, ...removal.digests]);
  const present = new Set([...now.references, ...now.digests]);
  const gained = [...present].filter((name) => !planned.has(name));
  const lost = [...planned].filter((name) => !present.has(name));
  if (now.holds.length > 0) return `${now.holds[0]?.reference} holds it for another collection`;
  if (gained.length > 0) return describeGain(gained);
  return lost.length > 0 ? `it lost the name ${lost.join(', ')}` : null;
}

/** An error of the engine costs one image only, as long as the engine lets us give that one's names back. */
async function releaseOrReturn(candidate: Candidate, need: Outcome | undefined, tools: BatchTools): Promise<Outcome & Gain> {
  try {
    return await release(candidate, need, tools);
  } catch (error) {
    if (error instanceof OperatingError) return returnReleased(candidate, tools, 'failed', error.problem);
    throw error;
  }
}

/** The last step for one image: gone, or everything as it was. */
async function release(candidate: Candidate, need: Outcome | undefined, tools: BatchTools): Promise<Outcome & Gain> {
  const { runtime } = tools;
  const { removal, before, held } = candidate;
  if (need !== undefined) return returnNames(candidate, tools, need.kind, need.message);
  if (!isToldByAnswer(candidate, runtime)) {
    const now = await runtime.readNames(removal.imageId);
    if (now === null) return outcome('already-gone', 'someone else removed it');
    const gained = listGained(candidate, now);
    if (gained.length > 0) return { ...(await returnNames(candidate, tools, 'changed', describeGain(gained))), gained };
  }
  // The second look is as old as the removals before this one; where digests go before the engine can refuse, that is too old.
  const late = isInSeveralRepositories(before) ? (await findNeeds([removal], tools)).get(removal.imageId) : undefined;
  if (late !== undefined) return returnNames(candidate, tools, late.kind, late.message);
  // A name that came and went on since the second look shows in what was recorded alone.
  const recorded = tools.recall([removal]).get(removal.imageId);
  if (recorded !== undefined) return returnNames(candidate, tools, 'changed', recorded);
  const answer = held === null ? await removeUnheld(runtime, removal.imageId, before) : await removeHeld({ removal, before, held }, tools);
  return judgeAnswer(candidate, answer, tools);
}

/**
 * Whether the deletion itself tells what a look at the names just before it would: one hold is all that goes, and no digest goes for good
 * with it. An image that gained a tag meanwhile only loses the hold then, and gets its own tag back; no tag can slip in between
 * the look and the call. Where a digest proves a pull, it goes with the last tag of its repository, also if the image is kept: that
 * cannot be undone, so there the names are read first.
 */
function isToldByAnswer({ before, held }: Candidate, { capabilities }: Runtime): boolean {
  const isDigestLost = capabilities.digestsProvePull ? before.digests.length > 0 : looseDigests(before).length > 0;
  return held?.length === 1 && !isDigestLost;
}

function describeGain(names: readonly string[]): string {
  return `it gained the name ${names.join(', ')}`;
}

/** What the image has beside what we left it. */
function listGained({ before, held }: Candidate, now: ImageNames): readonly string[] {
  const left = new Set([...(held === null ? before.references : []), ...before.digests]);
  return [...now.references, ...now.digests].filter((name) => !left.has(name));
}

/**
 * Removes the holds, and the image with its last name. Where that takes several calls, the last is for a tag that says so, put on
 * before the first name goes: a crash in between is then not mistaken for a wish to keep the image.
 */
async function removeHeld({ removal, before, held }: Candidate & { held: readonly HeldName[] }, tools: BatchTools): Promise<RemoveOutcome> {
  const names = [...held.flatMap(({ hold }) => hold ?? []), ...looseDigests(before)];
  const last = names.length > 1 ? releaseMark(held, tools.mark) : null;
  if (last !== null && !(await tools.runtime.addName(removal.imageId, last))) return { kind: 'gone' };
  return removeNames(tools.runtime, last === null ? names : [...names, last]);
}

/**
 * By its ID an engine removes an image only when all its names are in one repository and at most one of them is a tag, and with one that
 * it gained a moment ago. By its only digest it goes only where that is its last name.
 */
function removeUnheld(runtime: Runtime, imageId: ImageId, before: ImageNames): Promise<RemoveOutcome> {
  const isByDigest = runtime.capabilities.digestsGoAlone && before.references.length === 0 && before.digests.length === 1;
  const needsNames = isByDigest || isInSeveralRepositories(before) || before.references.length > 1;
  return needsNames ? removeNames(runtime, [...before.references, ...before.digests]) : runtime.removeImage(imageId);
}

function isInSeveralRepositories({ references, digests }: ImageNames): boolean {
  return new Set([...references, ...digests].map((name) => name.replace(/(@.*|:[^/]*)$/, ''))).size > 1;
}

/** Takes names off until one answer says that the image went with it, or that it may not. */
async function removeNames(runtime: Runtime, names: readonly string[]): Promise<RemoveOutcome> {
  let answer: RemoveOutcome = { kind: 'gone' };
  for (const name of names) {
    answer = await runtime.removeName(name);
    if (answer.kind === 'in-use' || answer.kind === 'failed' || (answer.kind === 'done' && answer.isImageDeleted)) return answer;
  }
  return answer;
}

async function judgeAnswer(candidate: Candidate, answer: RemoveOutcome, tools: BatchTools): Promise<Outcome & Gain> {
  switch (answer.kind) {
    case 'gone':
      return outcome('already-gone', 'someone else removed it');
    case 'in-use':
      return returnReleased(candidate, tools, 'refused', answer.message);
    case 'failed':
      return returnReleased(candidate, tools, 'failed', answer.message);
    case 'done':
      if (!answer.isImageDeleted) return undo(candidate, tools);
      return { kind: 'removed', message: '', freedBytes: bytesOf(answer.deletedLayers, tools.inventory.layers) };
  }
}

/** For an image that outlived its last hold: something else gave it a name, or the engine wants to keep it. */
async function undo(candidate: Candidate, tools: BatchTools): Promise<Outcome & Gain> {
  const now = await tools.runtime.readNames(candidate.removal.imageId);
  const gained = now === null ? [] : listGained(candidate, now);
  if (gained.length > 0) return { ...(await returnReleased(candidate, tools, 'changed', describeGain(gained))), gained };
  return returnReleased(candidate, tools, 'refused', 'the engine took the name off but kept the image');
}

/**
 * Gives names back when their holds may be gone. Where the tag of {@link releaseMark} was put on, they are held again before: whoever watches
 * knows then that it is we who give them.
 */
async function returnReleased(candidate: Candidate, tools: BatchTools, kind: OutcomeKind, message: string): Promise<Outcome> {
  const { removal, before, held } = candidate;
  const again = held !== null && held.length + looseDigests(before).length > 1 ? held : [];
  for (const { hold } of again) if (hold !== null) await tools.runtime.addName(removal.imageId, hold);
  return returnNames(candidate, tools, kind, message);
}

/** The tag of {@link releaseMark}, in case it was put on already. */
function releaseHold(held: readonly HeldName[], mark: string): readonly HeldName[] {
  return held.slice(-1).map(({ original }) => ({ original, hold: releaseMark(held, mark) }));
}

/** Gives names back; what cannot be given back turns any outcome into `failed`. */
async function returnNames(
  { removal, before, held }: Candidate,
  { runtime, mark }: BatchTools,
  kind: OutcomeKind,
  message: string,
): Promise<Outcome> {
  const names = held === null ? before.references.map((original) => ({ original, hold: null })) : [...held, ...releaseHold(held, mark)];
  const missing = await giveBack(runtime, removal.imageId, names, before);
  return missing.length === 0 ? outcome(kind, message) : outcome('failed', `${message}; could not give back ${missing.join(', ')}`);
}

function outcome(kind: OutcomeKind, message: string): Outcome {
  return { kind, message, freedBytes: null };
}

function bytesOf(deleted: readonly ChainId[] | null, layers: Inventory['layers']): Bytes | null {
  if (deleted === null) return null;
  const sizes = deleted.map((layer) => layers.get(layer)?.sizeBytes ?? null);
  return sizes.some((size) => size === null) ? null : bytes(sizes.reduce((sum: number, size) => sum + (size ?? 0), 0));
}
