import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DAY_MS, daysAgo, HOUR_MS, label, MB, makeInventory, now, pattern, planInput, type WorldRows } from '../../test/worlds/world.ts';
import { bytes, durationMs, idleMs, imageId, wallMs } from '../model/brands.ts';
import type { Plan } from '../model/plan.ts';
import { planCollection } from './plan-collection.ts';

function plan(world: WorldRows): Plan {
  return planCollection(planInput(world));
}

function removed({ removals }: Plan): readonly string[] {
  return removals.map(({ imageId: id }) => id);
}

function verdict(made: Plan, name: string): string {
  const found = made.verdicts.find(({ imageId: id }) => id === name);
  return `${found?.verdict} ${found?.reason}`;
}

describe('planCollection() and the age rules', () => {
  it('plans nothing over nothing', () => {
    const made = plan({ images: [] });
    assert.deepEqual([made.removals, made.verdicts, made.refusal], [[], [], null]);
  });

  it('removes an image whose age equals the limit, and keeps one a millisecond younger', () => {
    const made = plan({
      images: [
        { name: 'old', usedDaysAgo: 7 },
        { name: 'young', usedDaysAgo: 7 - 1 / DAY_MS },
      ],
    });
    assert.deepEqual(removed(made), ['old']);
    assert.equal(verdict(made, 'young'), 'keep recently-used');
  });

  it('counts the age of an image that was never used from first sight', () => {
    const made = plan({
      images: [
        { name: 'a', usedDaysAgo: null, seenDaysAgo: 8 },
        { name: 'b', usedDaysAgo: null, seenDaysAgo: 6 },
      ],
    });
    assert.deepEqual(removed(made), ['a']);
  });

  it('takes an image without a record as first seen now', () => {
    const input = planInput({ images: [{ name: 'a' }] });
    const made = planCollection({ ...input, records: new Map() });
    assert.equal(verdict(made, 'a'), 'keep too-young');
  });

  it('says when a kept image may go', () => {
    const made = plan({ images: [{ name: 'a', usedDaysAgo: 5 }] });
    assert.equal(made.verdicts[0]?.until, now.wallMs + 2 * DAY_MS);
  });

  it('gives dangling images their own limit and rule', () => {
    const made = plan({
      images: [
        { name: 'named', usedDaysAgo: 2 },
        { name: 'loose', references: [], usedDaysAgo: 2 },
        { name: 'byDigest', references: [], digests: ['r/x@sha256:1'], usedDaysAgo: 2 },
      ],
      policy: { danglingUnusedForMs: durationMs(DAY_MS) },
    });
    assert.deepEqual(
      made.removals.map(({ imageId: id, rule }) => [id, rule]),
      [['loose', 'dangling']],
    );
  });

  it('keeps everything, for no rule, when the age rules are off', () => {
    const made = plan({ images: [{ name: 'a', usedDaysAgo: 99 }], policy: { unusedForMs: null } });
    assert.equal(verdict(made, 'a'), 'keep no-rule');
  });

  it('orders by last use, then by first sight, then by unique bytes, then by ID', () => {
    const made = plan({
      images: [
        { name: 'd', usedDaysAgo: 9, seenDaysAgo: 20 },
        { name: 'c', usedDaysAgo: 9, seenDaysAgo: 20 },
        { name: 'big', usedDaysAgo: 9, seenDaysAgo: 20 },
        { name: 'earlier', usedDaysAgo: 9, seenDaysAgo: 21 },
        { name: 'oldest', usedDaysAgo: 12, seenDaysAgo: 12 },
      ],
      layerMB: { 'big-own': 50 },
    });
    assert.deepEqual(removed(made), ['oldest', 'earlier', 'big', 'c', 'd']);
  });

  it('cuts the tail at max_removals and says so', () => {
    const made = plan({
      images: [
        { name: 'a', usedDaysAgo: 9 },
        { name: 'b', usedDaysAgo: 10 },
        { name: 'c', usedDaysAgo: 11 },
      ],
      policy: { maxRemovals: 2 },
    });
    assert.deepEqual(removed(made), ['c', 'b']);
    assert.equal(verdict(made, 'a'), 'keep capped');
  });
});

