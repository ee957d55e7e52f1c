import type { Look } from '../collect/look.ts';
import type { ClockReading } from '../model/clock.ts';
import { OperatingError } from '../model/error.ts';
import { KEEP_REASONS, type RuleName } from '../model/plan.ts';
import { OUTCOME_KINDS, type OutcomeKind } from '../model/removal-record.ts';
import { bytesByReason } from '../plan/bytes-by-reason.ts';
import { countLayerNeeds } from '../plan/layer-counts.ts';
import { DiskTrail } from './disk-trail.ts';
import type { RunDone } from './scheduled-run.ts';
import type { RecorderCounts } from './use-recorder.ts';

/** Why a collection begins: its time has come, the disk asks for room, or a person does. */
export const RUN_KINDS = ['scheduled', 'room', 'ordered'] as const;
/** One of {@link RUN_KINDS}. */
export type RunKind = (typeof RUN_KINDS)[number];

/** How a collection ended: of several the first of failed, refused (doubt, lock held, `enabled = false`), interrupted, short of its target. */
export const RUN_RESULTS = ['failed', 'refused', 'interrupted', 'short', 'removed', 'nothing'] as const;
/** One of {@link RUN_RESULTS}. */
export type RunResultKind = (typeof RUN_RESULTS)[number];

/** One collection, for whoever looks at the last ones. */
export interface RunMark {
  readonly kind: RunKind;
  readonly result: RunResultKind;
  readonly began: ClockReading;
  readonly durationMs: number;
  readonly targetBytes: number;
  readonly removed: number;
  readonly freedBytes: number;
}

/** Counts by labels, which are written as the metrics write them: `rule="disk",outcome="removed"`. */
export type Tally = Map<string, number>;

const RULE_NAMES: readonly RuleName[] = ['unused-for', 'dangling', 'disk', 'free'];
const MARKS_MAX = 64;

/** What happened since the daemon was started, and what its last look saw; in memory alone. */
export class Ledger {
  readonly trail = new DiskTrail();
  readonly runs: Tally = zeros(RUN_KINDS, RUN_RESULTS, ['kind', 'result']);
  readonly runSeconds: Tally = new Map(RUN_KINDS.map((kind) => [`kind="${kind}"`, 0]));
  readonly failures: Tally = new Map();
  readonly removals: Tally = zeros(RULE_NAMES, OUTCOME_KINDS, ['rule', 'outcome']);
  readonly containers: Tally = new Map(OUTCOME_KINDS.map((kind) => [`outcome="${kind}"`, 0]));
  readonly streams: Tally = new Map(['new', 'resumed'].map((start) => [`start="${start}"`, 0]));
  freedBytes = 0;
  cachePrunedBytes = 0;
  lostStreams = 0;
  /** Of connections that have ended. */
  events = 0;
  uses = 0;
  /** Whether the last collection met another collector. */
  isLockHeld = false;
  underWay = 0;
  /** Grows with whatever makes a look that was taken before an old one. */
  changes = 0;
  /** Oldest first. */
  readonly marks: RunMark[] = [];
  seen: SeenImages | null = null;

  /** Counts what `work` comes to. @throws what it throws */
  async run<Done extends RunDone | RunResultKind>(kind: RunKind, readClock: () => ClockReading, work: () => Promise<Done>): Promise<Done> {
    const began = readClock();
    this.underWay += 1;
    let done: RunDone | RunResultKind = 'failed';
    try {
      const value = await work();
      done = value;
      this.isLockHeld = false;
      return value;
    } catch (error) {
      if (error instanceof OperatingError) {
        this.isLockHeld = error.kind === 'lock-held';
        if (this.isLockHeld) done = 'refused';
        count(this.failures, `reason="${error.kind}"`);
      }
      throw error;
    } finally {
      this.underWay -= 1;
      this.changes += 1;
      this.#note(kind, done, began, readClock());
    }
  }

