import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bytes, type ImageId, wallMs } from '../../src/model/brands.ts';
import type { Image } from '../../src/model/inventory.ts';
import type { Plan, Removal } from '../../src/model/plan.ts';
import { type PlanInput, planCollection } from '../../src/plan/plan-collection.ts';
import { anyPlanInput, type WorldOptions } from '../worlds/any-world.ts';
import { askDiskRule, consultOracle, freedBytes, layersOf, type Oracle } from './oracle.ts';

const NUM_RUNS = 600;
const ANY: WorldOptions = { unknownSizes: true };
const KNOWN: WorldOptions = { unknownSizes: false };
const BY_AGE: WorldOptions = { unknownSizes: false, target: false };

function forEachWorld(options: WorldOptions, judge: (plan: Plan, input: PlanInput) => void): void {
  fc.assert(
    fc.property(anyPlanInput(options), (input) => judge(planCollection(input), input)),
    { numRuns: NUM_RUNS },
  );
}

function idsOf(removals: readonly Removal[]): readonly ImageId[] {
  return removals.map(({ imageId }) => imageId);
}

function isForTarget({ rule }: Removal): boolean {
  return rule === 'disk' || rule === 'free';
}

/** The image and all that it was built on. */
function withAncestors(id: ImageId, images: readonly Image[]): readonly ImageId[] {
  const parent = images.find((image) => image.id === id)?.parentId ?? null;
  return parent === null ? [id] : [id, ...withAncestors(parent, images)];
}

function childrenOf(id: ImageId, { inventory }: PlanInput): readonly ImageId[] {
  return inventory.images.filter(({ parentId }) => parentId === id).map((image) => image.id);
}

/** Everything that a target may take: nothing protects it, nor anything built on it. */
function eligible(input: PlanInput): readonly ImageId[] {
  const oracles = new Map(consultOracle(input).map((oracle) => [oracle.image.id, oracle]));
  const may = (id: ImageId): boolean => oracles.get(id)?.isUntouchable === false && childrenOf(id, input).every(may);
  return input.inventory.images.map(({ id }) => id).filter(may);
}