describe('planCollection() keeps', () => {
  it('an image used only by a stopped container', () => {
    const made = plan({ images: [{ name: 'a' }], containers: [{ of: 'a', name: 'web', state: 'exited' }] });
    assert.equal(verdict(made, 'a'), 'keep in-use');
    assert.equal(made.verdicts[0]?.detail, 'container web (exited)');
  });

  it('an image that is only mounted into a container', () => {
    const made = plan({ images: [{ name: 'a' }, { name: 'b' }], containers: [{ of: 'b', mountedImageIds: [imageId('a')] }] });
    assert.equal(verdict(made, 'a'), 'keep in-use');
  });

  it('everything, when a doubt was found while observing', () => {
    const inventory = { doubts: [{ kind: 'in-use-unknown', message: 'container x has no image' }] } as const;
    const made = plan({ images: [{ name: 'a' }], inventory });
    assert.deepEqual([made.removals.length, made.refusal?.kind, verdict(made, 'a')], [0, 'in-use-unknown', 'keep doubt']);
  });

  it('sandbox, engine-pinned, leased and read-only images, each for its own reason', () => {
    const made = plan({
      images: [
        { name: 'a', image: { sandbox: true } },
        { name: 'b', image: { pinned: true } },
        { name: 'c', image: { leased: true } },
        { name: 'd', image: { readOnly: true } },
      ],
    });
    assert.deepEqual(
      made.verdicts.map(({ reason }) => reason),
      ['sandbox', 'pinned', 'leased', 'read-only'],
    );
  });

  it('what a pattern, a digest, an ID or a label protects, under any spelling', () => {
    const digest = `sha256:${'ab'.repeat(32)}`;
    const made = plan({
      images: [
        { name: 'a', references: ['docker.io/library/nginx:1'] },
        { name: 'b', references: ['host:5000/team/x:2'] },
        { name: 'c', references: [], digests: [`docker.io/lab/c@${digest}`] },
        { name: '0123456789abcdef' },
        { name: 'e', image: { labels: { keep: 'true' } } },
        { name: 'f', references: ['docker.io/library/nginx-other:1'] },
      ],
      policy: {
        protect: { references: ['nginx:*', 'host:5000/team/*', digest, '0123456789ab'].map(pattern), labels: [label('keep=true')] },
      },
    });
    assert.deepEqual(
      made.verdicts.map(({ reason }) => reason),
      ['protected', 'protected', 'protected', 'protected', 'protected', 'unused-for'],
    );
  });

  it('an image by one protected name, whatever its other names are', () => {
    const made = plan({
      images: [{ name: 'a', references: ['docker.io/library/x:1', 'docker.io/library/keep:1'] }],
      policy: { protect: { references: [pattern('keep')] } },
    });
    assert.equal(verdict(made, 'a'), 'keep protected');
  });

  it('a pinned image until the pin ends, and beyond that while the wall clock cannot be trusted', () => {
    const pin = { pattern: 'a', owner: 'ann', reason: 'demo', until: wallMs(now.wallMs - 1) };
    const ended = plan({ images: [{ name: 'a' }], input: { pins: [pin] } });
    const untrusted = plan({ images: [{ name: 'a' }], input: { pins: [pin], now: { ...now, isWallTrusted: false } } });
    const standing = plan({ images: [{ name: 'a' }], input: { pins: [{ ...pin, until: wallMs(now.wallMs + 1) }] } });
    assert.deepEqual(
      [verdict(ended, 'a'), verdict(untrusted, 'a'), verdict(standing, 'a')],
      ['remove unused-for', 'keep pinned', 'keep pinned'],
    );
  });

  it('an image first seen within the grace, and one used within it, under every rule', () => {
    const made = plan({
      images: [
        { name: 'new', usedDaysAgo: null, seenDaysAgo: 0.001 },
        { name: 'used', usedDaysAgo: 0.001 },
      ],
      input: { freeBytes: bytes(MB) },
    });
    assert.deepEqual(
      made.verdicts.map(({ reason }) => reason),
      ['too-young', 'too-young'],
    );
    assert.equal(made.target?.reached, false);
  });

  it('unrecorded images when scope is "recorded"', () => {
    const made = plan({ images: [{ name: 'a', usedDaysAgo: null }, { name: 'b' }], policy: { scope: 'recorded' } });
    assert.deepEqual([verdict(made, 'a'), verdict(made, 'b')], ['keep not-recorded', 'remove unused-for']);
  });

  it('an image whose removal failed until its next try', () => {
    const failure = {
      imageId: imageId('a'),
      count: 2,
      retryAt: { idleMs: idleMs(now.idleMs + HOUR_MS), wallMs: wallMs(0) },
      message: 'no',
    };
    const made = plan({ images: [{ name: 'a' }], input: { failures: new Map([[imageId('a'), failure]]) } });
    assert.equal(verdict(made, 'a'), 'keep held');
    assert.equal(made.verdicts[0]?.until, now.wallMs + HOUR_MS);
  });

  it('a parent while a child stays, and removes both, the child first, when both may go', () => {
    const family = (childUsedDaysAgo: number): WorldRows => ({
      images: [
        { name: 'parent', references: [], usedDaysAgo: 20, layers: ['base'] },
        { name: 'child', usedDaysAgo: childUsedDaysAgo, layers: ['base', 'top'], image: { parentId: imageId('parent') } },
      ],
    });
    assert.equal(verdict(plan(family(1)), 'parent'), 'keep has-children');
    assert.deepEqual(removed(plan(family(9))), ['child', 'parent']);
  });
});

