import assert from 'node:assert/strict';
import fc from 'fast-check';
import { bytes, chainId, durationMs, idleMs, imageId, wallMs } from '../../src/model/brands.ts';
import type { IdleClockState } from '../../src/model/clock.ts';
import { OUTCOME_KINDS, type RemovalEntry, type RemovalIntent } from '../../src/model/removal-record.ts';
import type { Lineage, RemovalFailure, StoredPin, UseEntry, UseRecord } from '../../src/model/use-record.ts';
import type { Store } from '../../src/store/store.ts';

const KEY = 'engine/store';

/** Stored values come back as ordinary objects. */
function row<Fields>(fields: { readonly [Name in keyof Fields]: fc.Arbitrary<Fields[Name]> }): fc.Arbitrary<Fields> {
  return fc.record(fields, { noNullPrototype: true });
}

// Few names, so that writes meet each other; any text elsewhere, so that encoding is tried.
const image = fc.constantFrom('sha256:a', 'sha256:b', 'sha256:c').map(imageId);
const chain = fc.constantFrom('sha256:1', 'sha256:2', 'sha256:3').map(chainId);
const time = fc.integer({ min: -200_000, max: 200_000 });
const instant = row({ idleMs: time.map(idleMs), wallMs: time.map(wallMs) });
const texts = fc.array(fc.string({ unit: 'binary' }), { maxLength: 3 });
const span = fc.nat(1_000_000).map(durationMs);

const reading = row({
  bootId: fc.option(fc.string()),
  bootTimeMs: span,
  suspendedMs: span,
  wallMs: time.map(wallMs),
  isSynchronised: fc.boolean(),
});
const clock: fc.Arbitrary<IdleClockState> = row({ idleMs: time.map(idleMs), reading, gapCreditMs: span });
const record: fc.Arbitrary<UseRecord> = row({
  imageId: image,
  firstSeen: instant,
  lastUsed: fc.option(instant),
  origin: fc.constantFrom('pulled' as const, 'local' as const, null),
  references: texts,
  digests: texts,
  missingSince: fc.option(instant),
  isInUse: fc.boolean(),
});
const lineage: fc.Arbitrary<Lineage> = row({
  name: fc.constantFrom('app', 'web'),
  headImageId: image,
  previousImageId: fc.option(image),
  switchedAt: instant,
  headConfirmed: fc.option(fc.boolean()),
});
const use: fc.Arbitrary<UseEntry> = row({
  imageId: image,
  references: texts,
  evidence: fc.constantFrom('sighting' as const, 'import' as const),
  at: instant,
});
const intentFields = {
  imageId: image,
  references: texts,
  digests: texts,
  rule: fc.constantFrom('disk' as const, 'unused-for' as const),
  freesBytes: fc.option(fc.nat().map(bytes)),
  mark: fc.string(),
  at: instant,
};
const intent: fc.Arbitrary<RemovalIntent> = row(intentFields);
const entry: fc.Arbitrary<RemovalEntry> = row({ ...intentFields, outcome: fc.constantFrom(...OUTCOME_KINDS), message: fc.string() });
const failure: fc.Arbitrary<RemovalFailure> = row({ imageId: image, count: fc.nat(), retryAt: instant, message: fc.string() });
const pin: fc.Arbitrary<StoredPin> = row({
  pattern: fc.constantFrom('app', 'web:1'),
  owner: fc.string(),
  reason: fc.string({ unit: 'binary' }),
  until: fc.option(time.map(wallMs)),
  createdAt: time.map(wallMs),
});
const few = { maxLength: 4 };
const facts = row({
  layers: fc.array(fc.tuple(image, fc.array(chain, few)), few),
  sizes: fc.array(fc.tuple(chain, fc.nat().map(bytes)), few),
});
const changes = row({
  records: fc.array(record, few),
  forgotten: fc.array(image, { maxLength: 1 }),
  lineages: fc.array(lineage, few),
  uses: fc.array(use, few),
});

/** One write to a store, or closing and opening it again. */
export const operation = fc.oneof(
  row({ kind: fc.constant('reopen' as const) }),
  row({ kind: fc.constant('clock' as const), clock }),
  row({ kind: fc.constant('usage' as const), changes, clock }),
  row({ kind: fc.constant('intents' as const), intents: fc.array(intent, few) }),
  row({ kind: fc.constant('finish' as const), entries: fc.array(entry, few), failures: fc.array(failure, few) }),
  row({ kind: fc.constant('drop' as const), images: fc.array(image, few) }),
  row({ kind: fc.constant('pin' as const), pin }),
  row({ kind: fc.constant('unpin' as const), pattern: pin.map(({ pattern }) => pattern) }),
  row({ kind: fc.constant('facts' as const), facts }),
);