describe('in any world a plan', () => {
  it('gives every image exactly one verdict, and lists exactly those that go', () => {
    forEachWorld(ANY, ({ verdicts, removals, refusal }, { inventory }) => {
      assert.equal(refusal, null);
      assert.deepEqual(
        verdicts.map(({ imageId }) => imageId),
        inventory.images.map(({ id }) => id),
      );
      const going = verdicts.filter(({ verdict }) => verdict === 'remove').map(({ imageId, reason }) => `${imageId} ${reason}`);
      assert.deepEqual(going.toSorted(), removals.map(({ imageId, rule }) => `${imageId} ${rule}`).toSorted());
    });
  });

  it('removes nothing that anything protects, and by age only what is due and free of every reason', () => {
    forEachWorld(ANY, ({ removals }, input) => {
      const oracles = new Map(consultOracle(input).map((oracle) => [oracle.image.id, oracle]));
      for (const removal of removals) {
        const oracle = oracles.get(removal.imageId) ?? assert.fail();
        assert.equal(oracle.isUntouchable, false, `${removal.imageId}: ${oracle.reasons}`);
        if (isForTarget(removal)) continue;
        assert.deepEqual([oracle.reasons, oracle.isDue], [[], true]);
        assert.equal(removal.rule, oracle.isDangling ? 'dangling' : 'unused-for');
      }
    });
  });

  it('gives for every image that it keeps the first reason in the list that holds, of those that bind a target which is not reached', () => {
    forEachWorld(ANY, (plan, input) => {
      const kept = new Set(plan.verdicts.flatMap(({ verdict, imageId }) => (verdict === 'keep' ? [imageId] : [])));
      for (const [index, oracle] of consultOracle(input).entries()) {
        const verdict = plan.verdicts[index];
        if (verdict?.verdict === 'keep') assert.equal(verdict.reason, reasonOf(oracle, { plan, input, kept }), oracle.image.id);
      }
    });
  });

  it('frees what it says: every byte once, for the removal after which nothing needs it', () => {
    forEachWorld(ANY, ({ removals, expectedFreedBytes, complete }, { inventory }) => {
      const sizes = new Map(inventory.images.flatMap((image) => layersOf(image).map((layer) => [layer, sizeOf(layer, image, inventory)])));
      const ids = idsOf(removals);
      for (const [index, { freesBytes }] of removals.entries()) {
        const freed = layersFreed(inventory, ids.slice(0, index + 1)).filter(
          (layer) => !layersFreed(inventory, ids.slice(0, index)).includes(layer),
        );
        const expected = freed.map((layer) => sizes.get(layer) ?? null);
        assert.equal(freesBytes, expected.includes(null) ? null : expected.reduce((sum: number, size) => sum + (size ?? 0), 0));
      }
      assert.equal(
        expectedFreedBytes,
        removals.reduce((sum, { freesBytes }) => sum + (freesBytes ?? 0), 0),
      );
      assert.equal(complete, ![...sizes.values()].includes(null));
      if (complete) assert.equal(expectedFreedBytes, freedBytes(inventory, ids));
    });
  });

  it('puts removals by age first, and children before their parents, of which none goes while a child stays', () => {
    forEachWorld(ANY, ({ removals }, input) => {
      const firstForTarget = removals.findIndex(isForTarget);
      assert.ok(firstForTarget < 0 || removals.slice(firstForTarget).every(isForTarget));
      const order = new Map(idsOf(removals).map((id, at) => [id, at]));
      for (const [id, at] of order) {
        for (const child of childrenOf(id, input)) assert.ok((order.get(child) ?? Number.POSITIVE_INFINITY) < at, `${child} before ${id}`);
      }
    });
  });

  it('takes by lru the longest unused first, where no image was built on another', () => {
    forEachWorld(BY_AGE, (_plan, drawn) => {
      const input: PlanInput = { ...drawn, policy: { ...drawn.policy, order: 'lru' } };
      const images = input.inventory.images.map((image) => ({ ...image, parentId: null }));
      const idle = planCollection({ ...input, inventory: { ...input.inventory, images } }).removals.map(({ idleMs }) => idleMs);
      assert.deepEqual(
        idle,
        idle.toSorted((one, other) => other - one),
      );
    });
  });

  it('with any doubt removes nothing, and says doubt of every image', () => {
    const doubt = { kind: 'clock-unknown', message: 'no boot ID' } as const;
    forEachWorld(ANY, (_plan, input) => {
      const inventory = { ...input.inventory, doubts: [doubt] };
      for (const plan of [planCollection({ ...input, doubts: [doubt] }), planCollection({ ...input, inventory })]) {
        assert.deepEqual([plan.removals, plan.refusal, plan.expectedFreedBytes], [[], doubt, 0]);
        assert.ok(plan.verdicts.every(({ verdict, reason }) => verdict === 'keep' && reason === 'doubt'));
      }
    });
  });

  it('once carried out, leaves nothing more to do by age', () => {
    forEachWorld(BY_AGE, (_plan, drawn) => {
      const policy = { ...drawn.policy, maxRemovals: 0, protect: { ...drawn.policy.protect, keepLast: 0 } };
      const input = { ...drawn, policy };
      const gone = new Set(idsOf(planCollection(input).removals));
      const images = input.inventory.images.filter(({ id }) => !gone.has(id));
      assert.deepEqual(planCollection({ ...input, inventory: { ...input.inventory, images } }).removals, []);
    });
  });

  it('is the same in whatever order the engine lists', () => {
    fc.assert(
      fc.property(anyPlanInput(KNOWN), fc.array(fc.nat(), { minLength: 12, maxLength: 12 }), (input, keys) => {
        const images = input.inventory.images
          .map((image, at) => ({ image, key: keys[at] ?? 0 }))
          .toSorted((one, other) => one.key - other.key);
        const inventory = {
          ...input.inventory,
          images: images.map(({ image }) => image),
          containers: input.inventory.containers.toReversed(),
        };
        const [one, other] = [planCollection(input), planCollection({ ...input, inventory })];
        assert.deepEqual(other.removals, one.removals);
        const words = ({ verdicts }: Plan) => verdicts.map(({ imageId, reason, until }) => `${imageId} ${reason} ${until}`).toSorted();
        assert.deepEqual(words(other), words(one));
        assert.deepEqual([other.target, other.heldByLocalBytes], [one.target, one.heldByLocalBytes]);
      }),
      { numRuns: NUM_RUNS },
    );
  });

  it('is the same under any wall clock that nobody trusts, for records and now alike', () => {
    fc.assert(
      fc.property(
        anyPlanInput(ANY),
        fc.integer({ min: -60, max: 60 }),
        fc.integer({ min: -60, max: 60 }),
        (drawn, nowYears, recordYears) => {
          const input = { ...drawn, now: { ...drawn.now, isWallTrusted: false } };
          const shift = (years: number, wall: number) => wallMs(wall + years * 365 * 86_400_000);
          const records = new Map(
            [...input.records].map(([id, record]) => {
              const { firstSeen, lastUsed } = record;
              const seen = { ...firstSeen, wallMs: shift(recordYears, firstSeen.wallMs) };
              return [
                id,
                {
                  ...record,
                  firstSeen: seen,
                  lastUsed: lastUsed === null ? null : { ...lastUsed, wallMs: shift(nowYears, lastUsed.wallMs) },
                },
              ];
            }),
          );
          const now = { ...input.now, wallMs: shift(nowYears, input.now.wallMs) };
          assert.deepEqual(planCollection({ ...input, records, now }).removals, planCollection(input).removals);
        },
      ),
      { numRuns: NUM_RUNS },
    );
  });
});