describe('planCollection() and rollbacks', () => {
  const versions = (switchedDaysAgo: number): WorldRows['images'] => [
    { name: 'v1', references: ['docker.io/library/app:1.0.9'], usedDaysAgo: 10, seenDaysAgo: 40 },
    { name: 'v2', references: ['docker.io/library/app:1.1.0'], usedDaysAgo: 0.5, seenDaysAgo: switchedDaysAgo },
  ];

  it('keeps the version before the current one for 14 days after the switch', () => {
    assert.equal(verdict(plan({ images: versions(13) }), 'v1'), 'keep rollback');
    assert.equal(verdict(plan({ images: versions(14) }), 'v1'), 'remove unused-for');
    assert.equal(verdict(plan({ images: versions(40), policy: { protect: { keepLastForMs: 'always' } } }), 'v1'), 'keep rollback');
    assert.equal(verdict(plan({ images: versions(13), policy: { protect: { keepLast: 0 } } }), 'v1'), 'remove unused-for');
  });

  it("never removes the version before an unconfirmed one, and a confirmed one's only when room is needed, after ordinary images", () => {
    const lineage = (headConfirmed: boolean) => {
      const known = {
        name: 'docker.io/library/app:#.#.#',
        headImageId: imageId('v2'),
        previousImageId: imageId('v1'),
        switchedAt: daysAgo(5),
        headConfirmed,
      };
      return { lineages: new Map([[known.name, known]]), freeBytes: bytes(15 * MB) };
    };
    const images = [...versions(5), { name: 'plain', usedDaysAgo: 3 }];
    const containers = [{ of: 'v2' }];
    const confirmed = plan({ images, containers, input: lineage(true) });
    const unconfirmed = plan({ images, containers, input: lineage(false) });
    assert.deepEqual(removed(confirmed), ['plain', 'v1']);
    assert.deepEqual([removed(unconfirmed), unconfirmed.target?.reached], [['plain'], false]);
    assert.equal(verdict(unconfirmed, 'v1'), 'keep rollback');
  });

  it('counts only versions that were used', () => {
    const images = [...versions(5), { name: 'v0', references: ['docker.io/library/app:1.0.8'], usedDaysAgo: null, seenDaysAgo: 20 }];
    assert.equal(verdict(plan({ images }), 'v0'), 'remove unused-for');
  });
});