type Operation = typeof operation extends fc.Arbitrary<infer Step> ? Exclude<Step, { readonly kind: 'reopen' }> : never;

/** What a store must remember, in maps and lists, with no thought of durability. */
export class StoreModel {
  #clock: IdleClockState | null = null;
  readonly #records = new Map<string, UseRecord>();
  readonly #lineages = new Map<string, Lineage>();
  readonly #failures = new Map<string, RemovalFailure>();
  readonly #intents = new Map<string, RemovalIntent>();
  readonly #pins = new Map<string, StoredPin>();
  readonly #removals: RemovalEntry[] = [];
  readonly #uses: UseEntry[] = [];
  readonly #layers = new Map<string, readonly string[]>();
  readonly #sizes = new Map<string, number>();

  /** Does the same to the model and to the store. */
  apply(step: Operation, store: Store): void {
    switch (step.kind) {
      case 'clock':
        this.#putClock(step.clock);
        store.writeClock(step.clock);
        break;
      case 'usage':
        this.#writeUsage(step);
        store.writeUsage(KEY, step.changes, step.clock);
        break;
      case 'intents':
        for (const intended of step.intents) this.#intents.set(intended.imageId, intended);
        store.addIntents(KEY, step.intents);
        break;
      case 'finish':
        for (const ended of step.entries) this.#finish(ended);
        for (const failed of step.failures) this.#failures.set(failed.imageId, failed);
        store.finishRemovals(KEY, step.entries, step.failures);
        break;
      case 'drop':
        for (const id of step.images) this.#intents.delete(id);
        store.dropIntents(KEY, step.images);
        break;
      case 'pin':
        this.#pins.set(step.pin.pattern, step.pin);
        store.putPin(step.pin);
        break;
      case 'unpin':
        assert.equal(store.removePin(step.pattern), this.#pins.delete(step.pattern));
        break;
      case 'facts':
        for (const [id, layers] of step.facts.layers) this.#layers.set(id, layers);
        for (const [layer, size] of step.facts.sizes) this.#sizes.set(layer, size);
        store.addLayerFacts(KEY, { layersByImage: new Map(step.facts.layers), sizeByLayer: new Map(step.facts.sizes) });
        break;
    }
  }

  /** Fails where the store reads otherwise than the model. */
  compare(store: Store): void {
    assert.deepEqual(store.readClock(), this.#clock);
    assert.deepEqual(store.readUsage(KEY), { records: this.#records, lineages: this.#lineages, failures: this.#failures });
    assert.deepEqual(new Map(store.readIntents(KEY).map((found) => [found.imageId, found])), this.#intents);
    assert.deepEqual(new Map(store.listPins().map((found) => [found.pattern, found])), this.#pins);
    assert.deepEqual(store.readRemovals(KEY, 1_000), this.#removals.toReversed());
    assert.deepEqual(store.readLayerFacts(KEY), { layersByImage: this.#layers, sizeByLayer: this.#sizes });
    const newestFirst = this.#uses.toSorted((a, b) => minuteOf(b) - minuteOf(a) || (a.imageId < b.imageId ? -1 : 1));
    assert.deepEqual(store.readUses(KEY, 1_000), newestFirst);
  }

  #putClock(clock: IdleClockState): void {
    if (this.#clock === null || clock.idleMs >= this.#clock.idleMs) this.#clock = clock;
  }

  #writeUsage({ changes, clock }: Extract<Operation, { readonly kind: 'usage' }>): void {
    this.#putClock(clock);
    for (const id of changes.forgotten) this.#records.delete(id);
    for (const seen of changes.records) {
      const known = this.#records.get(seen.imageId)?.lastUsed ?? null;
      if (known === null || (seen.lastUsed !== null && seen.lastUsed.idleMs >= known.idleMs)) this.#records.set(seen.imageId, seen);
    }
    for (const line of changes.lineages) this.#lineages.set(line.name, line);
    for (const used of changes.uses) {
      const isKnown = this.#uses.some((known) => known.imageId === used.imageId && minuteOf(known) === minuteOf(used));
      if (!isKnown) this.#uses.push(used);
    }
  }

  #finish(ended: RemovalEntry): void {
    this.#intents.delete(ended.imageId);
    this.#removals.push(ended);
    if (ended.outcome !== 'removed' && ended.outcome !== 'already-gone') return;
    this.#records.delete(ended.imageId);
    this.#failures.delete(ended.imageId);
  }
}

function minuteOf({ at }: UseEntry): number {
  return Math.floor(at.idleMs / 60_000);
}