describe('a plan for a target', () => {
  it('asks for what the rule says, and has reached it exactly when that much goes', () => {
    forEachWorld(KNOWN, ({ target, removals }, input) => {
      const need = input.freeBytes === null ? askDiskRule(input) : { bytes: input.freeBytes, images: 0 };
      assert.deepEqual(target === null ? null : { bytes: target.bytes, images: target.images }, need);
      if (target === null || need === null) return;
      const isReached = freedBytes(input.inventory, idsOf(removals)) >= need.bytes && removals.length >= need.images;
      assert.equal(target.reached, isReached);
    });
  });

  it('is minimal: without any one of its removals, and what that was built on, it frees less than it must', () => {
    forEachWorld(KNOWN, ({ target, removals }, input) => {
      if (target === null || input.policy.maxRemovals > 0) return;
      const ids = idsOf(removals);
      const reachable = { bytes: Math.min(target.bytes, freedBytes(input.inventory, ids)), images: Math.min(target.images, ids.length) };
      for (const { imageId } of removals.filter(isForTarget)) {
        const spared = new Set(withAncestors(imageId, input.inventory.images));
        const rest = ids.filter((id) => !spared.has(id));
        assert.ok(freedBytes(input.inventory, rest) < reachable.bytes || rest.length < reachable.images, `${imageId} could stay`);
      }
    });
  });

  it('takes everything that frees bytes, and every image that counts, before it gives up', () => {
    forEachWorld(KNOWN, ({ target, removals }, input) => {
      if (target === null || target.reached || input.policy.maxRemovals > 0) return;
      const all = eligible(input);
      const most = freedBytes(input.inventory, all);
      if (most < target.bytes) assert.equal(freedBytes(input.inventory, idsOf(removals)), most);
      if (all.length < target.images) assert.equal(removals.length, all.length);
      assert.ok(most < target.bytes || all.length < target.images, 'it was within reach');
    });
  });

  it('frees no less for a higher target', () => {
    fc.assert(
      fc.property(anyPlanInput(KNOWN), fc.nat(120), fc.nat(120), (drawn, one, other) => {
        const policy = { ...drawn.policy, unusedForMs: null, danglingUnusedForMs: null, maxRemovals: 0 };
        const [lower, higher] = [Math.min(one, other), Math.max(one, other)].map((megabytes) => {
          return planCollection({ ...drawn, policy, freeBytes: bytes(megabytes * 1_000_000) }).expectedFreedBytes;
        });
        assert.ok((lower ?? 0) <= (higher ?? 0), `${lower} > ${higher}`);
      }),
      { numRuns: NUM_RUNS },
    );
  });

  it('removes no more than max_removals, and those that a plan without it has first', () => {
    forEachWorld(KNOWN, ({ removals }, input) => {
      const { maxRemovals } = input.policy;
      const all = idsOf(planCollection({ ...input, policy: { ...input.policy, maxRemovals: 0 } }).removals);
      assert.deepEqual(idsOf(removals), maxRemovals === 0 ? all : all.slice(0, maxRemovals));
    });
  });
});

interface Judged {
  readonly plan: Plan;
  readonly input: PlanInput;
  readonly kept: ReadonlySet<ImageId>;
}

/** The reason that a kept image must have; where it could go, what of the others' fate keeps it. */
function reasonOf({ image, reasons, binding, isDue }: Oracle, { plan, input, kept }: Judged): string {
  const [first] = plan.target?.reached === false && binding.length > 0 ? binding : reasons;
  if (first !== undefined) return first;
  if (!isDue && plan.target === null) return 'no-rule';
  if (childrenOf(image.id, input).some((child) => kept.has(child))) return 'has-children';
  const uncapped = planCollection({ ...input, policy: { ...input.policy, maxRemovals: 0 } });
  return idsOf(uncapped.removals).includes(image.id) ? 'capped' : 'target-reached';
}

function layersFreed({ images, buildCache }: PlanInput['inventory'], gone: readonly ImageId[]): readonly string[] {
  const needed = new Set<string>([...images.filter(({ id }) => !gone.includes(id)).flatMap(layersOf), ...(buildCache?.layers ?? [])]);
  return [...new Set(images.filter(({ id }) => gone.includes(id)).flatMap(layersOf))].filter((layer) => !needed.has(layer));
}

function sizeOf(layer: string, image: Image, { layers }: PlanInput['inventory']): number | null {
  if (image.layers === null) return image.sizeBytes;
  return [...layers].find(([key]) => key === layer)?.[1].sizeBytes ?? null;
}