describe('planCollection() and local images', () => {
  const images: WorldRows['images'] = [
    { name: 'local', image: { origin: 'local' }, usedDaysAgo: 20 },
    { name: 'unknown', image: { origin: null }, usedDaysAgo: 19 },
    { name: 'pulled', usedDaysAgo: 1 },
    { name: 'loose', references: [], image: { origin: 'local' }, usedDaysAgo: 18 },
  ];

  it('leaves them to the disk rule, after all others, by default', () => {
    const aged = plan({ images, policy: { protect: { local: 'last' } } });
    assert.deepEqual(removed(aged), ['loose']);
    const pressed = plan({ images, policy: { protect: { local: 'last' } }, input: { freeBytes: bytes(25 * MB) } });
    assert.deepEqual(removed(pressed), ['loose', 'pulled', 'local']);
  });

  it('never removes them with "keep", and treats them like any with "no"', () => {
    const kept = plan({ images, policy: { protect: { local: 'keep' } }, input: { freeBytes: bytes(99 * MB) } });
    assert.deepEqual(removed(kept), ['loose', 'pulled']);
    assert.deepEqual(removed(plan({ images })), ['local', 'unknown', 'loose']);
  });

  it('says how many bytes that holds back', () => {
    const made = plan({ images, policy: { protect: { local: 'last' } } });
    assert.equal(made.heldByLocalBytes, 20 * MB);
  });
});

describe('planCollection() and bytes', () => {
  const shared: WorldRows = {
    images: [
      { name: 'a', layers: ['base', 'a'], usedDaysAgo: 12 },
      { name: 'b', layers: ['base', 'b'], usedDaysAgo: 11 },
      { name: 'kept', layers: ['other'], usedDaysAgo: 0.5 },
    ],
    layerMB: { base: 100 },
  };

  it('counts a shared layer once, for the removal that takes its last need away', () => {
    const made = plan(shared);
    assert.deepEqual(
      made.removals.map(({ freesBytes }) => freesBytes),
      [10 * MB, 110 * MB],
    );
    assert.equal(made.expectedFreedBytes, 120 * MB);
  });

  it('frees nothing of a layer that the build cache needs', () => {
    const inventory = { buildCache: { layers: planInput(shared).inventory.images[0]?.layers?.slice(0, 1) ?? [], sizeBytes: null } };
    assert.equal(plan({ ...shared, inventory }).expectedFreedBytes, 20 * MB);
  });

  it('says null and incomplete for an unknown layer, and counts it 0', () => {
    const made = plan({ ...shared, layerMB: { base: null } });
    assert.deepEqual(
      made.removals.map(({ freesBytes }) => freesBytes),
      [10 * MB, null],
    );
    assert.deepEqual([made.expectedFreedBytes, made.complete], [10 * MB, false]);
  });

  it('counts the size of an image without layers as a layer of its own', () => {
    const made = plan({ images: [{ name: 'a', image: { layers: null, sizeBytes: bytes(7) } }] });
    assert.equal(made.expectedFreedBytes, 7);
  });

  it('counts a chain that an image lists twice once', () => {
    assert.equal(plan({ images: [{ name: 'a', layers: ['x', 'x'] }] }).expectedFreedBytes, 10 * MB);
  });
});