  #note(kind: RunKind, done: RunDone | RunResultKind, began: ClockReading, ended: ClockReading): void {
    const isTold = typeof done !== 'string';
    const { report, plan } = isTold ? done : { report: null, plan: null };
    const result = isTold ? resultOf(done) : done;
    const durationMs = ended.bootTimeMs - began.bootTimeMs;
    count(this.runs, `kind="${kind}",result="${result}"`);
    count(this.runSeconds, `kind="${kind}"`, durationMs / 1_000);
    if (plan?.refusal != null) count(this.failures, `reason="${plan.refusal.kind}"`);
    for (const { removal, outcome } of report?.results ?? []) {
      count(this.removals, `rule="${removal.rule}",outcome="${outcome.kind}"`);
      if (isGone(outcome.kind)) this.#forget(removal.rule, removal.freesBytes ?? 0);
    }
    for (const { outcome } of report?.containers ?? []) count(this.containers, `outcome="${outcome.kind}"`);
    const removed = report?.results.filter(({ outcome }) => outcome.kind === 'removed').length ?? 0;
    const [freedBytes, targetBytes] = [removed === 0 ? 0 : (report?.freedBytes ?? 0), plan?.target?.bytes ?? 0];
    this.freedBytes += freedBytes;
    this.cachePrunedBytes += report?.cachePrunedBytes ?? 0;
    this.marks.push({ kind, result, began, durationMs, targetBytes, removed, freedBytes });
    if (this.marks.length > MARKS_MAX) this.marks.shift();
  }

  /** Takes over what a look saw. */
  looked({ inventory, input, plan }: Pick<Look, 'inventory' | 'input' | 'plan'>): void {
    const images: Tally = new Map();
    for (const { verdict, reason } of plan.verdicts) count(images, labelsOf(verdict, reason));
    const bytes: Tally = new Map();
    for (const [reason, size] of bytesByReason(plan.verdicts, countLayerNeeds(inventory))) {
      bytes.set(labelsOf(KEEP_REASONS.some((known) => known === reason) ? 'keep' : 'remove', reason), size);
    }
    const ages = inventory.images
      .map(({ id }) => input.records.get(id))
      .map((record) => record?.lastUsed ?? record?.firstSeen ?? input.now);
    const oldestIdleMs = ages.reduce((oldest, { idleMs }) => Math.max(oldest, input.now.idleMs - idleMs), 0);
    this.seen = { images, bytes, oldestIdleMs, at: input.now.wallMs };
  }

  /** An image that is gone is not waited for until the next look. */
  #forget(rule: RuleName, freesBytes: number): void {
    const labels = labelsOf('remove', rule);
    for (const [tally, by] of [
      [this.seen?.images, 1],
      [this.seen?.bytes, freesBytes],
    ] as const) {
      if (tally?.has(labels) === true) tally.set(labels, Math.max(0, (tally.get(labels) ?? 0) - by));
    }
  }

  /** A stream of events begins. @param isResumed where the last one stood, so that what was missed is told now */
  connected(isResumed: boolean): void {
    count(this.streams, `start="${isResumed ? 'resumed' : 'new'}"`);
  }

  /** It has ended. @param isLost other than because the daemon stops */
  disconnected({ events, uses }: RecorderCounts, isLost: boolean): void {
    this.events += events;
    this.uses += uses;
    if (isLost) this.lostStreams += 1;
  }
}

/** Images and their bytes by verdict and reason, as of the last look. */
export interface SeenImages {
  readonly images: Tally;
  readonly bytes: Tally;
  readonly oldestIdleMs: number;
  readonly at: number;
}

function resultOf({ plan, report }: RunDone): RunResultKind {
  if (report?.results.some(({ outcome }) => outcome.kind === 'failed') === true) return 'failed';
  const isIdle = report === null || report.results.length + report.containers.length + report.cachePrunedBytes === 0;
  if (plan.refusal !== null || (isIdle && plan.removals.length > 0 && report?.stopped == null)) return 'refused';
  if (report?.stopped === 'interrupted') return 'interrupted';
  if (report?.isShort === true || plan.target?.reached === false) return 'short';
  return isIdle ? 'nothing' : 'removed';
}

function isGone(kind: OutcomeKind): boolean {
  return kind === 'removed' || kind === 'already-gone';
}

function labelsOf(verdict: string, reason: string): string {
  return `verdict="${verdict}",reason="${reason}"`;
}

function count(tally: Tally, labels: string, by = 1): void {
  tally.set(labels, (tally.get(labels) ?? 0) + by);
}

/** What has not happened yet is 0, not absent: a rate needs a beginning. */
function zeros(first: readonly string[], second: readonly string[], [one, two]: readonly [string, string]): Tally {
  return new Map(first.flatMap((left) => second.map((right): [string, number] => [`${one}="${left}",${two}="${right}"`, 0])));
}