describe('planCollection() and targets', () => {
  const images: WorldRows['images'] = [
    { name: 'a', layers: ['a'], usedDaysAgo: 5 },
    { name: 'b', layers: ['b'], usedDaysAgo: 4 },
    { name: 'c', layers: ['c'], usedDaysAgo: 3 },
  ];
  const layerMB = { a: 10, b: 20, c: 30 };

  it('frees just what --free asks for, and puts back what proved unnecessary', () => {
    const made = plan({ images, layerMB, input: { freeBytes: bytes(25 * MB) } });
    assert.deepEqual([removed(made), made.expectedFreedBytes], [['a', 'b'], 30 * MB]);
    const spared = plan({ images, layerMB: { a: 10, b: 30, c: 5 }, input: { freeBytes: bytes(25 * MB) } });
    assert.deepEqual([removed(spared), spared.removals[0]?.rule], [['b'], 'free']);
    assert.equal(verdict(spared, 'a'), 'keep recently-used');
  });

  it('lets age removals count towards the bytes asked for', () => {
    const made = plan({
      images: [...images, { name: 'old', layers: ['old'], usedDaysAgo: 9 }],
      layerMB: { ...layerMB, old: 30 },
      input: { freeBytes: bytes(25 * MB) },
    });
    assert.deepEqual(removed(made), ['old']);
  });

  it('out of reach: takes all that frees bytes, misses, and says who holds the rest', () => {
    const made = plan({
      images: [...images, { name: 'same', layers: ['held'], usedDaysAgo: 6 }, { name: 'used', layers: ['held', 'mine'], usedDaysAgo: 0.5 }],
      layerMB: { ...layerMB, held: 40, mine: 5 },
      containers: [{ of: 'used' }],
      input: { freeBytes: bytes(999 * MB) },
    });
    assert.deepEqual([removed(made), made.target?.reached], [['a', 'b', 'c'], false]);
    assert.deepEqual(made.held, [{ reason: 'in-use', bytes: 45 * MB }]);
  });

  const disk = (used: number, available: number) => ({
    disk: {
      capacityBytes: bytes((used + available) * MB),
      usedBytes: bytes(used * MB),
      availableBytes: bytes(available * MB),
      inodes: null,
      inodesUsed: null,
    },
  });

  it('fires at usage equal to high and frees to low or less', () => {
    const policy = { disk: { highFraction: 0.85, lowFraction: 0.8 } };
    const made = plan({ images, layerMB, policy, inventory: disk(85, 15) });
    assert.deepEqual([made.target?.bytes, removed(made), made.removals[0]?.rule], [5 * MB, ['a'], 'disk']);
    assert.equal(plan({ images, layerMB, policy, inventory: disk(84, 16) }).target, null);
  });

  it('without low frees to just below high', () => {
    const made = plan({ images, layerMB, policy: { disk: { highFraction: 0.85 } }, inventory: disk(85, 15) });
    assert.equal(made.target?.bytes, 1);
  });

  it('lets the strictest of several targets win', () => {
    const policy = { disk: { highFraction: 0.85, lowFraction: 0.8, minFreeBytes: bytes(40 * MB), maxImageBytes: bytes(50 * MB) } };
    assert.equal(plan({ images, layerMB, policy, inventory: disk(85, 15) }).target?.bytes, 25 * MB);
  });

  it('fires nothing that needs figures where the filesystem is unknown', () => {
    assert.equal(plan({ images, layerMB, policy: { disk: { highFraction: 0.01, minFreeBytes: bytes(999 * MB) } } }).target, null);
  });

  it('keeps max_images images, the last used', () => {
    const made = plan({ images, layerMB, policy: { disk: { maxImages: 1 } } });
    assert.deepEqual([removed(made), made.target?.reached], [['a', 'b'], true]);
  });

  it('estimates inodes by the average of the filesystem', () => {
    const inventory = { disk: { ...disk(50, 50).disk, inodes: 1000, inodesUsed: 950 } };
    const made = plan({ images, layerMB, policy: { disk: { highInodesFraction: 0.9, lowInodesFraction: 0.9 } }, inventory });
    assert.equal(made.target?.bytes, Math.ceil((50 * 50 * MB) / 950));
  });

  it('leaves the disk rule aside when --free is given', () => {
    const made = plan({ images, layerMB, policy: { disk: { maxImages: 1 } }, input: { freeBytes: bytes(1) } });
    assert.deepEqual(removed(made), ['a']);
  });

  it('is decided by the inventory it is given and nothing else', () => {
    const input = planInput({ images, layerMB, input: { freeBytes: bytes(25 * MB) } });
    assert.deepEqual(planCollection(input), planCollection({ ...input, inventory: makeInventory({ images, layerMB }) }));
  });
});
